"""Whether the files of a project are right: declarations, segments and templates, every mistake of all at once."""

from dataclasses import dataclass
from pathlib import Path

from handbill.definitions.checks.content import template_names
from handbill.definitions.loading import CAMPAIGNS_FILE, read_project
from handbill.definitions.project import Project
from handbill.errors import Problem, ProjectInvalid


@dataclass(frozen=True)
class Inventory:
    """How much a project holds."""

    campaigns: int
    segments: int
    templates: int

    def __str__(self) -> str:
        counts = (self.campaigns, "campaign"), (self.segments, "segment"), (self.templates, "template")
        return ", ".join(f"{count} {noun}{'' if count == 1 else 's'}" for count, noun in counts)


@dataclass(frozen=True)
class Looked:
    """What was found: the project as far as it can be read, its mistakes, and what is probably not meant."""

    project: Project | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


def look_over(root: Path) -> Looked:
    """Everything to say about the project in the folder `root`, in the order of the files."""
    project, problems = read_project(root)
    if project is None:
        return Looked(None, tuple(problems))
    # Loading the template engines takes 0.2 s, which a project that cannot be read does not need to wait for.
    from handbill.rendering.fields import look_over as look_over_templates  # noqa: PLC0415 - see above

    found = look_over_templates(project)
    return Looked(project, tuple(sorted({*problems, *found.problems})), tuple(found.remarks))


def check_project(root: Path) -> Project:
    """The project in the folder `root`, right in every file.

    Raises:
        ProjectInvalid: every mistake, in the order of the files.
    """
    looked = look_over(root)
    if looked.problems or looked.project is None:
        raise ProjectInvalid(*looked.problems)
    return looked.project


def inventory(project: Project) -> Inventory:
    """What was checked."""
    templates = sum(len(names) for names in template_names(project.templates_dir).values())
    return Inventory(len(project.campaigns), len(project.segments), templates)


def all_good(project: Project) -> str:
    """The one line that a project without mistakes deserves."""
    return f"{CAMPAIGNS_FILE}: {inventory(project)}: all good."
