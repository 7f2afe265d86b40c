"""Requests of vendors as they came: stored once before anything else happens, counted, and forgotten in time."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import BigInteger, Connection, LargeBinary, Text, cast, delete, func, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.dml import ReturningInsert

from handbill.responses.events import Event
from handbill.store.given import Given
from handbill.store.inserts import insert_for, insert_into
from handbill.store.prepared import ready
from handbill.store.tables import event, stray_event, webhook, webhook_count
from handbill.store.types import to_micros

RAW_KEPT = timedelta(days=30)
"""How long bodies are kept after they were worked on, and events that nobody could place."""
HEADERS_KEPT = frozenset({
    "content-type", "user-agent", "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp",
    "svix-id", "svix-timestamp", "svix-signature", "lob-signature", "lob-signature-timestamp", "postgrid-signature",
    "handbill-timestamp", "handbill-signature", "x-amz-sns-message-type", "x-amz-sns-message-id",
})  # fmt: skip
"""What a signature is checked by; a password is none, and is not kept."""
WEBHOOK = "webhook"
"""The property of an event that names the request which reported it."""

_LONGEST_WORD = 60
_AT_ONCE = 2_000


class Stored(StrEnum):
    """What became of a request that was verified."""

    NEW = "new"
    KNOWN = "known"
    """It came before, and counts once."""
    REPLAYED = "replayed"
    """Its nonce came before with another body."""


@dataclass(frozen=True)
class Arrived:
    """A verified request."""

    source: str
    format: str
    nonce: str
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    asks: bool = False
    digest: str = field(default="", init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.sha256(self.body).hexdigest())


Count = tuple[str, str, str]
"""Source, what, and the word or reason that is counted."""


def store_webhooks(connection: Connection, arrived: Sequence[Arrived]) -> list[Stored]:
    """Keeps the requests that are not there yet; answers what became of each, in their order."""
    first: dict[tuple[str, str], Arrived] = {}
    for each in arrived:
        first.setdefault((each.source, each.nonce), each)
    fresh = _insert(connection, [first[name] for name in sorted(first)])
    digests = {name: first[name].digest for name in fresh} | _digests(connection, first.keys() - fresh)
    stored = []
    for each in arrived:
        name = (each.source, each.nonce)
        if digests.get(name) != each.digest:
            stored.append(Stored.REPLAYED)
        else:
            stored.append(Stored.NEW if name in fresh else Stored.KNOWN)
            fresh.discard(name)
    return stored


def count_words(connection: Connection, counts: Mapping[Count, int], *, now: datetime) -> None:
    """Adds to the counts of what came: events, unknown words, refused requests."""
    merged: dict[Count, int] = {}
    for (source, what, word), number in counts.items():
        name = (source, what, word[:_LONGEST_WORD])
        merged[name] = merged.get(name, 0) + number
    rows = [
        {"source": name[0], "what": name[1], "word": name[2], "count": number, "last_at": now}
        for name, number in sorted(merged.items())
    ]
    if not rows:
        return
    new = insert_into(connection, webhook_count)
    changed = {"count": webhook_count.c.count + new.excluded.count, "last_at": new.excluded.last_at}
    connection.execute(new.on_conflict_do_update(index_elements=["source", "what", "word"], set_=changed), rows)


def counts_of(connection: Connection) -> dict[Count, int]:
    """All that was counted."""
    columns = (webhook_count.c.source, webhook_count.c.what, webhook_count.c.word, webhook_count.c.count)
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(select(*columns))}


def forget_old(connection: Connection, *, now: datetime) -> int:
    """Forgets the bodies of requests that were worked on long ago, and stray events as old; answers how many bodies.

    The rows stay for as long again, so that a request that comes once more is still known. A bounded number at a time.
    """
    before = now - RAW_KEPT
    worked_on = webhook.c.state.in_(["done", "broken"])
    connection.execute(delete(stray_event).where(stray_event.c.received_at < before))
    gone = select(webhook.c.id).where(webhook.c.received_at < before - RAW_KEPT, worked_on).limit(_AT_ONCE)
    connection.execute(delete(webhook).where(webhook.c.id.in_(gone)))
    old = select(webhook.c.id).where(webhook.c.received_at < before, webhook.c.body.is_not(None), worked_on)
    forgotten = update(webhook).where(webhook.c.id.in_(old.limit(_AT_ONCE)))
    return connection.execute(forgotten.values(body=None, headers={})).rowcount


def forget_about(connection: Connection, contact_ids: Iterable[int]) -> int:
    """Forgets the bodies that hold events of these contacts, for their erasure; answers how many.

    What other people did stands in the events that were made of them.
    """
    found = connection.execute(select(event.c.properties).where(event.c.contact_id.in_(sorted(contact_ids)))).scalars()
    numbers = {number for properties in found if isinstance(number := (properties or {}).get(WEBHOOK), int)}
    worked_on = (webhook.c.id.in_(sorted(numbers)), webhook.c.state != "waiting")
    return connection.execute(update(webhook).where(*worked_on).values(body=None, headers={})).rowcount


def keep_strays(connection: Connection, strays: Iterable[tuple[Event, str, str]], *, now: datetime) -> None:
    """Sets events aside whose message is not known (yet): each with the provider's id and the Message-ID it names."""
    rows = {
        (each.source, each.source_event_id): {
            "source": each.source, "source_event_id": each.source_event_id, "kind": each.kind,
            "provider_id": provider_id or None, "message_id": message_id or None, "occurred_at": each.occurred_at,
            "received_at": now, "verdict": each.verdict, "properties": dict(each.properties),
            "webhook_id": each.properties.get(WEBHOOK),
        }
        for each, provider_id, message_id in strays
    }  # fmt: skip
    if rows:
        new = insert_into(connection, stray_event).on_conflict_do_nothing()
        connection.execute(new, [row for _, row in sorted(rows.items())])


def waiting(connection: Connection) -> int:
    """How many requests are not worked on yet."""
    return connection.scalar(select(func.count()).where(webhook.c.state.in_(["waiting", "asking"]))) or 0


def _insert(connection: Connection, arrived: Sequence[Arrived]) -> set[tuple[str, str]]:
    """Keeps those that are not there yet; answers their sources and nonces."""
    if connection.dialect.name == "sqlite":
        new = insert_into(connection, webhook).on_conflict_do_nothing().returning(webhook.c.source, webhook.c.nonce)
        rows = [_row(each) for each in arrived]
        return {(source, nonce) for source, nonce in connection.execute(new, rows)}
    # A statement whose text grows with the rows is taken apart by the driver each time, which costs as much again.
    given_rows = [
        (each.source, each.format, each.nonce, each.digest, json.dumps(_kept_headers(each)), f"\\x{each.body.hex()}",
         to_micros(each.received_at), _state(each))
        for each in arrived
    ]  # fmt: skip
    found = ready(connection, _new).run(connection, **_GIVEN.values(connection.dialect.name, given_rows))
    return {(source, nonce) for source, nonce in found}


def _new(dialect: str) -> ReturningInsert[tuple[str, str]]:
    rows = _GIVEN.table(dialect)
    values = (cast(each, JSONB) if each.name == "headers" else each for each in rows.c)
    new = insert_for(dialect, webhook).from_select([each.name for each in rows.c], select(*values))
    return new.on_conflict_do_nothing().returning(webhook.c.source, webhook.c.nonce)


_GIVEN = Given(
    "arrived",
    dict.fromkeys(("source", "format", "nonce", "digest", "headers"), Text())
    | {"body": LargeBinary(), "received_at": BigInteger(), "state": Text()},
)


def _row(each: Arrived) -> dict[str, object]:
    return {
        "source": each.source,
        "format": each.format,
        "nonce": each.nonce,
        "digest": each.digest,
        "headers": _kept_headers(each),
        "body": each.body,
        "received_at": each.received_at,
        "state": _state(each),
    }


def _kept_headers(each: Arrived) -> dict[str, str]:
    return {name: value[:500] for name, value in each.headers.items() if name in HEADERS_KEPT}


def _state(each: Arrived) -> str:
    return "asking" if each.asks else "waiting"


def _digests(connection: Connection, names: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    nonces = sorted({nonce for _, nonce in names})
    if not nonces:
        return {}
    found = connection.execute(
        select(webhook.c.source, webhook.c.nonce, webhook.c.digest).where(webhook.c.nonce.in_(nonces))
    )
    return {(source, nonce): digest for source, nonce, digest in found}
