"""Many connections share one transaction, and each gets its own answer."""

import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest

from handbill.delivery.group_commit import GroupCommit
from handbill.delivery.outbox import Claimed, Settlement, Verdict
from tests.conftest import NOW

ROW = Claimed(
    id=0, fence=1, run_id=1, contact_id=1, channel="email", step="send", arm="all", address="ann@example.org",
    domain="example.org", attempt=0, message_id="1@shop.test", message_at=NOW, idempotency_key="1", code=None, cost=0,
    not_before=NOW, expires_at=None,
)  # fmt: skip
ENDED = Settlement(ROW, "accepted", "accepted", was_marked=True)


def test_whoever_waits_while_one_writes_goes_into_one_transaction() -> None:
    written: list[list[int]] = []
    first_is_writing, others_wait = threading.Event(), threading.Event()

    def write(_settlements: Sequence[Settlement], rows: Sequence[Claimed]) -> dict[int, Verdict]:
        written.append(sorted(row.id for row in rows))
        if len(written) == 1:
            first_is_writing.set()
            others_wait.wait()
        return {row.id: Verdict.GO if row.id else Verdict.SUPPRESSED for row in rows}

    group = GroupCommit(write)
    verdicts: dict[int, Verdict] = {}

    def mark(number: int) -> None:
        verdicts[number] = group.mark(replace(ROW, id=number))

    threads = [threading.Thread(target=mark, args=(number,)) for number in range(5)]
    threads[0].start()
    first_is_writing.wait()
    for thread in threads[1:]:
        thread.start()
    while group.waiting < 4:
        pass
    others_wait.set()
    for thread in threads:
        thread.join()
    assert written == [[0], [1, 2, 3, 4]]
    assert verdicts == {0: Verdict.SUPPRESSED, **dict.fromkeys(range(1, 5), Verdict.GO)}


def test_how_a_message_ended_is_written_with_the_next_marker() -> None:
    written: list[tuple[int, int]] = []

    def write(settlements: Sequence[Settlement], rows: Sequence[Claimed]) -> dict[int, Verdict]:
        written.append((len(settlements), len(rows)))
        return {row.id: Verdict.GO for row in rows}

    group = GroupCommit(write)
    group.flush()
    group.add(ENDED)
    group.mark(ROW)
    group.add(ENDED)
    group.flush()
    assert written == [(1, 1), (1, 0)]


def test_what_could_not_be_written_waits_for_the_next_try() -> None:
    tries: list[int] = []

    def write(settlements: Sequence[Settlement], _rows: Sequence[Claimed]) -> dict[int, Verdict]:
        tries.append(len(settlements))
        if len(tries) == 1:
            raise OSError("disk full")
        return {}

    group = GroupCommit(write)
    group.add(ENDED)
    with pytest.raises(OSError, match="disk full"):
        group.mark(ROW)
    group.flush()
    assert tries == [1, 1]


def test_a_failed_transaction_is_heard_by_everybody_in_it() -> None:
    all_wait, errors = threading.Event(), []

    def write(_settlements: Sequence[Settlement], _rows: Sequence[Claimed]) -> dict[int, Verdict]:
        all_wait.wait()
        raise OSError("disk full")

    group = GroupCommit(write)

    def mark() -> None:
        with pytest.raises(OSError, match="disk full") as caught:
            group.mark(ROW)
        errors.append(caught.value)

    threads = [threading.Thread(target=mark) for _ in range(3)]
    for thread in threads:
        thread.start()
    while group.waiting < 2:
        pass
    all_wait.set()
    for thread in threads:
        thread.join()
    assert len(errors) == 3
