"""How thousands of pieces are rendered at once: a process for each processor, each with presses of its own."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Self

from handbill.definitions.project import Project
from handbill.rendering.press_worker import Presses, PrintJob
from handbill.rendering.print import RenderedMail
from handbill.rendering.processes import Processes

PIECES_A_JOB = 40
"""Enough to share one PDF's fonts among, few enough to keep all processes busy to the end."""
WORTH_A_PROCESS = 60
"""A process needs a second to load WeasyPrint, in which another one renders some fifteen letters."""

Rendered = Callable[[int], None]
"""Told how many pieces another job has brought."""


class PressRoom:
    """Holds the processes, which start with the first large order and end with the room."""

    def __init__(self, project: Project, *, processes: int | None = None) -> None:
        self._most = processes or os.cpu_count() or 1
        self._here = Presses(project)
        self._processes = Processes("handbill.rendering.press_worker", project, "press")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *reason: object) -> None:
        self._processes.__exit__(*reason)

    def render(self, jobs: Sequence[PrintJob], rendered: Rendered | None = None) -> list[RenderedMail]:
        """The jobs' pieces, in the order of the jobs."""
        pieces = sum(len(job.pieces) for job in jobs)
        wanted = min(self._most, len(jobs), pieces // WORTH_A_PROCESS)
        mails = map(self._here.render, jobs) if wanted < 2 else self._processes.answers(jobs, wanted)
        return list(_counted(jobs, mails, rendered))


def _counted(
    jobs: Sequence[PrintJob], mails: Iterable[RenderedMail], rendered: Rendered | None
) -> Iterator[RenderedMail]:
    for job, mail in zip(jobs, mails, strict=True):
        if rendered:
            rendered(len(job.pieces))
        yield mail
