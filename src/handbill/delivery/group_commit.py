"""One transaction for all connections that stand before their dot, so that one disk flush serves many messages."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from handbill.delivery.outbox import Claimed, Settlement, Verdict

Write = Callable[[Sequence[Settlement], Sequence[Claimed]], Mapping[int, Verdict]]
"""Writes in one transaction how messages ended, and marks others; answers by id whether these may leave."""

GATHER_SECONDS = 0.002
"""How long a writer waits for the other connections; next to nothing beside a network, and a transaction for four
costs little more than one for one."""


class GroupCommit:
    """Collects what many connections want written while one of them writes; the next writes for all that wait.

    How a message ended is written at the latest together with the marker of the next one on the same connection. So
    at no instant is more than one message of a connection marked and not settled. `expected` says how many
    connections may come to mark something.
    """

    def __init__(self, write: Write, expected: Callable[[], int] = lambda: 1) -> None:
        self._write = write
        self._expected = expected
        self._settlements: list[Settlement] = []
        self._marks: list[_Mark] = []
        self._lists = threading.Condition(threading.Lock())
        self.turn = threading.Lock()
        """Held by whoever writes to the store; other writers of this process take it too instead of polling for it."""

    @property
    def waiting(self) -> int:
        """How many markers the next writer takes along."""
        return len(self._marks)

    def add(self, settlement: Settlement) -> None:
        """Leaves it to whoever writes next to write down how a message ended."""
        with self._lists:
            self._settlements.append(settlement)

    def mark(self, row: Claimed) -> Verdict:
        """Marks a message durably, and settles what was added before; answers whether it may leave.

        Raises whatever the store raises; then nothing was written, and what was added waits for the next try.
        """
        mark = _Mark(row)
        with self._lists:
            self._marks.append(mark)
            self._lists.notify_all()
        with self.turn:
            if mark.verdict is None and mark.error is None:
                self._gather()
                self._write_all_that_waits()
        if mark.error is not None:
            raise mark.error
        assert mark.verdict is not None  # noqa: S101 - for the type checker: one of the two is set by now
        return mark.verdict

    def flush(self) -> None:
        """Writes down what was added, now."""
        with self.turn:
            if self._settlements:
                self._write_all_that_waits()

    def _gather(self) -> None:
        with self._lists:
            self._lists.wait_for(lambda: len(self._marks) >= self._expected(), timeout=GATHER_SECONDS)

    def _write_all_that_waits(self) -> None:
        with self._lists:
            settlements, self._settlements = self._settlements, []
            marks, self._marks = self._marks, []
        try:
            verdicts = self._write(settlements, [mark.row for mark in marks])
        except BaseException as error:
            with self._lists:
                self._settlements = settlements + self._settlements
            for mark in marks:
                mark.error = error
            raise
        for mark in marks:
            mark.verdict = verdicts[mark.row.id]


@dataclass
class _Mark:
    """A message that waits to be marked, and what came of it."""

    row: Claimed
    verdict: Verdict | None = None
    error: BaseException | None = None
