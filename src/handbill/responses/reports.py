"""What vendors reported: stored requests read in batches, their events matched to messages and taken in."""

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, Engine, Row, func, select, update
from sqlalchemy.exc import DataError

from handbill.channels.hooks import Report, Unreadable
from handbill.delivery.labels import read_label
from handbill.responses.events import Event
from handbill.responses.hooks import reader_of
from handbill.responses.ingest import LISTED, take_in_all
from handbill.responses.webhooks import WEBHOOK, Count, count_words, keep_strays
from handbill.store.connection import writing
from handbill.store.tables import outbox, webhook
from handbill.tokens import Keys

LOGGER = logging.getLogger("handbill.responses")
BATCH_BYTES = 250_000
"""So much is worked on in one transaction: some five hundred events, a tenth of a second in which others wait."""
BATCH_REQUESTS = 500
NOBODY = 0
"""The number in labels of proofs and of copies for seed mailboxes."""

Request = Row[tuple[int, str, str, bytes, datetime]]
"""Number, source, format and body of a stored request, and when it was received."""

_CHANNELS = {"email": "email", "letter": "direct_mail"}


@dataclass(frozen=True)
class Drained:
    """What was read: requests, new events, events known before, strays, and what was no event of ours or no event."""

    requests: int = 0
    events: int = 0
    known: int = 0
    strays: int = 0
    passed_over: int = 0
    unknown: int = 0
    broken: int = 0

    def __add__(self, other: "Drained") -> "Drained":
        return Drained(*(getattr(self, name) + getattr(other, name) for name in Drained.__dataclass_fields__))


@dataclass
class _Found:
    """What a batch of requests holds."""

    events: list[Event] = field(default_factory=list)
    strays: list[tuple[Event, str, str]] = field(default_factory=list)
    counts: Counter[Count] = field(default_factory=Counter)
    sizes: dict[int, int] = field(default_factory=dict)
    broken: dict[int, str] = field(default_factory=dict)


def drain_batch(engine: Engine, keys: Keys, *, now: datetime) -> Drained:
    """Works on the requests that have waited longest, in one transaction; nothing when none waits.

    Killed, it has done nothing; several may work side by side.
    """
    try:
        with writing(engine) as connection:
            return _drain(connection, keys, BATCH_REQUESTS, now)
    except DataError:
        # One of them holds what this database cannot: it is set aside alone, and the others go on.
        with writing(engine) as connection:
            return _drain_one(connection, keys, now)


def _drain_one(connection: Connection, keys: Keys, now: datetime) -> Drained:
    try:
        with connection.begin_nested():
            return _drain(connection, keys, 1, now)
    except DataError as error:
        (row,) = _waiting(connection, 1)
        _finish(connection, [row], _Found(broken={row.id: type(error.orig).__name__}), now)
        return Drained(requests=1, broken=1)


def _drain(connection: Connection, keys: Keys, most: int, now: datetime) -> Drained:
    rows = _waiting(connection, most)
    if not rows:
        return Drained()
    found = _Found()
    reports = [(row, report) for row in rows for report in _read(row, found)]
    _match(connection, reports, keys, found, now)
    new = take_in_all(connection, found.events, now=now)
    keep_strays(connection, found.strays, now=now)
    for each in new:
        found.counts[each.source, "new", each.kind] += 1
    known = len(found.events) - len(new)
    if known:
        named = Counter((each.source, "known", each.kind) for each in found.events)
        named.subtract(Counter((each.source, "known", each.kind) for each in new))
        found.counts.update({name: number for name, number in named.items() if number > 0})
    _finish(connection, rows, found, now)
    count_words(connection, found.counts, now=now)
    told: Counter[str] = Counter()
    for (_, what, _), number in found.counts.items():
        told[what] += number
    return Drained(
        requests=len(rows),
        events=len(new),
        known=known,
        strays=len(found.strays),
        passed_over=told["passed over"] + told["proof"],
        unknown=told["unknown"],
        broken=len(found.broken),
    )


def _waiting(connection: Connection, most: int) -> Sequence[Request]:
    """The oldest requests, as many as are worked on at once; others that do the same pass them by."""
    queue = select(webhook.c.id, func.length(webhook.c.body)).where(webhook.c.state == "waiting")
    ids: list[int] = []
    size = 0
    for id_, length in connection.execute(queue.order_by(webhook.c.id).limit(most).with_for_update(skip_locked=True)):
        size += length or 0
        if ids and size > BATCH_BYTES:
            break
        ids.append(id_)
    columns = (webhook.c.id, webhook.c.source, webhook.c.format, webhook.c.body, webhook.c.received_at)
    return connection.execute(select(*columns).where(webhook.c.id.in_(ids)).order_by(webhook.c.id)).all()


def _read(row: Request, found: _Found) -> Iterator[Report]:
    """The events of a request. What is none of them is counted, and the request kept as it came."""
    try:
        reports = reader_of(row.format)(row.body)
    except Unreadable:
        found.broken[row.id] = "this is not what the vendor sends"
        reports = []
    except Exception as error:  # noqa: BLE001 - our bug in reading one request must not keep the others waiting for ever
        LOGGER.error("webhook %d of %s cannot be read: %s", row.id, row.source, type(error).__name__)
        found.broken[row.id] = type(error).__name__
        reports = []
    found.sizes[row.id] = len(reports)
    for report in reports:
        if report.kind is None:
            found.counts[row.source, "passed over" if report.is_known else "unknown", report.word] += 1
        else:
            yield report


def _match(
    connection: Connection,
    reports: Iterable[tuple[Request, Report]],
    keys: Keys,
    found: _Found,
    now: datetime,
) -> None:
    """Finds each event's message: by our own label, else by the provider's id, else by the Message-ID."""
    labelled = [(row, report, read_label(keys, report.label)) for row, report in reports]
    known = Messages(connection, [(number, report.provider_id, report.message_id) for _, report, number in labelled])
    for row, report, number in labelled:
        if number == NOBODY:
            found.counts[row.source, "proof", report.word] += 1
            continue
        message = known.find(number, report.provider_id, report.message_id, channel_of(report.kind or ""))
        event = _as_event(row, report, now)
        if message is None:
            found.strays.append((event, report.provider_id, report.message_id))
            found.counts[row.source, "stray", report.word] += 1
        else:
            found.events.append(matched(event, message))


@dataclass(frozen=True)
class KnownMessage:
    """A message of ours, and to whom it went."""

    id: int
    contact_id: int
    channel: str
    provider_id: str | None
    message_id: str


class Messages:
    """The messages that a batch of events may be about, looked up at once."""

    def __init__(self, connection: Connection, named: Iterable[tuple[int | None, str, str]]) -> None:
        """`named` gives for each event our number, the provider's id and the Message-ID, as far as it says them."""
        listed = list(named)
        numbers = {number for number, _, _ in listed if number is not None}
        rest = [(provider_id, message_id) for number, provider_id, message_id in listed if number is None]
        rows = _messages(connection, outbox.c.id, numbers)
        rows += _messages(connection, outbox.c.provider_id, {each for each, _ in rest if each})
        rows += _messages(connection, outbox.c.message_id, {each for _, each in rest if each})
        self._by_id = {row.id: row for row in rows}
        self._by_provider_id = {row.provider_id: row for row in rows if row.provider_id}
        self._by_message_id = {row.message_id: row for row in rows}

    def find(self, number: int | None, provider_id: str, message_id: str, channel: str) -> KnownMessage | None:
        """The message, when it went out on the channel that the event is about."""
        if number is not None:
            message = self._by_id.get(number)
        else:
            message = self._by_provider_id.get(provider_id) or self._by_message_id.get(message_id)
        return message if message is not None and message.channel == channel else None


def channel_of(kind: str) -> str:
    """The channel that an event's kind is about."""
    return _CHANNELS.get(kind.partition(".")[0], "")


def matched(event: Event, message: KnownMessage) -> Event:
    """The event, about this message."""
    return Event(
        event.source, event.source_event_id, event.kind, event.occurred_at, event.received_at,
        contact_id=message.contact_id, outbox_id=message.id, verdict=event.verdict, properties=event.properties,
    )  # fmt: skip


def _messages(connection: Connection, column: object, values: set[int] | set[str]) -> list[KnownMessage]:
    if not values:
        return []
    columns = (outbox.c.id, outbox.c.contact_id, outbox.c.channel, outbox.c.provider_id, outbox.c.message_id)
    found = select(*columns).where(column.in_(sorted(values)))  # type: ignore[attr-defined]  # one of three columns
    return [KnownMessage(*row) for row in connection.execute(found)]


def _as_event(row: Request, report: Report, now: datetime) -> Event:
    words = {"bounce": report.bounce, LISTED: report.listed, "said": report.said, "word": report.word}
    properties: dict[str, object] = {name: str(word) for name, word in words.items() if word}
    properties[WEBHOOK] = row.id
    received_at = min(row.received_at, now)
    # Nothing happened after we heard of it, whatever the vendor's clock says.
    occurred_at = min(report.at, received_at) if report.at else received_at
    return Event(
        row.source, report.id, str(report.kind), occurred_at, received_at, verdict=report.verdict, properties=properties
    )


def _finish(
    connection: Connection,
    rows: Sequence[Request],
    found: _Found,
    now: datetime,
) -> None:
    by_size: dict[int, list[int]] = {}
    for row in rows:
        if row.id in found.broken:
            values = {"state": "broken", "error": found.broken[row.id], "processed_at": now}
            connection.execute(update(webhook).where(webhook.c.id == row.id).values(**values))
            found.counts[row.source, "broken", found.broken[row.id]] += 1
        else:
            by_size.setdefault(found.sizes.get(row.id, 0), []).append(row.id)
    for size, ids in by_size.items():
        done = {"state": "done", "events": size, "processed_at": now}
        connection.execute(update(webhook).where(webhook.c.id.in_(ids)).values(**done))


def count_refused(connection: Connection, refused: Mapping[tuple[str, str], int], *, now: datetime) -> None:
    """Counts requests that were not believed, by hook and reason: nothing else of them is kept."""
    count_words(connection, {(source, "refused", why): number for (source, why), number in refused.items()}, now=now)
