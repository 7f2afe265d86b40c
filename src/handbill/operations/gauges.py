"""What somebody watches while campaigns run: counts from the store, which every process of the service answers alike.

No label says anything about a person: domains with few messages are counted together.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, Engine, func, or_, select

from handbill.contacts.watermarks import watermarks
from handbill.store.connection import reading
from handbill.store.tables import event, outbox, run, webhook, webhook_count

RECENT_RUNS = timedelta(days=7)
"""Finished runs are counted for so long."""
RECENT_EVENTS = timedelta(minutes=5)
MOST_EVENTS = 200_000
"""Of the newest events so many are looked at; events have no index by the time at which they came."""
MOST_DOMAINS = 10
FEWEST_MESSAGES = 20
"""A domain with fewer messages in the queue may be one person's own, and has no label."""
OTHERS = "other"
QUEUED = ("queued", "claimed", "committing")
MOST_KINDS = 50


@dataclass(frozen=True)
class Gauge:
    """One number for each set of labels. Its name and help are for Prometheus."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Sequence[tuple[tuple[str, ...], float]]


def gauges(engine: Engine, now: datetime) -> list[Gauge]:
    """All of them, of one moment."""
    with reading(engine) as connection:
        return [
            _runs(connection, now),
            _outbox(connection, now),
            _queue(connection),
            _events(connection, now),
            _watermark_age(connection, now),
            *_webhooks(connection, now),
            _reports(connection),
        ]


def _runs(connection: Connection, now: datetime) -> Gauge:
    rows = connection.execute(select(run.c.campaign, run.c.wave, run.c.state).where(_recent(now)))
    help_ = "1 for the state that each run is in; paused also when a breaker stopped it."
    samples = [((row.campaign, row.wave, row.state), 1.0) for row in rows]
    return Gauge("handbill_run", help_, ("campaign", "wave", "state"), samples)


def _outbox(connection: Connection, now: datetime) -> Gauge:
    rows = connection.execute(
        select(run.c.campaign, run.c.wave, outbox.c.state, func.count())
        .join(run, run.c.id == outbox.c.run_id)
        .where(_recent(now))
        .group_by(run.c.campaign, run.c.wave, outbox.c.state)
    )
    samples = [((campaign, wave, state), float(count)) for campaign, wave, state, count in rows]
    help_ = "Messages of each run by state; of runs that are under way or ended within 7 days."
    return Gauge("handbill_outbox_messages", help_, ("campaign", "wave", "state"), samples)


def _queue(connection: Connection) -> Gauge:
    rows = connection.execute(
        select(outbox.c.channel, outbox.c.domain, func.count())
        .join(run, run.c.id == outbox.c.run_id)
        .where(run.c.state.in_(("planning", "running", "paused")), outbox.c.state.in_(QUEUED))
        .group_by(outbox.c.channel, outbox.c.domain)
        .order_by(func.count().desc(), outbox.c.domain)
    )
    counted: dict[tuple[str, str], float] = {}
    for channel, domain, count in rows:
        named = domain is not None and count >= FEWEST_MESSAGES and len(counted) < MOST_DOMAINS
        key = (channel, domain if named else OTHERS)
        counted[key] = counted.get(key, 0.0) + count
    help_ = "Messages that wait to leave, by channel and recipient domain; small domains together."
    return Gauge("handbill_queue_messages", help_, ("channel", "domain"), list(counted.items()))


def _events(connection: Connection, now: datetime) -> Gauge:
    newest = connection.scalar(select(func.max(event.c.id))) or 0
    rows = connection.execute(
        select(event.c.kind, func.count())
        .where(event.c.id > newest - MOST_EVENTS, event.c.received_at > now - RECENT_EVENTS)
        .group_by(event.c.kind)
        .order_by(func.count().desc(), event.c.kind)
        .limit(MOST_KINDS)
    )
    samples = [((kind,), float(count)) for kind, count in rows]
    return Gauge("handbill_events_5m", "Events that came in within the last 5 minutes, by kind.", ("kind",), samples)


def _watermark_age(connection: Connection, now: datetime) -> Gauge:
    samples = [
        ((each.kind, each.source), (now - each.complete_until).total_seconds()) for each in watermarks(connection)
    ]
    help_ = "Seconds since the moment until which a source is complete."
    return Gauge("handbill_watermark_age_seconds", help_, ("kind", "source"), samples)


def _webhooks(connection: Connection, now: datetime) -> Iterator[Gauge]:
    rows = connection.execute(
        select(webhook.c.source, func.count(), func.min(webhook.c.received_at, type_=webhook.c.received_at.type))
        .where(webhook.c.state.in_(("waiting", "asking")))
        .group_by(webhook.c.source)
    ).all()
    waiting: Mapping[str, int] = {source: count for source, count, _ in rows}
    yield Gauge(
        "handbill_webhooks_waiting",
        "Stored webhooks that have not been worked on.",
        ("source",),
        [((source,), float(count)) for source, count in waiting.items()],
    )
    yield Gauge(
        "handbill_webhook_oldest_seconds",
        "Age of the oldest webhook that has not been worked on.",
        ("source",),
        [((source,), (now - oldest).total_seconds()) for source, _, oldest in rows],
    )


def _reports(connection: Connection) -> Gauge:
    counted = select(webhook_count.c.source, webhook_count.c.what, func.sum(webhook_count.c.count))
    rows = connection.execute(counted.group_by(webhook_count.c.source, webhook_count.c.what))
    help_ = "What vendors reported by webhook, by what became of it: new, known, stray, unknown, refused and so on."
    return Gauge(
        "handbill_webhook_reports", help_, ("source", "what"), [((row[0], row[1]), float(row[2])) for row in rows]
    )


def _recent(now: datetime) -> ColumnElement[bool]:
    return or_(run.c.finished_at.is_(None), run.c.finished_at > now - RECENT_RUNS)
