"""When a run stops by itself, because going on would harm the sender's name: refusals, bounces, complaints."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from handbill.channels.contract import EventKind, Outcome
from handbill.store.tables import event, outbox, run

IN_A_ROW = 25
"""So many messages refused for good, one after the other, are no accident."""
FIRST = 200
"""By its first messages a list shows whether it is fit to be written to."""
BOUNCED_RATE = 0.05
"""Share of refused or bounced messages that no mailbox provider forgives."""
COMPLAINED_RATE = 0.003
"""Share of complaints at which Google and Yahoo turn bulk senders away."""
FEWEST_COMPLAINTS = 3
"""One angry person among a hundred proves nothing."""


class BreakerTripped(Exception):
    """The run has to stop; says why, for the marketer."""


class Breaker:
    """Counts the refusals of one drain over all its connections."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._failed = 0
        self._settled = 0

    def note(self, outcome: Outcome) -> None:
        """Counts how a message ended.

        Raises:
            BreakerTripped: one more like this and the sender's name is harmed.
        """
        if outcome not in {Outcome.ACCEPTED, Outcome.FAILED}:
            return
        failed = outcome is Outcome.FAILED
        self._settled += 1
        self._failed += failed
        self._in_a_row = self._in_a_row + 1 if failed else 0
        is_bad_start = self._settled <= FIRST and self._failed > FIRST * BOUNCED_RATE
        if is_bad_start:
            raise BreakerTripped(f"{self._failed} of the first {self._settled} messages were refused for good")
        if self._in_a_row >= IN_A_ROW:
            raise BreakerTripped(f"{self._in_a_row} messages in a row were refused for good")


def require_goodwill(connection: Connection, run_id: int) -> None:
    """Looks at what came back so far; after a pause, only at what came since somebody resumed the run.

    Raises:
        BreakerTripped: too many of the run's messages bounced or were complained about.
    """
    since = connection.scalar(select(func.coalesce(run.c.resumed_at, run.c.started_at)).where(run.c.id == run_id))
    bounced, complained = _came_back(connection, run_id, since)
    if not bounced and not complained:
        return
    sent = select(func.count()).where(outbox.c.run_id == run_id, outbox.c.state == "accepted")
    accepted = connection.scalar(sent.where(outbox.c.accepted_at >= since)) or 0
    if bounced > max(accepted, FIRST) * BOUNCED_RATE:
        raise BreakerTripped(f"{bounced:,} of {accepted:,} messages came back")
    if complained >= max(FEWEST_COMPLAINTS, accepted * COMPLAINED_RATE):
        raise BreakerTripped(f"{complained:,} of {accepted:,} recipients reported the message as spam")


def _came_back(connection: Connection, run_id: int, since: datetime | None) -> tuple[int, int]:
    """How many messages bounced, and how many were complained about."""
    kinds = (EventKind.BOUNCED, EventKind.COMPLAINED)
    found = connection.execute(
        select(event.c.kind, func.count(event.c.outbox_id.distinct()))
        .join(outbox, outbox.c.id == event.c.outbox_id)
        .where(outbox.c.run_id == run_id, event.c.kind.in_([str(kind) for kind in kinds]), event.c.received_at >= since)
        .group_by(event.c.kind)
    )
    counts = dict(found.tuples().all())
    return counts.get(kinds[0], 0), counts.get(kinds[1], 0)
