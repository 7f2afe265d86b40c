"""What an answer means for the message: sent, failed, to be tried again and when, or nobody knows."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from handbill.channels.contract import Answer, Outcome
from handbill.delivery.leases import OnUncertain, after_uncertainty
from handbill.delivery.outbox import Claimed, Settlement

BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30))
"""How long to wait after the first, second… temporary refusal; then hourly."""
HOURLY = timedelta(hours=1)
JITTER = 0.2
"""Waits are up to this share longer, so that messages refused together do not come back together."""
GIVE_UP_AFTER = timedelta(hours=24)

Random = Callable[[], float]
"""Answers a number in [0, 1)."""


@dataclass(frozen=True)
class RetryRules:
    """How tries are repeated: what the campaign declares for silence after the dot, and where jitter comes from."""

    on_uncertain: OnUncertain = "hold"
    random: Random = random.random


def next_try(attempt: int, now: datetime, *, random: Random, at_least: timedelta | None = None) -> datetime:
    """When a message may be tried again after its `attempt`-th try, counted from 1, was refused for now.

    `at_least` is how long the provider asks to be left alone.
    """
    wait = BACK_OFF[attempt - 1] if attempt <= len(BACK_OFF) else HOURLY
    return now + max(wait, at_least or timedelta(0)) * (1 + JITTER * random())


def settlement_of(row: Claimed, answer: Answer, *, was_marked: bool, now: datetime, rules: RetryRules) -> Settlement:
    """The state that an answer about this one message leads to."""
    state, reason, again_at, expires_at = "queued", None, None, row.expires_at
    if answer.outcome is Outcome.ACCEPTED:
        state = "accepted"
    elif answer.outcome is Outcome.FAILED:
        state, reason = "failed", _place(answer)
    elif answer.outcome is Outcome.UNCERTAIN:
        state = after_uncertainty(rules.on_uncertain)
    if state == "queued" and answer.outcome is not Outcome.SENDER_REFUSED:
        expires_at = min(expires_at or now + GIVE_UP_AFTER, now + GIVE_UP_AFTER)
        again_at = next_try(row.attempt + 1, now, random=rules.random, at_least=answer.after)
        if again_at >= expires_at:
            state, reason, again_at = "expired", f"refused for now until it expired ({_place(answer)})", None
    return Settlement(
        row=row,
        state=state,
        outcome=str(answer.outcome),
        was_marked=was_marked,
        reason=reason,
        code=answer.code,
        text=answer.text or None,
        not_before=again_at,
        expires_at=expires_at,
        provider_id=answer.provider_id,
    )


def _place(answer: Answer) -> str:
    """A reason that many messages share, so that it can be counted; the server's own words differ by message."""
    return f"refused at {answer.stage} with {answer.code}" if answer.code else answer.text
