"""Which states a run passes through: running, paused, finished, cancelled; each change only from the state expected."""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select, update

from handbill.delivery.books import OPEN_STATES
from handbill.delivery.held import waits
from handbill.store.tables import outbox, run

TOO_LATE = "too_late"


def pause_run(connection: Connection, run_id: int, reason: str) -> bool:
    """Nothing more leaves until it is resumed. False: the run was not running."""
    return _change(connection, run_id, run.c.state == "running", state="paused", state_reason=reason)


def resume_run(connection: Connection, run_id: int, now: datetime) -> bool:
    """Lets a paused run go on. False: it was not paused."""
    return _change(connection, run_id, run.c.state == "paused", state="running", state_reason=None, resumed_at=now)


def reopen_run(connection: Connection, run_id: int) -> bool:
    """Lets a finished run go on, because there is something to send again. False: it was not finished."""
    return _change(connection, run_id, run.c.state == "finished", state="running", state_reason=None, finished_at=None)


def cancel_run(connection: Connection, run_id: int, reason: str, now: datetime) -> bool:
    """Ends a run for good: everything that is not yet on its way is cancelled. False: it had ended already.

    Messages that are on their way (committing) are settled by whoever sends them.
    """
    may_end = run.c.state.in_(["planning", "running", "paused"])
    if not _change(connection, run_id, may_end, state="cancelled", state_reason=reason, finished_at=now):
        return False
    connection.execute(
        update(outbox)
        .where(outbox.c.run_id == run_id, outbox.c.state.in_(["planned", "queued", "claimed"]))
        .values(state="cancelled", reason="cancelled", owner=None, lease_until=None, settled_at=now)
    )
    return True


def finish_run(connection: Connection, run_id: int, now: datetime) -> bool:
    """Marks a running run as finished. False: something is still open, or it was not running."""
    nothing_open = ~exists().where(outbox.c.run_id == run_id, outbox.c.state.in_(OPEN_STATES))
    return _change(connection, run_id, (run.c.state == "running") & nothing_open, state="finished", finished_at=now)


def expire_overdue(connection: Connection, run_id: int, now: datetime) -> int:
    """Ends the queued messages whose last moment, or that of their run, has passed; answers how many."""
    run_is_over = exists().where(run.c.id == run_id, run.c.latest_at <= now)
    overdue = connection.execute(
        update(outbox)
        .where(outbox.c.run_id == run_id, outbox.c.state == "queued", or_(outbox.c.expires_at <= now, run_is_over))
        .values(state="expired", reason=func.coalesce(outbox.c.reason, TOO_LATE), settled_at=now)
    )
    return overdue.rowcount


def next_due(connection: Connection, run_id: int, channel: str) -> datetime | None:
    """When the earliest queued message of a channel is due; None when none is queued."""
    queued = select(outbox.c.not_before).where(outbox.c.run_id == run_id, outbox.c.channel == channel, waits())
    return connection.scalar(queued.order_by(outbox.c.not_before).limit(1))


def _change(connection: Connection, run_id: int, expected: ColumnElement[bool], **values: object) -> bool:
    return connection.execute(update(run).where(run.c.id == run_id, expected).values(**values)).rowcount == 1
