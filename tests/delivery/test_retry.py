"""An answer decides whether, and when, a message is tried again."""

from datetime import datetime, timedelta

import pytest

from handbill.channels.contract import Answer, Outcome
from handbill.delivery.outbox import Claimed, Settlement
from handbill.delivery.retry import RetryRules, next_try, settlement_of
from tests.conftest import NOW

ROW = Claimed(
    id=1, fence=1, run_id=1, contact_id=1, channel="email", step="send", arm="all", address="ann@example.org",
    domain="example.org", attempt=0, message_id="1@shop.test", message_at=NOW, idempotency_key="1", code=None, cost=0,
    not_before=NOW, expires_at=None,
)  # fmt: skip
RULES = RetryRules(random=lambda: 0.0)


def settled(answer: Answer, row: Claimed = ROW, rules: RetryRules = RULES, now: datetime = NOW) -> Settlement:
    return settlement_of(row, answer, was_marked=False, now=now, rules=rules)


@pytest.mark.parametrize(("attempt", "minutes"), [(1, 1), (2, 5), (3, 15), (4, 30), (5, 60), (6, 60), (23, 60)])
def test_waits_grow_to_an_hour(attempt: int, minutes: int) -> None:
    assert next_try(attempt, NOW, random=lambda: 0.0) == NOW + timedelta(minutes=minutes)


def test_waits_are_up_to_a_fifth_longer_by_chance() -> None:
    assert next_try(1, NOW, random=lambda: 0.5) == NOW + timedelta(seconds=66)


def test_a_provider_that_asks_for_more_time_gets_it() -> None:
    assert next_try(1, NOW, random=lambda: 0.0, at_least=timedelta(hours=2)) == NOW + timedelta(hours=2)


def test_a_message_refused_for_now_is_queued_for_a_day_at_most() -> None:
    answer = Answer(Outcome.RETRY, "rcpt", 450, "greylisted")
    assert settled(answer) == Settlement(
        ROW, "queued", "retry", was_marked=False, code=450, text="greylisted",
        not_before=NOW + timedelta(minutes=1), expires_at=NOW + timedelta(hours=24),
    )  # fmt: skip


def test_a_message_that_would_be_tried_after_its_last_moment_expires() -> None:
    row = ROW._replace(attempt=9, expires_at=NOW + timedelta(minutes=60))
    kept = settled(Answer(Outcome.RETRY, "rcpt", 450, "greylisted"), row)
    assert (kept.state, kept.not_before, kept.reason) == (
        "expired", None, "refused for now until it expired (refused at rcpt with 450)",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Answer(Outcome.FAILED, "rcpt", 550, "5.1.1 no such user"), "refused at rcpt with 550"),
        (Answer(Outcome.FAILED, "mail", text="the server takes only seven-bit messages (8BITMIME)"),
         "the server takes only seven-bit messages (8BITMIME)"),
    ],
)  # fmt: skip
def test_a_failure_keeps_a_reason_that_can_be_counted(answer: Answer, reason: str) -> None:
    kept = settled(answer)
    assert (kept.state, kept.reason, kept.text) == ("failed", reason, answer.text)


@pytest.mark.parametrize(
    ("policy", "state"), [("hold", "uncertain"), ("resend", "queued"), ("assume_sent", "accepted")]
)
def test_silence_after_the_dot_is_what_the_campaign_declares(policy: str, state: str) -> None:
    rules = RetryRules(on_uncertain=policy, random=lambda: 0.0)  # type: ignore[arg-type] # a word of the parametrization
    kept = settled(Answer(Outcome.UNCERTAIN, "dot", text="silence"), rules=rules)
    assert (kept.state, kept.outcome, kept.text) == (state, "uncertain", "silence")
    assert kept.not_before == (NOW + timedelta(minutes=1) if state == "queued" else None)


def test_an_accepted_message_is_accepted() -> None:
    kept = settled(Answer(Outcome.ACCEPTED, "dot", 250, "ok", provider_id="7"))
    assert (kept.state, kept.reason, kept.provider_id) == ("accepted", None, "7")


def test_a_message_of_a_refused_sender_is_queued_as_it_was() -> None:
    kept = settled(Answer(Outcome.SENDER_REFUSED, "dot", 535, "sign in"))
    assert (kept.state, kept.not_before) == ("queued", None)
