"""Several processes behind one socket: started, replaced when they die, and ended together in order."""

import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

from handbill.errors import HandbillError

AGAIN_SECONDS = 1.0
"""A process that dies is replaced after so long: one that cannot start must not keep the machine busy."""
LOOK_SECONDS = 0.5

Work = Callable[[socket.socket], None]
"""What a process does with the socket until SIGTERM; it must be importable, because it is started afresh."""


def run_workers(work: Work, listener: socket.socket, count: int) -> None:
    """Keeps `count` processes at work until SIGTERM or Ctrl-C; returns when the last has ended.

    Raises:
        KeyboardInterrupt: it was Ctrl-C.
    """
    ended_by: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        ended_by.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    workers: list[SpawnProcess] = []
    try:
        workers += [_started(work, listener) for _ in range(count)]
        while not ended_by:
            if wait([worker.sentinel for worker in workers], timeout=LOOK_SECONDS):
                time.sleep(AGAIN_SECONDS)
                workers = [worker if worker.is_alive() else _started(work, listener) for worker in workers]
    finally:
        _end(workers)
        for number, handler in before.items():
            signal.signal(number, handler)
    if signal.SIGINT in ended_by:
        raise KeyboardInterrupt


@contextmanager
def working_beside(work: Work, listener: socket.socket) -> Iterator[None]:
    """One process at work while the block runs."""
    worker = _started(work, listener)
    try:
        yield
    finally:
        _end([worker])


def _end(workers: Sequence[SpawnProcess]) -> None:
    """Ends them in order, each told again and again: one that is still starting may lose what it is told."""
    while alive := [worker for worker in workers if worker.is_alive()]:
        for worker in alive:
            worker.terminate()
        wait([worker.sentinel for worker in alive], timeout=AGAIN_SECONDS)


def _started(work: Work, listener: socket.socket) -> SpawnProcess:
    # Spawned, not forked: a process that talks to a database and has threads cannot be copied.
    worker = multiprocessing.get_context("spawn").Process(target=_run, args=(work, listener))
    worker.start()
    return worker


def _run(work: Work, listener: socket.socket) -> None:
    # Ctrl-C reaches every process of a terminal, and means the same as being told by the first one. Also a process
    # that is still starting ends then: nobody would tell it again.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    _end_with_parent()
    try:
        work(listener)
    except HandbillError as error:  # such as a database that is away for now: a line each time, and no traceback
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def _end_with_parent() -> None:
    """Ends this process when the one that started it was killed: nobody else would, and the port stays taken."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - for the type checker: this runs in a started process only

    def watch() -> None:
        parent.join()
        while True:  # a signal that comes in the middle of an import may end nothing
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(AGAIN_SECONDS)

    threading.Thread(target=watch, daemon=True).start()
