"""One process of a press room: pieces of letters and postcards in, PDFs out."""

from dataclasses import dataclass

from handbill.definitions.project import Project
from handbill.rendering.print import MailTemplate, PieceInput, RenderedMail, compile_mail
from handbill.rendering.processes import serve


@dataclass(frozen=True)
class PrintJob:
    """Some pieces of one arm."""

    campaign: str
    arm: str
    pieces: tuple[PieceInput, ...]


class Presses:
    """The templates of a project's arms, each compiled when its first job comes."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._templates: dict[tuple[str, str], MailTemplate] = {}

    def render(self, job: PrintJob) -> RenderedMail:
        """The pieces of a job."""
        key = job.campaign, job.arm
        if key not in self._templates:
            self._templates[key] = compile_mail(self._project, self._project.campaigns[job.campaign], job.arm)
        return self._templates[key].render(job.pieces)


def main() -> None:
    """Renders until there are no more jobs."""
    serve(lambda project: Presses(project).render)
