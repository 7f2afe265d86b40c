"""What comes in at our links, pictures and codes: kept raw and at once, with a verdict that can be given again."""

import itertools
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, func, select, update

from handbill.channels.contract import EventKind
from handbill.contacts.consent import EVERY_TOPIC, WITHDRAWN
from handbill.delivery.uncertain import settle_by_evidence
from handbill.responses.classify import RULES, SAME_MACHINE, Hit, Sent, judge, verdict_alone
from handbill.store.inserts import insert_into
from handbill.store.tables import consent, event, link, outbox, run

SOURCE = "tracking"
SCANNED = "letter.scanned"
TRACKING = "tracking"
"""The channel of the consent ledger on which people refuse to be measured."""
KINDS = (EventKind.OPENED, EventKind.CLICKED, SCANNED)

_LONGEST_AGENT = 300
_MOST_OF_A_MESSAGE = 1_000
"""Hits of one message that are looked at together; whoever sends more of them is a machine by then."""
_IN_DOUBT = frozenset({"uncertain", "closed_unknown"})

_started = secrets.token_hex(6)
_numbers = itertools.count()


@dataclass(frozen=True)
class Arrived:
    """A hit as it came in. `name` makes it one event, however often it is stored; `outbox_id` 0 names no message."""

    name: str
    hit: Hit
    outbox_id: int
    target: str = ""


@dataclass(frozen=True)
class _Message:
    """What has to be known of a message: whose it is, unless they refuse to be measured, and when it left."""

    contact_id: int | None
    state: str
    campaign: str
    arm: str
    sent: Sent


def new_name() -> str:
    """A name that no other event has; names of one process follow one another, which indexes like."""
    return f"{time.time_ns():x}-{_started}-{next(_numbers):x}"


def store_hits(connection: Connection, arrived: Sequence[Arrived], scanners: frozenset[str], *, now: datetime) -> None:
    """Keeps hits, judges them together with the earlier ones of their messages, and settles what was in doubt.

    Of somebody who refuses to be measured, and of links that are counted for all, nothing but the number is kept.
    """
    messages = _messages(connection, {each.outbox_id for each in arrived if each.outbox_id})
    by_message: dict[int, list[Arrived]] = {}
    rows = []
    for each in arrived:
        message = messages.get(each.outbox_id)
        if message is None or message.contact_id is None:
            sent = message.sent if message else _LONG_AGO
            rows.append(_row(each, message, verdict_alone(each.hit, sent, scanners), now))
        else:
            by_message.setdefault(each.outbox_id, []).append(each)
    earlier = _earlier(connection, by_message)
    changed: list[dict[str, Any]] = []
    for outbox_id, new in by_message.items():
        message, old = messages[outbox_id], earlier.get(outbox_id, [])
        verdicts = judge([*(hit for _, _, hit in old), *(each.hit for each in new)], message.sent, scanners)
        changed += [
            {"event": number, "now": verdict}
            for (number, before, _), verdict in zip(old, verdicts, strict=False)
            if verdict != before
        ]
        rows += [_row(each, message, verdict, now) for each, verdict in zip(new, verdicts[len(old) :], strict=True)]
    connection.execute(insert_into(connection, event).on_conflict_do_nothing(), rows)
    if changed:
        judged_again = update(event).where(event.c.id == bindparam("event")).values(verdict=bindparam("now"))
        connection.execute(judged_again, changed)
    for outbox_id, message in messages.items():
        if message.state in _IN_DOUBT:
            settle_by_evidence(connection, outbox_id, "accepted", evidence=f"hit from {SOURCE}", now=now)


_LONG_AGO = Sent(datetime.min.replace(tzinfo=UTC), None)
"""Of links without a message nothing is known but that they were followed."""


def hit_of(row: Any) -> Hit:
    """The hit that an event was stored for; `row` has its columns and `is_trap`."""
    said: Mapping[str, Any] = row.properties
    method, agent, network = (str(said.get(name, "")) for name in ("method", "agent", "network"))
    return Hit(row.kind, row.occurred_at, method or "GET", agent, network, row.link_id, bool(row.is_trap))


def sent_of(connection: Connection, ids: Iterable[int]) -> dict[int, Sent]:
    """When messages were taken over and delivered, by their numbers."""
    return {number: message.sent for number, message in _messages(connection, ids).items()}


def clean_agent(agent: str) -> str:
    """What a program says it is, short and printable."""
    return "".join(letter for letter in agent[:_LONGEST_AGENT] if letter.isprintable())


def _messages(connection: Connection, ids: Iterable[int]) -> dict[int, _Message]:
    wanted = sorted(ids)
    if not wanted:
        return {}
    rows = connection.execute(
        select(outbox.c.id, outbox.c.contact_id, outbox.c.state, run.c.campaign, outbox.c.arm,
               outbox.c.accepted_at, outbox.c.message_at, _REFUSAL.label("refusal"), _DELIVERED.label("delivered_at"))
        .join(run, run.c.id == outbox.c.run_id)
        .where(outbox.c.id.in_(wanted))
    )  # fmt: skip
    return {
        row.id: _Message(
            None if row.refusal == WITHDRAWN else row.contact_id,
            row.state, row.campaign, row.arm,
            # Whoever has a message that the server took without a word has got it.
            Sent(row.message_at if row.state in _IN_DOUBT else row.accepted_at, row.delivered_at),
        )
        for row in rows
    }  # fmt: skip


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


def _earlier(
    connection: Connection, by_message: Mapping[int, Sequence[Arrived]]
) -> dict[int, list[tuple[int, str | None, Hit]]]:
    """The hits of the same messages shortly before: number, verdict, and the hit."""
    if not by_message:
        return {}
    since = min(each.hit.at for new in by_message.values() for each in new) - SAME_MACHINE
    rows = connection.execute(
        select(event.c.id, event.c.outbox_id, event.c.kind, event.c.occurred_at, event.c.verdict, event.c.link_id,
               event.c.properties, (link.c.kind == "trap").label("is_trap"))
        .outerjoin(link, link.c.id == event.c.link_id)
        .where(event.c.outbox_id.in_(sorted(by_message)), event.c.kind.in_(KINDS), event.c.source == SOURCE,
               event.c.occurred_at >= since)
        .order_by(event.c.id.desc())
        .limit(_MOST_OF_A_MESSAGE * len(by_message))
    )  # fmt: skip
    found: dict[int, list[tuple[int, str | None, Hit]]] = {}
    for row in rows:
        found.setdefault(row.outbox_id, []).append((row.id, row.verdict, hit_of(row)))
    return found


def _row(each: Arrived, message: _Message | None, verdict: str, now: datetime) -> dict[str, Any]:
    said: dict[str, Any] = {"rules": RULES, "method": each.hit.method}
    is_known = message is not None and message.contact_id is not None
    if is_known:
        said |= {"agent": each.hit.agent, "network": each.hit.network}
        if each.target:
            said["link"] = each.target
    elif message is not None:
        said |= {"campaign": message.campaign, "arm": message.arm}
    return {
        "source": SOURCE,
        "source_event_id": each.name,
        "kind": str(each.hit.kind),
        "contact_id": message.contact_id if message and is_known else None,
        "outbox_id": each.outbox_id if is_known else None,
        "occurred_at": each.hit.at,
        "received_at": now,
        "verdict": verdict,
        "link_id": each.hit.link_id,
        "properties": said,
    }
