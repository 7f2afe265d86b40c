"""Whatever many requests put is written once, together, and each gets its own answer."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from handbill.store.gathering import Gathering


def test_each_gets_the_answer_to_its_own_item() -> None:
    written: list[int] = []

    def write(items: Sequence[int]) -> list[int]:
        written.extend(items)
        return [item * 2 for item in items]

    async def all_at_once() -> list[int]:
        gathering = Gathering(write, most=7)
        return await asyncio.gather(*(gathering.put(number) for number in range(200)))

    assert asyncio.run(all_at_once()) == [number * 2 for number in range(200)]
    assert written == list(range(200))


def test_what_comes_while_one_is_written_is_written_together() -> None:
    begun, goes_on = threading.Event(), threading.Event()
    batches: list[int] = []

    def write(items: Sequence[int]) -> Sequence[int]:
        begun.set()
        goes_on.wait(10)
        batches.append(len(items))
        return items

    async def one_and_then_others() -> list[int]:
        gathering = Gathering(write)
        first = asyncio.create_task(gathering.put(0))
        await asyncio.to_thread(begun.wait, 10)
        others = [asyncio.create_task(gathering.put(number)) for number in range(1, 8)]
        await asyncio.sleep(0)
        goes_on.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(one_and_then_others()) == list(range(8))
    assert batches == [1, 7]


def test_an_error_reaches_everybody_whose_item_was_in_it_and_nobody_else() -> None:
    def write(items: Sequence[int]) -> Sequence[int]:
        if 0 in items:
            raise OSError("the disk is full")
        return items

    async def puts() -> list[int | BaseException]:
        gathering = Gathering(write, most=4)
        return await asyncio.gather(*(gathering.put(number) for number in range(6)), return_exceptions=True)

    answers = asyncio.run(puts())
    assert [str(each) for each in answers[:4]] == ["the disk is full"] * 4
    assert answers[4:] == [4, 5]


def test_somebody_who_goes_away_keeps_nobody_waiting() -> None:
    async def puts() -> int:
        gathering = Gathering[int, int](lambda items: items)
        gone = asyncio.create_task(gathering.put(1))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await gathering.put(2)

    assert asyncio.run(puts()) == 2
