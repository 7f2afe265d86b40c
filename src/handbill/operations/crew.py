"""Several processes that send one run together: how many, which part of the connections each has, and how they end.

They share nothing but the database: claims, limits, budget and pauses are all there. So one that is killed takes
nothing with it: its lock opens, the others take its messages back, and what it had marked is unsure, as ever.
"""

import json
import os
import pickle
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Self

from sqlalchemy import func, select

from handbill.clock import Clock
from handbill.delivery.providers import email_provider
from handbill.errors import Mendable, Problem, RunRefused
from handbill.operations.opening import opened
from handbill.rendering.processes import Refusal, program
from handbill.store.connection import reading
from handbill.store.tables import outbox

WORTH_A_CREW = 10_000
"""E-mails from which on a second process pays for its start, unless somebody says how many are wanted."""
USUALLY = 2
MOST = 16
MENDABLE, BUG = 2, 3
"""Exit codes of a helper: it wrote what has to be mended to its standard output, or a bug's traceback to stderr."""

_MEMBER = "handbill.operations.crew_member"


class Crew:
    """The other processes at work on a run, and the `connections` that are left for this one.

    `trouble` is what stopped one of them and somebody has to mend; whoever goes on may have met it too.
    """

    def __init__(self, connections: int) -> None:
        self.connections = connections
        self.trouble: Mendable | None = None
        self._helpers: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.dismiss()

    @property
    def helpers(self) -> list[int]:
        """The numbers of the other processes that are at work."""
        return [helper.pid for helper in self._helpers if helper.poll() is None]

    def add(self, project_dir: Path, run_id: int, connections: int, now: str | None) -> None:
        """Starts one more."""
        # In a session of its own, so that Ctrl-C reaches this process alone, which then lets the others finish.
        helper = subprocess.Popen(  # noqa: S603 - our own code, and nothing of the user's in it
            program(_MEMBER), stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self._helpers.append(helper)
        assert helper.stdin  # noqa: S101 - for the type checker: it was asked for
        task = {"project_dir": str(project_dir), "run_id": run_id, "connections": connections, "now": now}
        with suppress(BrokenPipeError):  # it was lost at once, and `finish` tells so
            helper.stdin.write(json.dumps(task).encode() + b"\n")
            helper.stdin.flush()

    def finish(self) -> bool:
        """Waits until the others find nothing more to do. True: one was lost, so look whether it left something.

        Raises:
            RuntimeError: one of them met a bug of ours, and printed it.
        """
        for helper in self._helpers:
            said = helper.stdout.read() if helper.stdout else b""
            if helper.wait() == MENDABLE:
                refusal: Refusal = pickle.loads(said)  # noqa: S301 - our own process wrote it
                self.trouble = refusal.kind(*refusal.problems)
        ended = [helper.returncode for helper in self._helpers]
        self.dismiss()
        if BUG in ended:
            raise RuntimeError("a process that was sending too met a mistake of ours; it stands above")
        return any(ended)

    def dismiss(self) -> None:
        """Lets the others finish what is on its way, and no more; waits for them."""
        try:
            for helper in self._helpers:
                if helper.stdin and not helper.stdin.closed:
                    with suppress(BrokenPipeError):
                        helper.stdin.close()
            for helper in self._helpers:
                helper.wait()
                if helper.stdout:
                    helper.stdout.close()
        except BaseException:  # somebody interrupts for a second time
            for helper in self._helpers:
                helper.kill()
            raise
        finally:
            self._helpers.clear()


def hire(project_dir: Path, run_id: int, workers: int | None, *, clock: Clock, now: str | None) -> Crew:
    """So many processes in all, of which this one is the first; by itself it takes a second one for large runs only.

    Raises:
        RunRefused: more are wanted than make sense.
    """
    with opened(project_dir) as (project, _, engine):
        channel = project.channels.email
        due = select(func.count()).where(
            outbox.c.run_id == run_id,
            outbox.c.channel == "email",
            outbox.c.state == "queued",
            outbox.c.not_before <= clock(),
        )
        with reading(engine) as connection:
            count = connection.scalar(due) or 0
        connections = email_provider(project).connections if channel and count else 1
    shares = shared_out(connections, _wanted(workers, count))
    crew = Crew(shares[0] if count else connections)
    try:
        for share in shares[1:] if count else ():
            crew.add(project_dir, run_id, share, now)
    except BaseException:
        crew.dismiss()
        raise
    return crew


def shared_out(connections: int, workers: int) -> list[int]:
    """How many connections each worker has; there are no more workers than connections.

    >>> shared_out(10, 3), shared_out(2, 4)
    ([4, 3, 3], [1, 1])
    """
    workers = min(workers, connections)
    return [connections // workers + (number < connections % workers) for number in range(workers)]


def _wanted(workers: int | None, count: int) -> int:
    if workers is None:
        return min(USUALLY, os.cpu_count() or 1) if count >= WORTH_A_CREW else 1
    if not 1 <= workers <= MOST:
        raise RunRefused(Problem(what=f"{workers} workers are wanted.", mend=f"Give a number from 1 to {MOST}."))
    return workers
