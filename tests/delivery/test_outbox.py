"""Every step of a message happens once, and only from the state that it expects."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, select

from handbill.contacts.consent import record_consent
from handbill.contacts.identity import email_hash
from handbill.contacts.preferences import pause_marketing
from handbill.contacts.suppressions import suppress
from handbill.delivery.books import books, reasons
from handbill.delivery.budget import stop_counting
from handbill.delivery.claiming import Lease, Recipients, claim, release
from handbill.delivery.outbox import Claimed, Settlement, Verdict, mark_committing
from handbill.delivery.run_state import cancel_run, pause_run
from handbill.delivery.settling import settle
from handbill.store.connection import reading, writing
from handbill.store.tables import budget_use
from tests.conftest import NOW
from tests.delivery.queues import (
    LEASE,
    SECRET,
    attempts,
    change,
    change_run,
    claim_all,
    make_run,
    rows_of,
    states,
)

HOUR = timedelta(hours=1)
LATER = NOW + HOUR


def mark(store: Engine, rows: list[Claimed], **more: Any) -> dict[int, Verdict]:
    with writing(store) as connection:
        return mark_committing(connection, rows, **{"now": NOW, "lease_until": LATER, **more})


def ended(row: Claimed, state: str, **more: Any) -> Settlement:
    return Settlement(row, state, more.pop("outcome", state), **{"was_marked": True, **more})


def write_down(store: Engine, *settlements: Settlement) -> None:
    with writing(store) as connection:
        settle(connection, settlements, now=NOW)


# ---------------------------------------------------------------- claiming


def test_a_claim_takes_the_earliest_messages_and_raises_their_fence(store: Engine) -> None:
    run_id = make_run(store, 3)
    claimed = claim_all(store, run_id, limit=2)
    first = rows_of(store, run_id)[0]
    assert [row.address for row in claimed] == ["person1@example.org", "person2@example.org"]
    assert (first.state, first.fence, first.owner, first.lease_until) == ("claimed", 1, "worker-1", LEASE.until)
    assert states(store, run_id) == ["claimed", "claimed", "queued"]


def test_nobody_claims_what_somebody_else_holds(store: Engine) -> None:
    run_id = make_run(store, 2)
    assert len(claim_all(store, run_id)) == 2
    assert claim_all(store, run_id) == []


def test_two_claims_at_the_same_time_share_the_messages(store: Engine) -> None:
    if store.dialect.name == "sqlite":
        return  # there, a second writer waits for the first one to end
    run_id = make_run(store, 4)
    with writing(store) as one, writing(store) as other:
        first = claim(one, run_id, "email", lease=LEASE, limit=2, now=NOW)
        second = claim(other, run_id, "email", lease=LEASE, limit=4, now=NOW)
    assert {row.id for row in first}.isdisjoint(row.id for row in second)
    assert len(first) + len(second) == 4


@pytest.mark.parametrize(
    ("changes", "when"),
    [
        ({"not_before": NOW + HOUR}, "not yet due"),
        ({"expires_at": NOW}, "expired"),
        ({"channel": "direct_mail"}, "post"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_message_is_not_claimed_outside_its_time_and_channel(
    store: Engine, changes: dict[str, Any], when: str
) -> None:
    assert claim_all(store, make_run(store, 1, **changes)) == []


@pytest.mark.parametrize("state", ["planning", "paused", "finished", "cancelled"])
def test_nothing_is_claimed_unless_the_run_is_running(store: Engine, state: str) -> None:
    run_id = make_run(store)
    change_run(store, run_id, state=state)
    assert claim_all(store, run_id) == []


def test_nothing_is_claimed_of_a_run_that_is_too_late(store: Engine) -> None:
    run_id = make_run(store, latest_at=NOW + HOUR)
    assert claim_all(store, run_id, now=NOW + HOUR) == []
    assert len(claim_all(store, run_id, now=NOW + HOUR - timedelta(seconds=1))) == 3


def test_a_claim_can_be_for_one_domain_or_leave_some_out(store: Engine) -> None:
    run_id = make_run(store, 1, domain="gmail.com")
    with writing(store) as connection:
        without = Recipients(without=frozenset({"gmail.com"}))
        assert claim(connection, run_id, "email", lease=LEASE, limit=9, now=NOW, recipients=without) == []
        only = Recipients(domain="gmail.com")
        assert len(claim(connection, run_id, "email", lease=LEASE, limit=9, now=NOW, recipients=only)) == 1


def test_what_an_owner_has_claimed_can_be_queued_again_untried(store: Engine) -> None:
    run_id = make_run(store, 3)
    held = claim_all(store, run_id, limit=2)
    mark(store, held[:1])
    claim_all(store, run_id, lease=Lease("worker-2", NOW, LATER))
    with writing(store) as connection:
        assert release(connection, run_id, "email", owner="worker-1") == 1
    assert states(store, run_id) == ["committing", "queued", "claimed"]
    assert [row.attempt for row in rows_of(store, run_id)] == [0, 0, 0]


# ---------------------------------------------------------------- the last moment before the point of no return


def test_a_marked_message_may_go(store: Engine) -> None:
    run_id = make_run(store, 1)
    (row,) = claim_all(store, run_id)
    assert mark(store, [row], topic="offers") == {row.id: Verdict.GO}
    assert (states(store, run_id), rows_of(store, run_id)[0].lease_until) == (["committing"], LATER)


def test_a_message_is_marked_only_once(store: Engine) -> None:
    run_id = make_run(store, 1)
    (row,) = claim_all(store, run_id)
    mark(store, [row])
    assert mark(store, [row]) == {row.id: Verdict.LOST}
    assert states(store, run_id) == ["committing"]


def test_whoever_lost_a_message_may_not_send_it(store: Engine) -> None:
    run_id = make_run(store, 1)
    (before,) = claim_all(store, run_id)
    change(store, run_id, state="queued")
    (after,) = claim_all(store, run_id)
    assert mark(store, [before]) == {before.id: Verdict.LOST}
    assert mark(store, [after]) == {after.id: Verdict.GO}


def test_an_address_suppressed_since_the_claim_is_skipped(store: Engine) -> None:
    run_id = make_run(store, 2)
    rows = claim_all(store, run_id)
    with writing(store) as connection:
        suppress(connection, "email", email_hash(SECRET, rows[0].address), "unsubscribed", NOW, "test")
    assert mark(store, rows) == {rows[0].id: Verdict.SUPPRESSED, rows[1].id: Verdict.GO}
    assert states(store, run_id) == ["skipped", "committing"]
    with reading(store) as connection:
        assert reasons(connection, run_id) == {"suppressed": 1}


@pytest.mark.parametrize("topic", ["offers", "*"])
def test_a_consent_withdrawn_since_the_claim_is_honoured(store: Engine, topic: str) -> None:
    run_id = make_run(store, 1)
    (row,) = claim_all(store, run_id)
    with writing(store) as connection:
        record_consent(connection, row.contact_id, "email", topic, "withdrawn", NOW, "test")
    assert mark(store, [row], topic="offers") == {row.id: Verdict.NO_CONSENT}
    assert [(each.state, each.reason) for each in rows_of(store, run_id)] == [("skipped", "no_consent")]


def test_a_pause_asked_for_since_the_claim_is_honoured(store: Engine) -> None:
    run_id = make_run(store, 2)
    paused, other = claim_all(store, run_id)
    with writing(store) as connection:
        pause_marketing(connection, paused.contact_id, NOW + timedelta(days=30), NOW)
    assert mark(store, [paused, other], topic="offers") == {paused.id: Verdict.PAUSED, other.id: Verdict.GO}
    assert [(each.state, each.reason) for each in rows_of(store, run_id)] == [
        ("skipped", "paused"), ("committing", None)
    ]  # fmt: skip


def test_service_mail_leaves_during_a_pause(store: Engine) -> None:
    (row,) = claim_all(store, make_run(store, 1))
    with writing(store) as connection:
        pause_marketing(connection, row.contact_id, NOW + timedelta(days=30), NOW)
    assert mark(store, [row]) == {row.id: Verdict.GO}


def test_service_mail_needs_no_consent(store: Engine) -> None:
    (row,) = claim_all(store, make_run(store, 1))
    with writing(store) as connection:
        record_consent(connection, row.contact_id, "email", "*", "withdrawn", NOW, "test")
    assert mark(store, [row], topic=None) == {row.id: Verdict.GO}


def test_a_run_paused_since_the_claim_sends_nothing_more(store: Engine) -> None:
    run_id = make_run(store, 1)
    (row,) = claim_all(store, run_id)
    with writing(store) as connection:
        assert pause_run(connection, run_id, "by hand")
    assert mark(store, [row]) == {row.id: Verdict.NOT_RUNNING}
    assert states(store, run_id) == ["queued"]


def test_a_run_cancelled_since_the_claim_sends_nothing_more(store: Engine) -> None:
    run_id = make_run(store, 2)
    rows = claim_all(store, run_id)
    mark(store, rows[:1])
    with writing(store) as connection:
        assert cancel_run(connection, run_id, "by hand", NOW)
    assert mark(store, rows[1:]) == {rows[1].id: Verdict.NOT_RUNNING}
    assert states(store, run_id) == ["committing", "cancelled"]


def test_a_message_whose_time_passed_since_the_claim_expires(store: Engine) -> None:
    run_id = make_run(store, 1, expires_at=NOW + HOUR)
    (row,) = claim_all(store, run_id)
    assert mark(store, [row], now=NOW + HOUR) == {row.id: Verdict.TOO_LATE}
    assert [(each.state, each.reason) for each in rows_of(store, run_id)] == [("expired", "too_late")]


def test_a_run_whose_time_passed_since_the_claim_sends_nothing_more(store: Engine) -> None:
    run_id = make_run(store, 1, latest_at=NOW + HOUR)
    (row,) = claim_all(store, run_id)
    assert mark(store, [row], now=NOW + HOUR) == {row.id: Verdict.NOT_RUNNING}
    assert states(store, run_id) == ["queued"]


# ---------------------------------------------------------------- budget


def spent(store: Engine) -> int | None:
    with reading(store) as connection:
        return connection.scalar(select(budget_use.c.spent).where(budget_use.c.channel == "email"))


def test_no_more_is_sent_than_the_budget_allows(store: Engine) -> None:
    run_id = make_run(store, 3, cost=40)
    rows = claim_all(store, run_id)
    assert list(mark(store, rows, budget=100).values()).count(Verdict.GO) == 2
    assert states(store, run_id) == ["committing", "committing", "queued"]
    assert spent(store) == 80


def test_a_budget_counts_what_was_sent_before_it_was_declared(store: Engine) -> None:
    earlier = make_run(store, 2, campaign="winter", cost=40)
    rows = claim_all(store, earlier)
    mark(store, rows)
    write_down(store, ended(rows[0], "accepted"), ended(rows[1], "failed"))
    now = claim_all(store, make_run(store, 2, campaign="summer", cost=40))
    assert set(mark(store, now, budget=80).values()) == {Verdict.GO, Verdict.OVER_BUDGET}
    assert spent(store) == 80


def test_what_was_not_sent_after_all_goes_back_into_the_budget(store: Engine) -> None:
    rows = claim_all(store, make_run(store, 4, cost=10))
    mark(store, rows, budget=100)
    write_down(store, ended(rows[0], "accepted"), ended(rows[1], "failed"), ended(rows[2], "uncertain"),
               ended(rows[3], "queued", outcome="retry", not_before=LATER))  # fmt: skip
    assert spent(store) == 20


def test_what_may_not_go_costs_nothing(store: Engine) -> None:
    (row,) = claim_all(store, make_run(store, 1, cost=10))
    with writing(store) as connection:
        suppress(connection, "email", email_hash(SECRET, row.address), "unsubscribed", NOW, "test")
    assert mark(store, [row], budget=100) == {row.id: Verdict.SUPPRESSED}
    assert spent(store) == 0


def test_two_workers_together_stay_inside_the_budget(store: Engine) -> None:
    """The second one waits until the first has written, and counts what it wrote."""
    run_id = make_run(store, 4, cost=40)
    first = claim_all(store, run_id, limit=2)
    second = claim_all(store, run_id)
    assert set(mark(store, first, budget=120).values()) == {Verdict.GO}
    assert sorted(mark(store, second, budget=120).values()) == [Verdict.GO, Verdict.OVER_BUDGET]


def test_without_a_budget_nothing_is_counted(store: Engine) -> None:
    rows = claim_all(store, make_run(store, 1, cost=40))
    mark(store, rows, budget=100)
    with writing(store) as connection:
        stop_counting(connection, "email")
    write_down(store, ended(rows[0], "failed"))
    assert spent(store) is None


# ---------------------------------------------------------------- settling


def test_an_accepted_message_keeps_when_and_what_was_answered(store: Engine) -> None:
    run_id = make_run(store, 1)
    (row,) = claim_all(store, run_id)
    mark(store, [row])
    write_down(store, ended(row, "accepted", code=250, text="2.0.0 queued as 1", provider_id="1"))
    (kept,) = rows_of(store, run_id)
    assert (kept.state, kept.accepted_at, kept.settled_at, kept.attempt) == ("accepted", NOW, NOW, 1)
    assert (kept.answer_code, kept.answer_text, kept.provider_id) == (250, "2.0.0 queued as 1", "1")
    assert (kept.owner, kept.lease_until) == (None, None)
    assert attempts(store, run_id) == [(1, "accepted", 250)]


def test_a_message_refused_for_now_waits_and_keeps_its_last_moment(store: Engine) -> None:
    run_id = make_run(store, 1)
    (row,) = claim_all(store, run_id)
    write_down(store, ended(row, "queued", outcome="retry", was_marked=False, code=450, not_before=LATER,
                            expires_at=NOW + 24 * HOUR))  # fmt: skip
    (kept,) = rows_of(store, run_id)
    assert (kept.state, kept.not_before, kept.expires_at, kept.settled_at) == ("queued", LATER, NOW + 24 * HOUR, None)
    assert attempts(store, run_id) == [(1, "retry", 450)]
    (again,) = claim_all(store, run_id, now=LATER)
    assert (again.attempt, again.fence) == (1, 2)


def test_an_outcome_before_the_marker_counts_only_while_the_claim_holds(store: Engine) -> None:
    run_id = make_run(store, 1)
    (row,) = claim_all(store, run_id)
    change(store, run_id, state="queued")
    write_down(store, ended(row, "failed", was_marked=False))
    assert states(store, run_id) == ["queued"]


def test_an_outcome_of_an_older_claim_changes_nothing(store: Engine) -> None:
    run_id = make_run(store, 1)
    (before,) = claim_all(store, run_id)
    change(store, run_id, state="queued")
    (after,) = claim_all(store, run_id)
    mark(store, [after])
    write_down(store, ended(before, "failed"))
    assert states(store, run_id) == ["committing"]


def test_an_answer_that_comes_after_the_lease_settles_an_uncertain_message(store: Engine) -> None:
    run_id = make_run(store, 1)
    (row,) = claim_all(store, run_id)
    mark(store, [row])
    change(store, run_id, state="uncertain", owner=None)
    write_down(store, ended(row, "accepted"))
    assert states(store, run_id) == ["accepted"]


# ---------------------------------------------------------------- the books


def test_the_books_balance_over_all_states(store: Engine) -> None:
    run_id = make_run(store, 6)
    rows = claim_all(store, run_id, limit=5)
    mark(store, rows)
    write_down(store, ended(rows[0], "accepted"), ended(rows[1], "failed", reason="refused at dot with 554"),
               ended(rows[2], "uncertain"), ended(rows[3], "failed", reason="refused at dot with 554"))  # fmt: skip
    with reading(store) as connection:
        made = books(connection, run_id)
        why = reasons(connection, run_id)
    assert (made.planned, made.accepted, made.failed, made.uncertain, made.open) == (6, 1, 2, 1, 2)
    assert made.balances
    assert why == {"refused at dot with 554": 2}


def test_the_books_tell_a_message_that_was_accepted_twice(store: Engine) -> None:
    run_id = make_run(store, 1)
    (row,) = claim_all(store, run_id)
    write_down(store, ended(row, "accepted"))
    write_down(store, ended(row, "accepted"))
    with reading(store) as connection:
        made = books(connection, run_id)
    assert (made.twice, made.balances) == (1, False)


def test_the_books_of_one_channel_leave_the_other_out(store: Engine) -> None:
    run_id = make_run(store, 2)
    with reading(store) as connection:
        assert books(connection, run_id, channel="direct_mail").planned == 0
        assert books(connection, run_id, channel="email").planned == 2
