"""What a warm-up lets a run claim today, counted over all runs and workers; the rest waits for tomorrow."""

from datetime import datetime, time

from sqlalchemy import Connection, case, or_, select, update

from handbill.definitions.project import Project
from handbill.delivery.job import CHANNEL
from handbill.planning.warm_up import Curve, curve_of, left_today, next_day
from handbill.store.inserts import insert_into
from handbill.store.tables import outbox, rate_bucket, run

OVER_WARM_UP = "over_warm_up"
"""Why a message expired: on every day before its last moment, as many had left as the warm-up allows."""
_TURN = "email warm-up"


def room_today(connection: Connection, project: Project, run_id: int, limit: int, now: datetime) -> int:
    """How many of `limit` messages may be claimed under the warm-up, if there is one.

    When today's number has left, the due messages of the run are held back until tomorrow. Other workers wait until
    the transaction ends, so that all of them together keep to the number.
    """
    if project.channels.email is None or project.channels.email.warm_up is None:
        return limit
    _take_turns(connection, now)
    curve = curve_of(connection, project, now)
    assert curve is not None  # noqa: S101 - for the type checker: it was declared a moment ago
    room, at_most = left_today(connection, project, curve, now)
    if not at_most:
        _hold_back(connection, curve, run_id, now)
    return min(limit, room)


def _take_turns(connection: Connection, now: datetime) -> None:
    row = {"name": _TURN, "tokens": 0.0, "filled_at": now}
    connection.execute(insert_into(connection, rate_bucket).values(row).on_conflict_do_nothing())
    connection.execute(select(rate_bucket.c.name).where(rate_bucket.c.name == _TURN).with_for_update())


def _hold_back(connection: Connection, curve: Curve, run_id: int, now: datetime) -> None:
    """At the time of day for which the run was scheduled. What is too late by then is told so when its time comes."""
    scheduled_at: datetime | None = connection.scalar(select(run.c.scheduled_at).where(run.c.id == run_id))
    at = scheduled_at.astimezone(curve.zone).time() if scheduled_at else time()
    tomorrow = next_day(curve, now, at)
    latest = select(run.c.latest_at).where(run.c.id == run_id).scalar_subquery()
    is_too_late = or_(outbox.c.expires_at <= tomorrow, latest <= tomorrow)
    connection.execute(
        update(outbox)
        .where(
            outbox.c.run_id == run_id,
            outbox.c.channel == CHANNEL,
            outbox.c.state == "queued",
            outbox.c.not_before < tomorrow,
        )
        .values(not_before=tomorrow, reason=case((is_too_late, OVER_WARM_UP), else_=outbox.c.reason))
    )
