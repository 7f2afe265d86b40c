"""One go through campaign tests: projects are read once, tables are made once, and every file is planned once."""

from pathlib import Path
from types import TracebackType
from typing import Self

from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.errors import Problem, ProjectInvalid
from handbill.rehearsal.files import CAMPAIGNS_FILE, ENDING, campaign_tests, project_of
from handbill.rehearsal.reading import Rehearsal, read_rehearsal
from handbill.rehearsal.report import Verdict, rehearse
from handbill.rehearsal.stage import Stage


class Session:
    """Reads and performs campaign tests; use it as a context, or close it."""

    def __init__(self) -> None:
        self._stage = Stage()
        self._projects: dict[Path, Project] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Removes what performances left behind."""
        self._stage.close()

    def read(self, path: Path) -> Rehearsal:
        """The test in a file.

        Raises:
            ProjectInvalid: the file has mistakes, or its project has, or it belongs to none.
        """
        return read_rehearsal(self._project(path), path)

    def perform(self, path: Path, rehearsal: Rehearsal) -> dict[str, Verdict]:
        """The verdict on every persona of a test of whom something is expected.

        Raises:
            ProjectInvalid: see `handbill.rehearsal.report.rehearse`.
        """
        return rehearse(self._stage, self._project(path), rehearsal)

    def _project(self, path: Path) -> Project:
        root = project_of(path)
        if root is None:
            what = f"no folder above it holds a {CAMPAIGNS_FILE}."
            raise ProjectInvalid(Problem(str(path), what=what, mend="Move it into a project, below tests/."))
        if root not in self._projects:
            self._projects[root] = load_project(root)
        return self._projects[root]


def rehearse_all(root: Path, paths: list[Path]) -> list[Verdict]:
    """The verdicts of the files, or of every campaign test of the project in the folder `root`.

    Raises:
        ProjectInvalid: the project or any of the files has mistakes; all of them are listed.
    """
    problems: list[Problem] = []
    with Session() as session:
        read: list[tuple[Path, Rehearsal]] = []
        for path in paths or campaign_tests(root):
            try:
                read.append((path, session.read(_found(path))))
            except ProjectInvalid as error:
                problems += error.problems
        if problems:
            raise ProjectInvalid(*sorted(set(problems)))
        return [verdict for path, each in read for verdict in session.perform(path, each).values()]


def _found(path: Path) -> Path:
    if not path.name.endswith(ENDING):
        mend = f"Name a file that ends in {ENDING}."
        raise ProjectInvalid(Problem(str(path), what="this is no campaign test.", mend=mend))
    return path
