"""Whatever many threads put is written once, by one of them, and each gets its own answer."""

import os
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from handbill.store.gathering import Gathering


def test_each_thread_gets_the_answer_to_its_own_item() -> None:
    written: list[int] = []

    def write(items: Sequence[int]) -> list[int]:
        written.extend(items)
        return [item * 2 for item in items]

    gathering = Gathering(write, most=7)
    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(gathering.put, range(200)))
    assert answers == [number * 2 for number in range(200)]
    assert sorted(written) == list(range(200))


def test_what_waits_while_one_writes_is_written_together() -> None:
    goes_on, batches = threading.Event(), []
    first_is_at_it = threading.Event()

    def write(items: Sequence[int]) -> Sequence[int]:
        first_is_at_it.set()
        goes_on.wait(10)
        batches.append(len(items))
        return items

    gathering = Gathering(write)
    with ThreadPoolExecutor(8) as threads:
        first = threads.submit(gathering.put, 0)
        first_is_at_it.wait(10)
        others = [threads.submit(gathering.put, number) for number in range(1, 8)]
        while gathering.waiting < 7:
            os.sched_yield()
        goes_on.set()
        assert [each.result() for each in (first, *others)] == list(range(8))
    assert batches == [1, 7]


def test_an_error_reaches_everybody_whose_item_was_in_it() -> None:
    def write(_items: Sequence[int]) -> Sequence[int]:
        raise OSError("the disk is full")

    gathering = Gathering(write)
    with pytest.raises(OSError, match="the disk is full"):
        gathering.put(1)
    with ThreadPoolExecutor(4) as threads:
        tries = [threads.submit(gathering.put, number) for number in range(4)]
    assert [type(each.exception()) for each in tries] == [OSError] * 4
