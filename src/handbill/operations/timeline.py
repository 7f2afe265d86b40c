"""All that is known of one contact, over all channels, in the order in which it happened."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, func, or_, select

from handbill.definitions.project import Project
from handbill.definitions.values import MILLIONTHS
from handbill.planning.phrases import CHANNEL_WORDS, reason_in_words
from handbill.responses.standing import standings
from handbill.store.tables import (
    attribute_history,
    consent,
    contact,
    enrollment,
    event,
    exclusion,
    order_line,
    orders,
    outbox,
    run,
    suppression,
)

_COLUMNS = ("email", "phone", "first_name", "last_name", "company", "language", "timezone", "address_line1",
            "address_line2", "city", "region", "postcode", "country", "address_problem")  # fmt: skip


@dataclass(frozen=True)
class Moment:
    """One thing that happened: when, what kind of thing, and what."""

    at: datetime
    kind: str
    what: str


@dataclass(frozen=True)
class Timeline:
    """A contact's profile and household as they are today, and everything that happened, the oldest first."""

    contact: str
    profile: dict[str, Any]
    household: str
    members: tuple[str, ...]
    moments: tuple[Moment, ...]


def timeline_of(connection: Connection, project: Project, person: Row[Any], now: datetime) -> Timeline:
    """What the store knows of a contact up to `now`."""
    profile = {name: getattr(person, name) for name in _COLUMNS if getattr(person, name) is not None}
    members = connection.scalars(
        select(contact.c.external_id).where(contact.c.household_key == person.household_key).order_by(contact.c.id)
    )
    found = sorted(
        (each for each in _moments(connection, project, person) if each.at <= now),
        key=lambda each: (each.at, each.kind, each.what),
    )
    return Timeline(
        person.external_id, {**profile, **person.attributes}, person.household_key, tuple(members), tuple(found)
    )


def _moments(connection: Connection, project: Project, person: Row[Any]) -> Iterator[Moment]:
    yield Moment(person.created_at, "contact", "added")
    yield from _changes(connection, person)
    for row in _own(connection, select(consent), consent.c.contact_id, person):
        words = f"{row.state} for {'all topics' if row.topic == '*' else row.topic} by {CHANNEL_WORDS[row.channel]}"
        read = f', read "{row.wording}"' if row.wording else ""
        proof = f", proven by {', '.join(f'{name} {value}' for name, value in row.proof.items())}" if row.proof else ""
        yield Moment(row.at, "consent", f"{words} (source {row.source}{read}{proof})")
    yield from _suppressions(connection, person)
    yield from _orders(connection, project, person)
    for row in _own(connection, select(event), event.c.contact_id, person):
        said = ", ".join(f"{name} {value}" for name, value in sorted(row.properties.items()))
        verdict = f" ({row.verdict})" if row.verdict else ""
        yield Moment(row.occurred_at, "event", f"{row.kind}{verdict}{': ' if said else ''}{said}")
    yield from _campaigns(connection, person)


def _changes(connection: Connection, person: Row[Any]) -> Iterator[Moment]:
    for row in _own(connection, select(attribute_history), attribute_history.c.contact_id, person):
        value = "removed" if row.value is None else f"is {_plain(row.value)}"
        yield Moment(row.from_at, "field", f"{row.name} {value}")


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _suppressions(connection: Connection, person: Row[Any]) -> Iterator[Moment]:
    mine = or_(
        and_(suppression.c.channel == "email", suppression.c.key_hash == person.email_hash),
        and_(suppression.c.channel == "direct_mail", suppression.c.key_hash == person.postal_hash),
    )
    for row in connection.execute(select(suppression).where(mine)):
        yield Moment(row.at, "suppression", f"{CHANNEL_WORDS[row.channel]}: {row.reason} (source {row.source})")


def _orders(connection: Connection, project: Project, person: Row[Any]) -> Iterator[Moment]:
    lines = select(func.count()).where(order_line.c.order_id == orders.c.id).scalar_subquery().label("lines")
    for row in _own(connection, select(orders, lines), orders.c.contact_id, person):
        amount = f"{row.total / MILLIONTHS:,.2f} {row.currency or project.currency}"
        code = f", code {row.code}" if row.code else ""
        yield Moment(row.ordered_at, "order", f"{row.external_id}: {amount}, {row.lines} lines{code}")


def _campaigns(connection: Connection, person: Row[Any]) -> Iterator[Moment]:
    """Campaigns that they entered or were left out of, and the messages to them."""
    for row in _own(connection, select(enrollment), enrollment.c.contact_id, person):
        yield Moment(row.entered_at, "campaign", f"entered {row.campaign}, wave {row.key}")
    left_out = select(exclusion.c.reason, exclusion.c.detail, run.c.campaign, run.c.wave, run.c.started_at)
    joined = left_out.join_from(exclusion, run, run.c.id == exclusion.c.run_id)
    for row in _own(connection, joined, exclusion.c.contact_id, person):
        why = reason_in_words(row.reason, row.detail)
        yield Moment(row.started_at, "campaign", f"left out of {row.campaign}, wave {row.wave}: {why}")
    messages = select(outbox, run.c.campaign).join_from(outbox, run, run.c.id == outbox.c.run_id)
    sent = _own(connection, messages, outbox.c.contact_id, person)
    became = standings(connection, [row.id for row in sent])
    for row in sent:
        words = f"{CHANNEL_WORDS[row.channel]} of {row.campaign}, arm {row.arm}: {row.state}"
        words += f", then {_word_of(became[row.id])}" if row.id in became else ""
        reason = f", {row.reason}" if row.reason else ""
        yield Moment(row.accepted_at or row.not_before, "message", f"{words}{reason} ({row.message_id})")


def _word_of(kind: str) -> str:
    """`letter.returned_to_sender` → returned to sender."""
    return kind.partition(".")[2].replace("_", " ")


def _own(connection: Connection, rows: Select[Any], owner: Any, person: Row[Any]) -> list[Row[Any]]:
    return list(connection.execute(rows.where(owner == person.id)).all())
