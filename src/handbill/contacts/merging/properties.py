"""The properties of an event or a product: an object of the file, and the columns that are no field."""

from typing import Any

from handbill.contacts.merging.kinds import Import
from handbill.contacts.rows.converted import Converted


def properties_of(run: Import, converted: Converted) -> list[dict[str, Any]]:
    """The properties of every row; those without a value are left out."""
    names = tuple(run.layout.extras)
    nested = converted.column("properties")
    columns = [converted.values[name] for name in names]
    rows: list[dict[str, Any]] = []
    for at, inner in enumerate(nested):
        own = {name: column[at] for name, column in zip(names, columns, strict=True) if column[at] is not None}
        rows.append({**_object(inner), **own})
    return rows


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    return {} if value is None else {"properties": value}
