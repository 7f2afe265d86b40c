"""What became of every message of a run, in numbers that must add up."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from handbill.store.tables import OUTBOX_STATES, attempt, outbox

OPEN_STATES = ("planned", "queued", "claimed", "committing")
"""States in which a message still waits for something to happen by itself."""

NOT_SENT_STATES = ("failed", "skipped", "render_error", "cancelled", "expired")
"""States of messages that did not go out, for certain."""


@dataclass(frozen=True)
class Books:
    """One count a state; each planned message is in exactly one of them.

    `twice` counts messages with more than one accepted try, which must never happen unless somebody asked for it.
    """

    planned: int
    accepted: int
    failed: int
    skipped: int
    render_error: int
    cancelled: int
    expired: int
    uncertain: int
    closed_unknown: int
    open: int
    twice: int

    @property
    def settled(self) -> int:
        """Messages for which nothing more happens by itself."""
        return self.planned - self.open

    @property
    def balances(self) -> bool:
        """Planned = accepted + failed + skipped + … + open, and nobody got a message twice."""
        parts = (self.accepted, self.failed, self.skipped, self.render_error, self.cancelled, self.expired,
                 self.uncertain, self.closed_unknown, self.open)  # fmt: skip
        return self.planned == sum(parts) and not self.twice


def books(connection: Connection, run_id: int, *, channel: str | None = None) -> Books:
    """The books of a run, of one channel or of all."""
    mine = [outbox.c.run_id == run_id, *([outbox.c.channel == channel] if channel else [])]
    found = connection.execute(select(outbox.c.state, func.count()).where(*mine).group_by(outbox.c.state))
    counts: Mapping[str, int] = {state: count for state, count in found}  # noqa: C416 - rows are not pairs to mypy
    accepted_twice = (
        select(attempt.c.outbox_id)
        .join(outbox, outbox.c.id == attempt.c.outbox_id)
        .where(*mine, attempt.c.outcome == "accepted")
        .group_by(attempt.c.outbox_id)
        .having(func.count() > 1)
    )
    closed = {state: counts.get(state, 0) for state in OUTBOX_STATES if state not in OPEN_STATES}
    return Books(
        planned=sum(counts.values()),
        **closed,
        open=sum(counts.get(state, 0) for state in OPEN_STATES),
        twice=connection.scalar(select(func.count()).select_from(accepted_twice.subquery())) or 0,
    )


def reasons(connection: Connection, run_id: int) -> dict[str, int]:
    """Why messages of a run were not sent, and how many of each; the most frequent first."""
    why = func.coalesce(outbox.c.reason, outbox.c.state)
    found = connection.execute(
        select(why, func.count())
        .where(outbox.c.run_id == run_id, outbox.c.state.in_(NOT_SENT_STATES))
        .group_by(why)
        .order_by(func.count().desc(), why)
    )
    return {reason: count for reason, count in found}  # noqa: C416 - rows are not pairs to mypy
