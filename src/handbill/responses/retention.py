"""Which events may be forgotten: those older than the project keeps them, and that no open experiment needs."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select

from handbill.store.tables import event, experiment, run

IMPORTS_TAKE = timedelta(days=60)
"""How long after its windows an experiment still waits for the orders in them."""


def open_since(connection: Connection, now: datetime) -> dict[str, datetime]:
    """The campaigns whose experiments are still measured, each with the start of its first run.

    A window is looked at over twice its length, to see whether orders were only brought forward.
    """
    latest = func.max(func.coalesce(run.c.latest_at, run.c.scheduled_at, run.c.started_at))
    runs = (
        select(run.c.campaign, func.min(run.c.started_at).label("first_at"), latest.label("last_at"))
        .group_by(run.c.campaign)
        .subquery()
    )
    joined = select(experiment.c.campaign, experiment.c.registration, runs.c.first_at, runs.c.last_at)
    found = {}
    for row in connection.execute(joined.join(runs, runs.c.campaign == experiment.c.campaign)):
        within = timedelta(seconds=(row.registration.get("goal") or {}).get("within_seconds") or 0)
        if row.last_at + 2 * within + IMPORTS_TAKE > now:
            found[row.campaign] = row.first_at
    return found


def forget_events(connection: Connection, before: datetime, *, limit: int) -> int:
    """Deletes up to `limit` events that happened before a moment, the oldest rows first; answers how many."""
    old = select(event.c.id).where(event.c.occurred_at < before).order_by(event.c.id).limit(limit)
    return connection.execute(delete(event).where(event.c.id.in_(old))).rowcount
