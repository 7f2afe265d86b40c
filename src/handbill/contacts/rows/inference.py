"""Of which type a column is that nobody has declared."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from handbill.contacts.rows.batches import Batch
from handbill.contacts.rows.conversions import with_point
from handbill.definitions.fields import FieldType

_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,14})\.[0-9]{1,9}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
)
_WORDS = frozenset({"true", "false", "yes", "no"})


class Inference:
    """Sees every batch of a file once, and then knows the narrowest type that fits all values of each column.

    Numbers with a leading zero are text: 02108 is a postcode and no number. A column without any value has no type.
    """

    def __init__(self, extras: Mapping[str, str], *, decimal_comma: bool = False) -> None:
        self._extras = extras
        self._read = with_point if decimal_comma else _as_it_is
        self._seen: dict[str, set[FieldType]] = {name: set() for name in extras}

    def see(self, batch: Batch) -> None:
        """Takes a batch into account."""
        for name, column in self._extras.items():
            seen = self._seen[name]
            if "text" not in seen:
                seen.update(_type_of(value) for value in map(self._read, batch.columns[column]) if value is not None)

    def types(self) -> dict[str, FieldType]:
        """The type of every extra field that has a value."""
        return {name: _common(seen) for name, seen in self._seen.items() if seen}


def _as_it_is(value: Any) -> Any:
    return value


def _common(seen: set[FieldType]) -> FieldType:
    if len(seen) == 1:
        return next(iter(seen))
    if seen == {"integer", "number"}:
        return "number"
    return "time" if seen == {"date", "time"} else "text"


def _type_of(value: Any) -> FieldType:
    if isinstance(value, str):
        return _type_of_text(value)
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, (float, Decimal)):
        return "number"
    if isinstance(value, datetime):
        return "time"
    return "date" if isinstance(value, date) else "text"


def _type_of_text(text: str) -> FieldType:
    if _WHOLE.fullmatch(text):
        return "integer"
    if _DECIMAL.fullmatch(text):
        return "number"
    if _DAY.fullmatch(text):
        return "date"
    if _MOMENT.fullmatch(text):
        return "time"
    return "boolean" if text.lower() in _WORDS else "text"
