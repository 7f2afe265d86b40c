"""One transaction for what many requests want to write at once, so that one disk flush serves all of them."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Gathering(Generic[Item, Answer]):
    """Collects what the requests of one event loop want written while a thread writes; then writes all of that.

    `write` writes items durably and answers one thing for each, in their order. Whoever calls `put` waits for it.
    """

    def __init__(self, write: Callable[[Sequence[Item]], Sequence[Answer]], *, most: int = 500) -> None:
        self._write = write
        self._most = most
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._task: asyncio.Task[None] | None = None

    async def put(self, item: Item) -> Answer:
        """Writes an item durably, together with those of others. Raises whatever the store raises."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write_all())
        return await answer

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                answers = await asyncio.to_thread(self._write, [item for item, _ in batch])
            except Exception as error:  # noqa: BLE001 - each of those that wait raises it
                for _, answer in batch:
                    if not answer.done():
                        answer.set_exception(error)
                continue
            for (_, waiting), answer_ in zip(batch, answers, strict=True):
                if not waiting.done():  # else whoever waited went away
                    waiting.set_result(answer_)
