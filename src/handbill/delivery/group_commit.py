"""One transaction for all connections that stand before their dot, so that one disk flush serves many messages."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from handbill.delivery.outbox import Claimed, Settlement, Verdict


@dataclass
class Entry:
    """What one connection wants to be written down: how its last messages ended, and the next one that stands ready."""

    settlements: Sequence[Settlement] = ()
    row: Claimed | None = None
    verdict: Verdict | None = None
    error: BaseException | None = None
    is_done: bool = field(default=False)


class GroupCommit:
    """Collects entries of many threads while one of them writes; whoever comes next writes for all that wait.

    The marker of a message and the outcome of the one before it on the same connection are written together. So at no
    instant is more than one message of a connection marked and not settled.
    """

    def __init__(self, write: Callable[[Sequence[Entry]], None]) -> None:
        self._write = write
        self._waiting: list[Entry] = []
        self._list = threading.Lock()
        self.turn = threading.Lock()
        """Held by whoever writes to the store; other writers of this process take it too instead of polling for it."""

    @property
    def waiting(self) -> int:
        """Entries that the next writer takes along."""
        return len(self._waiting)

    def submit(self, settlements: Sequence[Settlement], row: Claimed | None = None) -> Verdict | None:
        """Writes durably how messages ended and marks `row`; answers whether that one may leave.

        Raises whatever the store raises.
        """
        entry = Entry(settlements, row)
        with self._list:
            self._waiting.append(entry)
        with self.turn:
            if not entry.is_done:
                self._write_all_that_wait()
        if entry.error:
            raise entry.error
        return entry.verdict

    def _write_all_that_wait(self) -> None:
        with self._list:
            entries, self._waiting = self._waiting, []
        try:
            self._write(entries)
        except BaseException as error:  # noqa: BLE001 - every thread whose entry was lost must hear of it
            for entry in entries:
                entry.error = error
        for entry in entries:
            entry.is_done = True
