"""Since when a contact's attributes have been what they are."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, Text, case, func, insert, literal, select

from handbill.contacts.merging.staging import SQLITE
from handbill.store.tables import Json, attribute_history, contact

EMAIL = "email"
"""Under this name stands which mailbox a contact had, and so which one a consent was given for."""


def note_changes(
    connection: Connection, stage: Table, attributes: Iterable[str], now: datetime, *, with_email: bool
) -> None:
    """Adds a row for every attribute of the staged contacts that is not what the history says last."""
    # `->` reads a JSON value in the same words on SQLite and PostgreSQL.
    values: dict[str, ColumnElement[Any]] = {
        name: contact.c.attributes.op("->", return_type=Json)(literal(name, Text)) for name in attributes
    }
    if with_email:
        quote = func.json_quote if connection.dialect.name == SQLITE else func.to_jsonb
        values[EMAIL] = case((contact.c.email_key.is_not(None), quote(contact.c.email_key)))
    first = connection.scalar(select(attribute_history.c.id).limit(1)) is None
    for name, value in values.items():
        said = _first_said(stage, name, value, now) if first else _changed(stage, name, value, now)
        columns = ["contact_id", "name", "value", "from_at"]
        connection.execute(insert(attribute_history).from_select(columns, said))


def _first_said(stage: Table, name: str, value: ColumnElement[Any], now: datetime) -> Select[Any]:
    """The same as `_changed` while there is no history, without a search for every contact."""
    return (
        select(contact.c.id, literal(name, Text), value, literal(now, attribute_history.c.from_at.type))
        .join(stage, stage.c.external_id == contact.c.external_id)
        .where(value.is_not(None))
    )


def _changed(stage: Table, name: str, value: ColumnElement[Any], now: datetime) -> Select[Any]:
    past = attribute_history.c
    said_last = (
        select(past.value)
        .where(past.contact_id == contact.c.id, past.name == name)
        .order_by(past.from_at.desc(), past.id.desc())
        .limit(1)
        .correlate(contact)
        .scalar_subquery()
    )
    # A replay with an earlier clock must not stand before what is known to have come later.
    latest = select(func.max(past.from_at)).where(past.contact_id == contact.c.id, past.name == name)
    moment = literal(now, past.from_at.type)
    newest = func.coalesce(latest.correlate(contact).scalar_subquery(), moment)
    return (
        select(contact.c.id, literal(name, Text), value, case((newest > moment, newest), else_=moment))
        .join(stage, stage.c.external_id == contact.c.external_id)
        .where(value.is_distinct_from(said_last))
    )
