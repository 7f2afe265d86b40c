"""How thousands of pieces are rendered at once: a process for each processor, each with presses of its own."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Self

from handbill.definitions.project import Project
from handbill.rendering.press_worker import Breakdown, Presses, PrintJob
from handbill.rendering.print import RenderedMail

PIECES_A_JOB = 40
"""Enough to share one PDF's fonts among, few enough to keep all processes busy to the end."""
WORTH_A_PROCESS = 60
"""A process needs a second to load WeasyPrint, in which another one renders some fifteen letters."""

Rendered = Callable[[int], None]
"""Told how many pieces another job has brought."""


class PressRoom:
    """Holds the processes, which start with the first large order and end with the room."""

    def __init__(self, project: Project, *, processes: int | None = None) -> None:
        self._project = project
        self._most = processes or os.cpu_count() or 1
        self._here = Presses(project)
        self._processes: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.communicate()
        self._processes.clear()

    def render(self, jobs: Sequence[PrintJob], rendered: Rendered | None = None) -> list[RenderedMail]:
        """The jobs' pieces, in the order of the jobs."""
        pieces = sum(len(job.pieces) for job in jobs)
        wanted = min(self._most, len(jobs), pieces // WORTH_A_PROCESS)
        if wanted < 2:
            return list(_counted(jobs, map(self._here.render, jobs), rendered))
        while len(self._processes) < wanted:
            self._processes.append(self._start())
        idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for process in self._processes:
            idle.put(process)

        def work(job: PrintJob) -> RenderedMail:
            process = idle.get()
            try:
                return _ask(process, job)
            finally:
                idle.put(process)

        with ThreadPoolExecutor(len(self._processes)) as threads:
            return list(_counted(jobs, threads.map(work, jobs), rendered))

    def _start(self) -> subprocess.Popen[bytes]:
        # -P: a file in the working directory must not take the place of a module.
        command = [sys.executable, "-P", "-c", "from handbill.rendering.press_worker import main; main()"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603 - our own module
        _send(process, self._project)
        return process


def _counted(
    jobs: Sequence[PrintJob], mails: Iterable[RenderedMail], rendered: Rendered | None
) -> Iterator[RenderedMail]:
    for job, mail in zip(jobs, mails, strict=True):
        if rendered:
            rendered(len(job.pieces))
        yield mail


def _ask(process: subprocess.Popen[bytes], job: PrintJob) -> RenderedMail:
    _send(process, job)
    if process.stdout is None:
        raise RuntimeError("a press has no output")
    try:
        answer = pickle.load(process.stdout)  # noqa: S301 - both ends of the pipe are ours
    except EOFError:
        raise RuntimeError(f"a press ended by itself with exit code {process.wait()}") from None
    if isinstance(answer, Breakdown):
        raise RuntimeError(f"a press broke down:\n{answer.text}")
    if not isinstance(answer, RenderedMail):
        raise TypeError(f"a press answered with {type(answer).__name__}")
    return answer


def _send(process: subprocess.Popen[bytes], value: object) -> None:
    if process.stdin is None:
        raise RuntimeError("a press has no input")
    pickle.dump(value, process.stdin)
    process.stdin.flush()
