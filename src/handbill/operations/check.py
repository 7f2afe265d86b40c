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


def check_project(root: Path) -> Project:
    """The project in the folder `root`, right in every file.

    Raises:
        ProjectInvalid: every mistake, in the order of the files.
    """
    project, problems = read_project(root)
    if project is not None:
        problems = sorted({*problems, *_check_templates(project)})
    if problems or project is None:
        raise ProjectInvalid(*problems)
    return project


def inventory(project: Project) -> Inventory:
    """What was checked."""
    templates = sum(len(names) for names in template_names(project.templates_dir).values())
    return Inventory(len(project.campaigns), len(project.segments), templates)


def all_good(project: Project) -> str:
    """The one line that a project without mistakes deserves."""
    return f"{CAMPAIGNS_FILE}: {inventory(project)}: all good."


def _check_templates(project: Project) -> list[Problem]:
    # Loading the template engines takes 0.2 s, which a project that cannot be read does not need to wait for.
    from handbill.rendering.fields import check_templates  # noqa: PLC0415 - see above

    return check_templates(project)
