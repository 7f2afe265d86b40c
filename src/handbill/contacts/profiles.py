"""What templates may know of a contact: its fields as plain typed values."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, select

from handbill.contacts.purchases import Purchases, add_purchases
from handbill.definitions.fields import FieldType
from handbill.definitions.project import Project
from handbill.store.tables import contact
from handbill.store.types import from_micros

_AT_A_TIME = 1_000
"""Both databases limit the number of values in one statement."""


def load_profiles(
    connection: Connection, project: Project, contact_ids: Sequence[int], purchases: Collection[Purchases] = ()
) -> dict[int, dict[str, Any]]:
    """The profiles by contact id. Every field of the project is there by name; None stands for a missing value.

    Texts are str, whole numbers int, numbers float, booleans bool, dates date, times aware UTC datetimes. Contacts
    that are not in the store are not in the answer. `purchases` are the lists to add; see `add_purchases`.
    """
    profiles: dict[int, dict[str, Any]] = {}
    for start in range(0, len(contact_ids), _AT_A_TIME):
        some = contact_ids[start : start + _AT_A_TIME]
        for row in connection.execute(select(contact).where(contact.c.id.in_(some))).mappings():
            profiles[row["id"]] = dict(_values(project, row))
    add_purchases(connection, profiles, purchases)
    return profiles


def _values(project: Project, row: Any) -> Iterator[tuple[str, Any]]:
    attributes: dict[str, Any] = row["attributes"] or {}
    for name, field in project.fields.items():
        yield name, row[name] if field.builtin else _typed(field.type, attributes.get(name))


def _typed(type_: FieldType, value: Any) -> Any:
    """The stored JSON value as Python's; a value of another type, from before the field was declared, as text."""
    if value is None:
        return None
    try:
        match type_:
            case "date":
                return date.fromisoformat(value)
            case "time":
                return from_micros(value)
            case "number":
                return float(value)
            case _:
                return value
    except (TypeError, ValueError):
        return str(value)
