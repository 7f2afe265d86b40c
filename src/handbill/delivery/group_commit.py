"""One transaction for all connections that stand before their dot, so that one disk flush serves many messages."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from handbill.channels.switchboard import Bell
from handbill.delivery.outbox import Claimed, Settlement, Verdict

Write = Callable[[Sequence[Settlement], Sequence[Claimed]], Mapping[int, Verdict]]
"""Writes in one transaction how messages ended, and marks others; answers by id whether these may leave."""

GATHER_AT_LEAST, GATHER_AT_MOST = 0.002, 0.02
"""Seconds that a message waits for those of other connections: twice what the last transaction took, within these.
One for ten costs little more than one for one, most of all on a server; next to a network it is little."""
LOOK_EVERY = 0.5
"""Seconds between looks whether the one who writes is done, should its bell not ring."""


class GroupCommit:
    """Collects what the connections of one switchboard want written, and writes it in one transaction.

    How a message ended is written at the latest together with the marker of the next one on the same connection. So
    at no instant is more than one message of a connection marked and not settled. `expected` says how many
    more connections are about to mark something.
    """

    def __init__(self, write: Write, expected: Callable[[], int] = lambda: 0) -> None:
        self._write = write
        self._expected = expected
        self._settlements: list[Settlement] = []
        self._marks: list[_Mark] = []
        self._is_writing = False
        self._lasted = 0.0
        self._written = Bell()

    @property
    def waiting(self) -> int:
        """How many markers the next writer takes along."""
        return len(self._marks)

    def add(self, settlement: Settlement) -> None:
        """Leaves it to whoever writes next to write down how a message ended."""
        self._settlements.append(settlement)

    def mark(self, row: Claimed) -> Verdict:
        """Marks a message durably, and settles what was added before; answers whether it may leave.

        Raises whatever the store raises; then nothing was written, and what was added waits for the next try.
        """
        mark = _Mark(row)
        self._marks.append(mark)
        if self._expected() and not self._is_writing:
            self._written.wait(max(GATHER_AT_LEAST, min(2 * self._lasted, GATHER_AT_MOST)))
        while mark.verdict is None and mark.error is None:
            self._write_or_wait()
        if mark.error is not None:
            raise mark.error
        assert mark.verdict is not None  # noqa: S101 - for the type checker: one of the two is set by now
        return mark.verdict

    def flush(self) -> None:
        """Writes down what was added, now."""
        while self._is_writing or self._settlements:
            self._write_or_wait()

    def _write_or_wait(self) -> None:
        """One writes at a time, so that the end of a message is never written after the next one's marker."""
        if self._is_writing:
            self._written.wait(LOOK_EVERY)
        else:
            self._write_all_that_waits()

    def _write_all_that_waits(self) -> None:
        settlements, self._settlements = self._settlements, []
        marks, self._marks = self._marks, []
        self._is_writing = True
        began = time.monotonic()
        try:
            verdicts = self._write(settlements, [mark.row for mark in marks])
        except BaseException as error:
            self._settlements = settlements + self._settlements
            for mark in marks:
                mark.error = error
            raise
        else:
            for mark in marks:
                mark.verdict = verdicts[mark.row.id]
        finally:
            self._is_writing = False
            self._lasted = time.monotonic() - began
            self._written.ring()


@dataclass
class _Mark:
    """A message that waits to be marked, and what came of it."""

    row: Claimed
    verdict: Verdict | None = None
    error: BaseException | None = None
