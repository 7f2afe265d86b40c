"""The statements by which hits are kept, made ready once: what is known of their messages, and the rows themselves."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.dml import Insert

from handbill.channels.contract import EventKind
from handbill.contacts.consent import EVERY_TOPIC, WITHDRAWN
from handbill.responses.classify import Hit, Sent
from handbill.store.given import Given
from handbill.store.inserts import insert_for
from handbill.store.lists import as_lists
from handbill.store.prepared import ready
from handbill.store.tables import consent, event, link, outbox, run
from handbill.store.types import from_micros, to_micros

SOURCE = "tracking"
SCANNED = "letter.scanned"
TRACKING = "tracking"
"""The channel of the consent ledger on which people refuse to be measured."""
KINDS = (EventKind.OPENED, EventKind.CLICKED, SCANNED)

_ASKED = Given("asked", {"id": BigInteger()})
_MOST_OF_A_MESSAGE = 1_000
"""Hits of one message that are looked at together; whoever sends more of them is a machine by then."""
_IN_DOUBT = frozenset({"uncertain", "closed_unknown"})


class Row(NamedTuple):
    """An event as the statement takes it: times are microseconds, and the properties are written out."""

    source_event_id: str
    kind: str
    contact_id: int | None
    outbox_id: int | None
    occurred_at: int
    received_at: int
    verdict: str
    link_id: int | None
    properties: str


_TEXTS = {"source_event_id", "kind", "verdict", "properties"}
_KEPT = Given("rows", {name: Text() if name in _TEXTS else BigInteger() for name in Row._fields})


@dataclass(frozen=True)
class Earlier:
    """A hit that is kept already: its event, and the verdict beside it."""

    event_id: int
    verdict: str | None
    hit: Hit


@dataclass(frozen=True)
class Message:
    """What has to be known of a message: whose it is, unless they refuse to be measured, and when it left."""

    contact_id: int | None
    is_in_doubt: bool
    campaign: str
    arm: str
    sent: Sent
    earlier: Sequence[Earlier] = ()


def messages(connection: Connection, ids: Iterable[int], *, hit_since: datetime | None = None) -> dict[int, Message]:
    """The messages with these numbers, and their hits of `hit_since` or later, the newest first; none without it."""
    asked = _ASKED.values(connection.dialect.name, [(each,) for each in sorted(ids)])
    if hit_since is None:
        found = ready(connection, _asked).run(connection, **asked)
    else:
        found = ready(connection, _asked_with_hits).run(connection, **asked, since=to_micros(hit_since))
    return {row[0]: _message(row) for row in json.loads(found.scalar() or "[]")}


def hit_of(kind: str, at: datetime, link_id: int | None, properties: Mapping[str, Any], *, is_trap: bool) -> Hit:
    """The hit that an event was stored for."""
    method, agent, network = (str(properties.get(name, "")) for name in ("method", "agent", "network"))
    return Hit(kind, at, method or "GET", agent, network, link_id, is_trap)


def keep(connection: Connection, rows: Sequence[Row]) -> None:
    """Keeps the hits that are not there yet."""
    ready(connection, _kept).run(connection, **_KEPT.values(connection.dialect.name, rows))


def _asked(dialect: str) -> Select[Any]:
    return _lookup(dialect)


def _asked_with_hits(dialect: str) -> Select[Any]:
    return _lookup(dialect, _hits(dialect))


def _kept(dialect: str) -> Insert:
    rows = _KEPT.table(dialect)
    properties = rows.c.properties if dialect == "sqlite" else cast(rows.c.properties, JSONB)
    values = (literal_column(f"'{SOURCE}'"), *(properties if each is rows.c.properties else each for each in rows.c))
    # SQLite takes ON CONFLICT behind a select for a join's condition unless there is a WHERE.
    new = insert_for(dialect, event).from_select(["source", *Row._fields], select(*values).where(true()))
    return new.on_conflict_do_nothing()


def _lookup(dialect: str, *more: ColumnElement[Any]) -> Select[Any]:
    """One row for all messages: each row that SQLite hands over lets the other threads go first."""
    asked = _ASKED.table(dialect)
    columns = (outbox.c.id, outbox.c.contact_id, outbox.c.state, run.c.campaign, outbox.c.arm, outbox.c.accepted_at,
               outbox.c.message_at, _REFUSAL, _DELIVERED, *more)  # fmt: skip
    joined = asked.join(outbox, outbox.c.id == asked.c.id).join(run, run.c.id == outbox.c.run_id)
    return select(cast(as_lists(dialect, *columns), Text)).select_from(joined)


def _hits(dialect: str) -> ColumnElement[Any]:
    """The source is looked at outside: PostgreSQL, while it knows little of a table, would look for it by its index."""
    hits = (
        select(event.c.source, event.c.id, event.c.verdict, event.c.kind, event.c.occurred_at, event.c.link_id,
               (link.c.kind == "trap").label("is_trap"), event.c.properties)
        .outerjoin(link, link.c.id == event.c.link_id)
        .where(event.c.outbox_id == outbox.c.id, event.c.kind.in_(KINDS),
               event.c.occurred_at >= bindparam("since", type_=BigInteger(), required=False))
        .order_by(event.c.id.desc())
        .limit(_MOST_OF_A_MESSAGE)
        .correlate(outbox)
        .subquery("hits")
    )  # fmt: skip
    _, *columns = hits.c
    return select(as_lists(dialect, *columns)).where(hits.c.source == SOURCE).scalar_subquery()


_REFUSAL = (
    select(consent.c.state)
    .where(consent.c.contact_id == outbox.c.contact_id, consent.c.channel == TRACKING, consent.c.topic == EVERY_TOPIC)
    .order_by(consent.c.at.desc(), consent.c.state.desc())
    .limit(1)
    .correlate(outbox)
    .scalar_subquery()
)
_DELIVERED = (
    select(func.min(event.c.occurred_at))
    .where(event.c.outbox_id == outbox.c.id, event.c.kind == EventKind.DELIVERED)
    .correlate(outbox)
    .scalar_subquery()
)


def _message(row: Sequence[Any]) -> Message:
    _, contact_id, state, campaign, arm, accepted_at, message_at, refusal, delivered_at, *hits = row
    is_in_doubt = state in _IN_DOUBT
    # Whoever has a message that the server took without a word has got it.
    sent = Sent(_time(message_at if is_in_doubt else accepted_at), _time(delivered_at))
    owner = None if refusal == WITHDRAWN else contact_id
    earlier = [_earlier(each) for found in hits for each in found or ()]
    return Message(owner, is_in_doubt, campaign, arm, sent, earlier)


def _earlier(row: Sequence[Any]) -> Earlier:
    event_id, verdict, kind, occurred_at, link_id, is_trap, properties = row
    hit = hit_of(kind, from_micros(occurred_at), link_id, properties, is_trap=bool(is_trap))
    return Earlier(event_id, verdict, hit)


def _time(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
