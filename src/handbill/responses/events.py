"""What contacts did and what became of messages, kept for good: the same event twice is stored once, in any order."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from handbill.channels.contract import EventKind
from handbill.store.inserts import insert_into
from handbill.store.tables import event

ANSWERS: Mapping[str, frozenset[str]] = {
    "delivered": frozenset({EventKind.DELIVERED, EventKind.LETTER_DELIVERED}),
    "bounces": frozenset({EventKind.BOUNCED, EventKind.LETTER_RETURNED}),
    "opens": frozenset({EventKind.OPENED}),
    "clicks": frozenset({EventKind.CLICKED}),
    "unsubscribes": frozenset({EventKind.UNSUBSCRIBED}),
    "complaints": frozenset({EventKind.COMPLAINED}),
    "scans": frozenset({"letter.scanned"}),
}
"""Which kinds of event each metric of messages counts."""

STANDING: Sequence[str] = (
    EventKind.COMPLAINED,
    EventKind.UNSUBSCRIBED,
    EventKind.BOUNCED,
    EventKind.REJECTED,
    EventKind.DELIVERED,
    EventKind.RELAYED,
    EventKind.DEFERRED,
    EventKind.ACCEPTED,
    EventKind.LETTER_RETURNED,
    EventKind.LETTER_VIEWED,
    EventKind.LETTER_DELIVERED,
    EventKind.LETTER_CANCELLED,
    EventKind.LETTER_FAILED,
    EventKind.LETTER_RE_ROUTED,
    EventKind.LETTER_PROCESSED_FOR_DELIVERY,
    EventKind.LETTER_IN_LOCAL_AREA,
    EventKind.LETTER_IN_TRANSIT,
    EventKind.LETTER_MAILED,
    EventKind.LETTER_RENDERED,
    EventKind.LETTER_CREATED,
)
"""What became of a message is its strongest event, and this is their order: so it does not matter which came first."""

MAILBOX_WATERMARK = ("answers", "mailbox")
"""Kind and source of the watermark that says up to when bounces and unsubscribes have been read."""

_ROWS_A_STATEMENT = 500


@dataclass(frozen=True)
class Event:
    """One thing that happened. `source` and `source_event_id` together name it, whoever reports it how often.

    `kind` is a word of `EventKind` or one of the shop's own (page_view, form_submit…). `outbox_id` is the message
    that it answers, where known; `verdict` says whether a person or a machine did it, where that is a question.
    """

    source: str
    source_event_id: str
    kind: str
    occurred_at: datetime
    received_at: datetime
    contact_id: int | None = None
    outbox_id: int | None = None
    verdict: str | None = None
    properties: Mapping[str, Any] = field(default_factory=dict)


def store_events(connection: Connection, events: Iterable[Event]) -> int:
    """Keeps the events that are not there yet; answers how many were new."""
    rows, stored = iter(events), 0
    while batch := list(islice(rows, _ROWS_A_STATEMENT)):
        stored += len(keep_new(connection, batch))
    return stored


def keep_new(connection: Connection, events: Iterable[Event]) -> list[Event]:
    """Keeps the events that are not there yet; answers these, in their order."""
    by_name = {(each.source, each.source_event_id): each for each in reversed(list(events))}
    if not by_name:
        return []
    # In one order everywhere, so that two that keep the same events wait for each other instead of for ever.
    rows = [_row(each) for _, each in sorted(by_name.items())]
    new = insert_into(connection, event).on_conflict_do_nothing()
    kept = set(connection.execute(new.returning(event.c.source, event.c.source_event_id), rows).tuples())
    return [each for name, each in reversed(by_name.items()) if name in kept]


def _row(each: Event) -> dict[str, Any]:
    return {
        "source": each.source,
        "source_event_id": each.source_event_id,
        "kind": each.kind,
        "contact_id": each.contact_id,
        "outbox_id": each.outbox_id,
        "occurred_at": each.occurred_at,
        "received_at": each.received_at,
        "verdict": each.verdict,
        "properties": dict(each.properties),
    }
