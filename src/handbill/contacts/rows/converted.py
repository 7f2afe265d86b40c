"""The rows of a batch as typed fields, and which of them cannot be loaded."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from handbill.contacts.rows.batches import Batch, Reject
from handbill.contacts.rows.conversions import Convert, converter, with_point
from handbill.contacts.rows.layout import FieldSpec, Layout
from handbill.contacts.rows.ordinary import ordinary
from handbill.contacts.rows.quarantine import Quarantine

NUMBERS = frozenset({"number", "money"})
_REPEATABLE = {str, int, float, datetime}


@dataclass(frozen=True)
class Converted:
    """Typed columns by field; None is a missing value. `bad` are the positions that have been rejected."""

    rows: Sequence[tuple[int, ...]]
    values: Mapping[str, list[Any]]
    bad: set[int]

    def column(self, field: str) -> list[Any]:
        """The values of a field; all missing when the file does not fill it."""
        return self.values.get(field) or [None] * len(self.rows)

    def good(self) -> Iterator[int]:
        """The positions that can be loaded."""
        return (place for place in range(len(self.rows)) if place not in self.bad)


def convert(
    batch: Batch, layout: Layout, specs: Mapping[str, FieldSpec], zone: ZoneInfo, quarantine: Quarantine
) -> Converted:
    """The batch with every field in its type; `specs` has the types of all fields and extras.

    A value that is not of its type rejects its row, and so does a required field without one.
    """
    bad: set[int] = set()
    places: dict[tuple[int, ...], int] = {}

    def reject(rows: Sequence[int], column: str, value: Any, reason: str) -> None:
        quarantine.reject(rows, column, value, reason)
        if not places:
            places.update({rows: place for place, rows in enumerate(batch.rows)})
        bad.add(places[tuple(rows)])

    given = {field: batch.columns[column] for field, column in {**layout.columns, **layout.extras}.items()}
    if layout.decimal_comma:
        given |= {field: [*map(with_point, column)] for field, column in given.items() if specs[field].type in NUMBERS}
    given |= {field: each.column(batch, bad, reject) for field, each in layout.derived.items()}
    values: dict[str, list[Any]] = {}
    for field, column in given.items():
        quick = None if specs[field].one_of else ordinary(specs[field].type, column, zone)
        function = converter(specs[field].type, zone, specs[field].one_of)
        values[field] = quick or _typed(column, function, batch, layout.source_of(field), reject)
        if specs[field].required and None in column:
            _require(column, batch, layout.source_of(field), bad, reject)
    return Converted(batch.rows, values, bad)


def _typed(column: list[Any], function: Convert, batch: Batch, name: str, reject: Reject) -> list[Any]:
    try:
        if _repeats(column):
            meant = {value: None if value is None else function(value) for value in set(column)}
            return [meant[value] for value in column]
        return [None if value is None else function(value) for value in column]
    except ValueError:
        return [_one(value, function, rows, name, reject) for value, rows in zip(column, batch.rows, strict=True)]


def _repeats(column: list[Any]) -> bool:
    """Whether converting each different value once pays. With several types it would be wrong: 1 equals True."""
    types = set(map(type, column)) - {type(None)}
    return len(types) == 1 and types <= _REPEATABLE and len(set(column)) * 2 < len(column)


def _one(value: Any, function: Convert, rows: tuple[int, ...], name: str, reject: Reject) -> Any:
    try:
        return None if value is None else function(value)
    except ValueError as error:
        reject(rows, name, value, str(error))
        return None


def _require(column: list[Any], batch: Batch, name: str, bad: set[int], reject: Reject) -> None:
    for place, value in enumerate(column):
        if value is None and place not in bad:
            reject(batch.rows[place], name, "", "the value is missing.")
