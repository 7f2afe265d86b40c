"""Many connections share one transaction, and each gets its own answer."""

from collections.abc import Callable, Sequence
from functools import partial

import pytest

from handbill.channels.switchboard import Switchboard, rest
from handbill.delivery.group_commit import GroupCommit
from handbill.delivery.outbox import Claimed, Settlement, Verdict
from tests.conftest import NOW

ROW = Claimed(
    id=0, fence=1, run_id=1, contact_id=1, channel="email", step="send", arm="all", address="ann@example.org",
    domain="example.org", attempt=0, message_id="1@shop.test", message_at=NOW, idempotency_key="1", code=None, cost=0,
    not_before=NOW, expires_at=None,
)  # fmt: skip
ENDED = Settlement(ROW, "accepted", "accepted", was_marked=True)


def together(*works: Callable[[], None]) -> None:
    """Runs them in turns, as the connections of one sender."""
    with Switchboard() as board:
        for work in works:
            board.start(work)
        board.run()


def test_those_who_stand_before_their_dot_together_go_into_one_transaction() -> None:
    written: list[list[int]] = []
    verdicts: dict[int, Verdict] = {}

    def write(_settlements: Sequence[Settlement], rows: Sequence[Claimed]) -> dict[int, Verdict]:
        written.append([row.id for row in rows])
        return {row.id: Verdict.GO if row.id else Verdict.SUPPRESSED for row in rows}

    def mark(number: int) -> None:
        verdicts[number] = group.mark(ROW._replace(id=number))

    group = GroupCommit(write, expected=lambda: 5 - group.waiting)
    together(*(partial(mark, number) for number in range(5)))
    assert written == [[0, 1, 2, 3, 4]]
    assert verdicts == {0: Verdict.SUPPRESSED, **dict.fromkeys(range(1, 5), Verdict.GO)}


def test_nobody_waits_long_for_connections_that_do_not_come() -> None:
    group = GroupCommit(lambda _, rows: {row.id: Verdict.GO for row in rows}, expected=lambda: 1)
    verdicts: list[Verdict] = []
    together(lambda: verdicts.append(group.mark(ROW)))
    assert verdicts == [Verdict.GO]


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


def test_one_writes_at_a_time_and_the_next_takes_all_who_came_meanwhile() -> None:
    written: list[list[int]] = []
    at_work: list[int] = []

    def write(_settlements: Sequence[Settlement], rows: Sequence[Claimed]) -> dict[int, Verdict]:
        assert not at_work
        at_work.append(1)
        for _ in range(5):
            rest(0)  # the others go on, as while PostgreSQL works
        at_work.clear()
        written.append([row.id for row in rows])
        return {row.id: Verdict.GO for row in rows}

    group = GroupCommit(write)
    verdicts: list[Verdict] = []

    def mark(number: int) -> None:
        verdicts.append(group.mark(ROW._replace(id=number)))

    together(*(partial(mark, number) for number in range(4)))
    assert written == [[0], [1, 2, 3]]
    assert verdicts == [Verdict.GO] * 4


def test_a_flush_waits_for_whoever_is_writing() -> None:
    happened: list[str] = []

    def write(settlements: Sequence[Settlement], rows: Sequence[Claimed]) -> dict[int, Verdict]:
        rest(0)
        happened.append(f"{len(settlements)} settled")
        return {row.id: Verdict.GO for row in rows}

    def mark() -> None:
        group.mark(ROW)

    def flush() -> None:
        group.flush()
        happened.append("flushed")

    group = GroupCommit(write)
    group.add(ENDED)
    together(mark, flush)
    assert happened == ["1 settled", "flushed"]


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
    errors: list[OSError] = []

    def write(_settlements: Sequence[Settlement], _rows: Sequence[Claimed]) -> dict[int, Verdict]:
        raise OSError("disk full")

    def mark() -> None:
        with pytest.raises(OSError, match="disk full") as caught:
            group.mark(ROW)
        errors.append(caught.value)

    group = GroupCommit(write, expected=lambda: 3 - group.waiting)
    together(mark, mark, mark)
    assert len(errors) == 3
