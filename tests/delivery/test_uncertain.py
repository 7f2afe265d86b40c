"""A message of which nobody knows is settled by evidence, by a person, or by time."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, select

from handbill.delivery.outbox import Settlement, mark_committing
from handbill.delivery.settling import settle
from handbill.delivery.uncertain import (
    CLOSE_AFTER,
    close_old,
    leave_uncertain,
    list_uncertain,
    resend_uncertain,
    settle_by_evidence,
)
from handbill.store.connection import reading, writing
from handbill.store.tables import budget_use
from tests.conftest import NOW
from tests.delivery.queues import claim_all, make_run, rows_of, states


@pytest.fixture
def run_id(store: Engine) -> int:
    """A run with one uncertain and one accepted message, each of which cost 10."""
    run_id = make_run(store, 2, cost=10)
    rows = claim_all(store, run_id)
    with writing(store) as connection:
        mark_committing(connection, rows, now=NOW, lease_until=NOW, budget=1000)
        silence = Settlement(
            rows[0], "uncertain", "uncertain", was_marked=True, text="the server closed the connection"
        )
        settle(connection, [silence, Settlement(rows[1], "accepted", "accepted", was_marked=True)], now=NOW)
    return run_id


def spent(store: Engine) -> int | None:
    with reading(store) as connection:
        return connection.scalar(select(budget_use.c.spent))


def test_the_list_says_who_since_when_and_what_was_heard_last(store: Engine, run_id: int) -> None:
    with reading(store) as connection:
        (unsure,) = list_uncertain(connection, [run_id])
    assert (unsure.campaign, unsure.contact, unsure.address, unsure.since, unsure.said) == (
        "spring", "person1", "person1@example.org", NOW, "the server closed the connection",
    )  # fmt: skip


def test_what_somebody_sends_again_keeps_its_message_id(store: Engine, run_id: int) -> None:
    before = rows_of(store, run_id)[0].message_id
    with writing(store) as connection:
        assert resend_uncertain(connection, run_id, now=NOW) == 1
    (row,) = claim_all(store, run_id)
    assert row.message_id == before
    assert spent(store) == 10


def test_what_somebody_leaves_is_closed(store: Engine, run_id: int) -> None:
    with writing(store) as connection:
        assert leave_uncertain(connection, run_id, now=NOW) == 1
    assert states(store, run_id) == ["closed_unknown", "accepted"]
    assert spent(store) == 20


def test_after_a_week_without_evidence_it_is_closed(store: Engine, run_id: int) -> None:
    with writing(store) as connection:
        assert close_old(connection, run_id, now=NOW + CLOSE_AFTER - timedelta(seconds=1)) == 0
        assert close_old(connection, run_id, now=NOW + CLOSE_AFTER) == 1
    (row, _) = rows_of(store, run_id)
    assert (row.state, row.evidence) == ("closed_unknown", "nothing was heard for 7 days")


@pytest.mark.parametrize("is_closed", [False, True])
def test_an_answer_of_the_recipient_proves_that_it_arrived(store: Engine, run_id: int, is_closed: bool) -> None:
    unsure, sure = rows_of(store, run_id)
    with writing(store) as connection:
        if is_closed:
            leave_uncertain(connection, run_id, now=NOW)
        assert settle_by_evidence(connection, unsure.id, "accepted", evidence="it was opened", now=NOW)
        assert not settle_by_evidence(connection, sure.id, "failed", evidence="it bounced", now=NOW)
    (row, _) = rows_of(store, run_id)
    assert (row.state, row.evidence, row.accepted_at) == ("accepted", "it was opened", NOW)


def test_a_bounce_proves_that_it_did_not_arrive(store: Engine, run_id: int) -> None:
    unsure = rows_of(store, run_id)[0]
    with writing(store) as connection:
        assert settle_by_evidence(connection, unsure.id, "failed", evidence="it bounced", now=NOW)
    assert states(store, run_id) == ["failed", "accepted"]
    assert spent(store) == 10
