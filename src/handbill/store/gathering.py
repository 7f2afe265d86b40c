"""One transaction for what many threads want to write at once, so that one disk flush serves all of them."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Gathering(Generic[Item, Answer]):
    """Collects what many threads want written while one of them writes; the next writes for all that wait.

    `write` writes items durably and answers one thing for each, in their order. Whoever calls `put` waits for it.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Answer]], *, most: int = 500) -> None:
        self._write = write
        self._most = most
        self._waiting: list[_Slot[Item, Answer]] = []
        self._list = threading.Lock()
        self.turn = threading.Lock()
        """Held by whoever writes to the store; other writers of this process take it too instead of polling for it."""

    @property
    def waiting(self) -> int:
        """How many items the next writer takes along."""
        return len(self._waiting)

    def put(self, item: Item) -> Answer:
        """Writes an item durably, together with those of other threads. Raises whatever the store raises."""
        slot: _Slot[Item, Answer] = _Slot(item)
        with self._list:
            self._waiting.append(slot)
        while not slot.is_done:
            with self.turn:
                if not slot.is_done:
                    self._write_those_that_wait()
        if slot.error is not None:
            raise slot.error
        return slot.answers[0]

    def _write_those_that_wait(self) -> None:
        with self._list:
            slots, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
        try:
            answers = self._write([slot.item for slot in slots])
        except BaseException as error:
            for slot in slots:
                slot.error = error
            if not isinstance(error, Exception):
                raise
            return
        for slot, answer in zip(slots, answers, strict=True):
            slot.answers.append(answer)


@dataclass
class _Slot(Generic[Item, Answer]):
    """One item that waits, and what came of it."""

    item: Item
    answers: list[Answer] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def is_done(self) -> bool:
        return bool(self.answers) or self.error is not None
