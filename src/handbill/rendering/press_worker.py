"""One process of a press room: reads jobs from its standard input, writes rendered pieces to its standard output.

Started by press_room.py. It ends when its input does, and so never outlives the process that started it, however that
one ends.
"""

import os
import pickle
import sys
import traceback
from dataclasses import dataclass

from handbill.definitions.project import Project
from handbill.rendering.print import MailTemplate, PieceInput, RenderedMail, compile_mail


@dataclass(frozen=True)
class PrintJob:
    """Some pieces of one arm."""

    campaign: str
    arm: str
    pieces: tuple[PieceInput, ...]


@dataclass(frozen=True)
class Breakdown:
    """A bug of ours, as its traceback."""

    text: str


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
    inlet, outlet = sys.stdin.buffer, os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints must not end up among the answers
    try:
        presses = Presses(pickle.load(inlet))  # noqa: S301 - both ends of the pipe are ours
        while True:
            job = pickle.load(inlet)  # noqa: S301 - both ends of the pipe are ours
            pickle.dump(_answer(presses, job), outlet)
            outlet.flush()
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return


def _answer(presses: Presses, job: PrintJob) -> RenderedMail | Breakdown:
    try:
        return presses.render(job)
    except Exception:  # noqa: BLE001 - told to the parent, which raises it
        return Breakdown(traceback.format_exc())
