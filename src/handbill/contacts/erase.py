"""How a person is erased: everything personal goes, and an empty place in the books stays.

The row of `contact` stays without a word in it and under a random id, so that assignments, messages and what
experiments count go on adding up, and so that no later contact ever gets its number, which old links name.
See docs/decisions/0017-erased-people-leave-an-empty-place.md.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Row, Table, case, delete, exists, insert, or_, select, update

from handbill.contacts.identity import email_hash, own_household_key
from handbill.contacts.merging.history import EMAIL
from handbill.contacts.suppressions import suppress
from handbill.store.tables import (
    assignment,
    assignment_member,
    attribute_history,
    confirmation,
    contact,
    enrollment,
    erasure,
    event,
    exclusion,
    experiment,
    metadata,
    orders,
    outbox,
)
from handbill.tokens import keyed_hash

PREFIX = "erased-"
"""How the ids of erased contacts begin; nothing else of them is left to name them by."""
REASON = "erased"
"""Why an erased person's mailbox stands on the suppression list."""
SOURCE = "erasure"

KEPT_TABLES = frozenset({enrollment, exclusion, assignment_member, outbox, event, orders, erasure})
"""Tables that go on naming the empty place; the rows of all others that name the contact are deleted."""
_KEPT_COLUMNS = frozenset({"id", "external_id", "household_key", "attributes", "created_at", "updated_at"})
KEPT_WORDS = frozenset({"bounce", "topic"})
"""Properties of answers that are words of ours: whether a bounce was hard, which topic was left."""


def living() -> ColumnElement[bool]:
    """Whether the contact of the statement around this one is somebody, and not the place of an erased person."""
    return contact.c.id.not_in(select(erasure.c.contact_id))


def is_place(unit_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether a unit of an experiment is the place of an erased person, whose draw nobody can repeat any more."""
    return or_(unit_id.startswith(PREFIX), unit_id.startswith(own_household_key(PREFIX)))


def is_erased(connection: Connection, contact_id: int) -> bool:
    """Whether a contact was erased."""
    return bool(connection.scalar(select(exists().where(erasure.c.contact_id == contact_id))))


def erase_person(connection: Connection, secret: bytes, contact_id: int, *, now: datetime) -> bool:
    """Empties the contact's row and all that hangs on it, but for messages; False when that was done before.

    The mailboxes go to the suppression list as keyed hashes, and so does the postal address if nobody else lives
    there. Orders stay with the empty place where an experiment counts them, and lose their owner elsewhere.
    """
    person = connection.execute(select(contact).where(contact.c.id == contact_id).with_for_update()).one()
    again = is_erased(connection, contact_id)
    if not again:
        _suppress(connection, secret, person, now)
        _rename_units(connection, person, new_id := f"{PREFIX}{uuid4().hex}")
        _empty(connection, person, new_id, now)
        connection.execute(insert(erasure).values(contact_id=contact_id, erased_at=now))
        if person.email_hash is not None:  # what they asked for before we knew whose mailbox it was
            connection.execute(delete(confirmation).where(confirmation.c.email_hash == person.email_hash))
    _delete_rows(connection, contact_id)
    _forget_orders(connection, contact_id)
    _forget_events(connection, secret, contact_id)
    return not again


def erased_with_news(connection: Connection) -> list[int]:
    """Erased contacts about whom something came in afterwards: an answer that was under way, a repeated report."""
    whose = erasure.c.contact_id
    news = [exists().where(event.c.contact_id == whose, ~event.c.source_event_id.startswith(PREFIX))]
    news.append(exists().where(orders.c.contact_id == whose, ~orders.c.external_id.startswith(PREFIX)))
    news += [exists().where(table.c.contact_id == whose) for table in _tables_of_contacts() if table not in KEPT_TABLES]
    return list(connection.scalars(select(whose).where(or_(*news)).order_by(whose)))


def _suppress(connection: Connection, secret: bytes, person: Row[Any], now: datetime) -> None:
    past = select(attribute_history.c.value).where(
        attribute_history.c.contact_id == person.id, attribute_history.c.name == EMAIL
    )
    mailboxes = {str(each) for each in connection.scalars(past) if each} | {person.email_key}
    for key in sorted(filter(None, mailboxes)):
        suppress(connection, "email", email_hash(secret, key), REASON, now, SOURCE)
    if person.postal_hash:
        lives_there = (contact.c.postal_hash == person.postal_hash, contact.c.id != person.id)
        if not connection.scalar(select(exists().where(*lives_there))):
            suppress(connection, "direct_mail", person.postal_hash, REASON, now, SOURCE)


def _rename_units(connection: Connection, person: Row[Any], new_id: str) -> None:
    """Assignments are published by the unit's id: it becomes the empty place's, unless a household lives on."""
    mine = select(assignment_member.c.assignment_id).where(assignment_member.c.contact_id == person.id)
    others = (
        select(assignment_member.c.assignment_id)
        .join(contact, contact.c.id == assignment_member.c.contact_id)
        .where(assignment_member.c.assignment_id.in_(mine), contact.c.id != person.id, living())
    )
    by_household = select(experiment.c.id).where(experiment.c.unit == "household")
    name = case((assignment.c.experiment_id.in_(by_household), own_household_key(new_id)), else_=new_id)
    alone = (assignment.c.id.in_(mine), assignment.c.id.not_in(others))
    connection.execute(update(assignment).where(*alone).values(unit_id=name))


def _empty(connection: Connection, person: Row[Any], new_id: str, now: datetime) -> None:
    empty: dict[str, Any] = {column.name: None for column in contact.columns if column.name not in _KEPT_COLUMNS}
    empty |= {"external_id": new_id, "household_key": own_household_key(new_id), "attributes": {}, "updated_at": now}
    connection.execute(update(contact).where(contact.c.id == person.id).values(empty))


def _delete_rows(connection: Connection, contact_id: int) -> None:
    for table in _tables_of_contacts():
        if table not in KEPT_TABLES:
            connection.execute(delete(table).where(table.c.contact_id == contact_id))


def _tables_of_contacts() -> Iterator[Table]:
    return (
        table
        for table in metadata.sorted_tables
        if "contact_id" in table.c and table.c.contact_id.references(contact.c.id)
    )


def _forget_orders(connection: Connection, contact_id: int) -> None:
    """An order number leads to the person in the shop's own books, so it goes too."""
    counted = connection.scalar(select(exists().where(assignment_member.c.contact_id == contact_id)))
    theirs = select(orders.c.id).where(orders.c.contact_id == contact_id, ~orders.c.external_id.startswith(PREFIX))
    for order_id in connection.scalars(theirs).all():
        values: dict[str, Any] = {"external_id": f"{PREFIX}{uuid4().hex}"}
        if not counted:
            values |= {"contact_id": None, "code": None}
        connection.execute(update(orders).where(orders.c.id == order_id).values(values))


def _forget_events(connection: Connection, secret: bytes, contact_id: int) -> None:
    """Keeps what reports count, without its details: answers to messages, and goals of sealed experiments."""
    counted = _counted(connection)
    unread = select(event).where(event.c.contact_id == contact_id, ~event.c.source_event_id.startswith(PREFIX))
    for row in connection.execute(unread).all():
        # The same event reported again later is known by this, and is then deleted.
        name = f"{PREFIX}{keyed_hash(secret, 'event', row.source_event_id)}"
        known = select(exists().where(event.c.source == row.source, event.c.source_event_id == name))
        if connection.scalar(known) or (row.outbox_id is None and row.kind not in counted):
            connection.execute(delete(event).where(event.c.id == row.id))
            continue
        kept = {key: value for key, value in row.properties.items() if _is_kept(key, value, counted.get(row.kind))}
        connection.execute(update(event).where(event.c.id == row.id).values(source_event_id=name, properties=kept))


def _is_kept(name: str, value: Any, measured: frozenset[str] | None) -> bool:
    if name in KEPT_WORDS:
        return isinstance(value, str)
    return name in (measured or ()) and isinstance(value, int | float)


def _counted(connection: Connection) -> dict[str, frozenset[str]]:
    """The kinds of event that sealed experiments count, and the properties that they add up."""
    found: dict[str, frozenset[str]] = {}
    for sealed in connection.scalars(select(experiment.c.registration)):
        goal, own = sealed.get("goal") or {}, sealed.get("metrics") or {}
        pairs = [(goal.get("event"), None), *((each["event"], each.get("property")) for each in own.values())]
        for kind, of_property in pairs:
            if kind:
                found[kind] = found.get(kind, frozenset()) | ({of_property} if of_property else frozenset())
    return found
