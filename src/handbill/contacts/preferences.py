"""What people asked of us beside their consents: to be left alone for a while, and to hear from us less often."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, select

from handbill.store.inserts import insert_into
from handbill.store.tables import contact, preference


@dataclass(frozen=True)
class Frequency:
    """At most so many marketing messages, over all channels, in any so many days."""

    at_most: int
    per_days: int


@dataclass(frozen=True)
class Wishes:
    """What one person asked for; None where they asked for nothing."""

    paused_until: datetime | None = None
    frequency: Frequency | None = None


def wishes_of(connection: Connection, contact_id: int) -> Wishes:
    """What a contact asked for."""
    found = connection.execute(select(preference).where(preference.c.contact_id == contact_id)).one_or_none()
    if found is None:
        return Wishes()
    frequency = Frequency(found.at_most, found.per_days) if found.at_most is not None else None
    return Wishes(found.paused_until, frequency)


def pause_marketing(connection: Connection, contact_id: int, until: datetime | None, now: datetime) -> None:
    """No marketing before `until`; None ends a pause."""
    _keep(connection, contact_id, {"paused_until": until}, now)


def limit_frequency(connection: Connection, contact_id: int, frequency: Frequency | None, now: datetime) -> None:
    """No more marketing than that; None takes the wish back."""
    values = {
        "at_most": frequency.at_most if frequency else None,
        "per_days": frequency.per_days if frequency else None,
    }
    _keep(connection, contact_id, values, now)


def frequencies(connection: Connection) -> list[Frequency]:
    """The different frequencies that anybody asked for, the strictest first."""
    rows = select(preference.c.at_most, preference.c.per_days).where(preference.c.at_most.is_not(None)).distinct()
    found = (Frequency(at_most, per_days) for at_most, per_days in connection.execute(rows).tuples())
    return sorted(found, key=lambda each: (each.at_most / each.per_days, each.at_most))


def wants(frequency: Frequency, contact_id: ColumnElement[int]) -> ColumnElement[bool]:
    """Whether the contact with this id asked for this frequency."""
    asked = (preference.c.at_most == frequency.at_most, preference.c.per_days == frequency.per_days)
    return contact_id.in_(select(preference.c.contact_id).where(*asked))


def paused(contact_id: ColumnElement[int], at: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a contact asked for no marketing at a moment. Never null."""
    return exists().where(preference.c.contact_id == contact_id, preference.c.paused_until > at)


def any_paused(connection: Connection, now: datetime) -> bool:
    """Whether a pause of anybody is in force, so that a million contacts need not be asked one by one."""
    return bool(connection.scalar(select(exists().where(preference.c.paused_until > now))))


def _keep(connection: Connection, contact_id: int, values: Mapping[str, Any], now: datetime) -> None:
    """Of somebody who was erased in the meantime nothing is kept."""
    if connection.scalar(select(contact.c.id).where(contact.c.id == contact_id)) is None:
        return
    row = {"contact_id": contact_id, **values, "changed_at": now}
    changes = {**values, "changed_at": now}
    statement = insert_into(connection, preference).values(row)
    connection.execute(statement.on_conflict_do_update(index_elements=["contact_id"], set_=changes))
