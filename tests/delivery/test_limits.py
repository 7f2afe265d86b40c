"""No more messages leave than the declared rates allow, whoever sends them."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine

from handbill.definitions.values import parse_rate
from handbill.delivery.claiming import Lease
from handbill.delivery.limits import Claims, Limits, claim_within_limits
from handbill.store.connection import writing
from tests.conftest import NOW
from tests.delivery.queues import make_run

SECOND = timedelta(seconds=1)


def limits(rate: str | None = None, per_domain: Mapping[str, str] | None = None) -> Limits:
    domains = {name: parse_rate(each) for name, each in (per_domain or {}).items()}
    return Limits(parse_rate(rate) if rate else None, domains)


def take(store: Engine, run_id: int, limits: Limits, *, at: datetime = NOW, limit: int = 100) -> Claims:
    with writing(store) as connection:
        lease = Lease("worker-1", at, at + timedelta(minutes=5))
        return claim_within_limits(connection, run_id, "email", limits=limits, lease=lease, limit=limit, now=NOW)


def test_without_limits_everything_that_is_due_is_claimed(store: Engine) -> None:
    taken = take(store, make_run(store, 5), Limits())
    assert (len(taken.rows), taken.wait) == (5, None)


def test_no_more_is_claimed_than_was_asked_for(store: Engine) -> None:
    assert len(take(store, make_run(store, 5), limits("600/minute"), limit=3).rows) == 3


def test_a_rate_lets_one_seconds_worth_go_at_once_and_then_says_how_long_to_wait(store: Engine) -> None:
    run_id = make_run(store, 8)
    assert len(take(store, run_id, limits("180/minute")).rows) == 3
    empty = take(store, run_id, limits("180/minute"))
    assert (empty.rows, empty.wait) == ([], timedelta(seconds=1 / 3))


def test_what_was_not_needed_is_kept_for_later_up_to_one_second(store: Engine) -> None:
    run_id = make_run(store, 8)
    take(store, run_id, limits("180/minute"))
    assert len(take(store, run_id, limits("180/minute"), at=NOW + SECOND / 2).rows) == 1
    assert len(take(store, run_id, limits("180/minute"), at=NOW + 60 * SECOND).rows) == 3


def test_over_a_minute_the_rate_is_kept(store: Engine) -> None:
    run_id = make_run(store, 20)
    taken = [len(take(store, run_id, limits("10/minute"), at=NOW + n * SECOND).rows) for n in range(61)]
    assert sum(taken) == 11  # the one at the very beginning, and ten in the minute after it


def test_workers_share_one_rate(store: Engine) -> None:
    first, second = make_run(store, 3), make_run(store, 3, campaign="summer")
    assert len(take(store, first, limits("180/minute"), limit=2).rows) == 2
    assert len(take(store, second, limits("180/minute")).rows) == 1


def test_a_domain_has_its_own_rate_beside_the_others(store: Engine) -> None:
    run_id = make_run(store, 4)
    other = make_run(store, 4, campaign="summer", domain="gmail.com")
    slow = limits(per_domain={"gmail.com": "60/minute"})
    assert len(take(store, run_id, slow).rows) == 4
    assert len(take(store, other, slow).rows) == 1
    assert take(store, other, slow) == Claims([], SECOND)


def test_a_domain_without_messages_does_not_hold_up_the_others(store: Engine) -> None:
    run_id = make_run(store, 4)
    both = limits("120/minute", {"gmail.com": "60/minute"})
    assert len(take(store, run_id, both).rows) == 2


def test_a_clock_that_was_set_back_neither_gives_nor_takes(store: Engine) -> None:
    run_id = make_run(store, 8)
    take(store, run_id, limits("180/minute"))
    assert take(store, run_id, limits("180/minute"), at=NOW - timedelta(hours=1)).rows == []
    assert len(take(store, run_id, limits("180/minute"), at=NOW - timedelta(hours=1) + SECOND).rows) == 3


@pytest.mark.parametrize("rate", ["1/hour", "10/day"])
def test_a_slow_rate_lets_the_first_message_go(store: Engine, rate: str) -> None:
    assert len(take(store, make_run(store, 3), limits(rate)).rows) == 1
