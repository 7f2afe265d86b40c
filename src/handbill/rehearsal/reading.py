"""What a campaign test says, read and checked against its project, with every mistake at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from handbill.definitions.campaign import Campaign
from handbill.definitions.findings import Finding, placed
from handbill.definitions.findings import Path as KeyPath
from handbill.definitions.project import Project
from handbill.definitions.rehearsal import Persona, RehearsalFile
from handbill.definitions.validation import validate
from handbill.definitions.yaml import Keys, read_yaml
from handbill.errors import Problem, ProjectInvalid
from handbill.rehearsal.checks import aware, check
from handbill.rehearsal.files import campaign_tests
from handbill.rehearsal.likeness import resolved


@dataclass(frozen=True)
class Rehearsal:
    """A campaign test that is right in itself. `personas` have what those have that they are like.

    `file` is its name below the project's folder; `now` is aware.
    """

    file: str
    written: RehearsalFile
    tree: Keys
    campaign: Campaign
    now: datetime
    personas: Mapping[str, Persona]

    def problem(self, path: KeyPath, what: str, mend: str) -> Problem:
        """A mistake at a path of keys; without a line where nothing is written there."""
        return placed([Finding(path, what, mend)], self.tree, self.file)[0]

    def moment(self, written: datetime | timedelta, project: Project) -> datetime:
        """A time of the file: so long before its `now`, or local time of the project."""
        return self.now - written if isinstance(written, timedelta) else aware(written, project)


def read_rehearsal(project: Project, path: Path) -> Rehearsal:
    """The campaign test in a file.

    Raises:
        ProjectInvalid: every mistake in it.
    """
    file = _named(project, path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ProjectInvalid(
            Problem(file, what=f"the file cannot be read: {error.strerror}.", mend="Mend its permissions.")
        ) from error
    tree, problems = read_yaml(content, file)
    if tree is None:
        raise ProjectInvalid(*problems)
    written, findings = validate(RehearsalFile, tree)
    if written is not None:
        findings = list(check(project, written))
    problems += placed(findings, tree, file)
    if problems or written is None:
        raise ProjectInvalid(*sorted(set(problems)))
    campaign = project.campaigns[written.campaign]
    return Rehearsal(file, written, tree, campaign, aware(written.now, project), resolved(written.personas))


def mistakes_of_tests(project: Project) -> list[Problem]:
    """Every mistake in the campaign tests of a project, in the order of the files."""
    found: list[Problem] = []
    for path in campaign_tests(project.root):
        try:
            read_rehearsal(project, path)
        except ProjectInvalid as error:
            found += error.problems
    return found


def _named(project: Project, path: Path) -> str:
    here, root = path.resolve(), project.root.resolve()
    return here.relative_to(root).as_posix() if here.is_relative_to(root) else str(path)
