"""What a comparison in a segment compares with: the operators of each type, and their values as typed Python ones."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar
from zoneinfo import ZoneInfo

from handbill.definitions.fields import FieldType
from handbill.definitions.findings import Mistake
from handbill.definitions.segment import Ago, Comparison, Dates, FieldOperator, Value, Window
from handbill.definitions.values import parse_boolean, parse_duration, parse_moment
from handbill.definitions.words import either, quoted, unknown
from handbill.definitions.yaml import Items, Place, Text, Tree

T = TypeVar("T")

_EQUAL: tuple[FieldOperator, ...] = ("eq", "ne", "in", "not_in")
_ORDER: tuple[FieldOperator, ...] = ("lt", "lte", "gt", "gte", "between")
_TEXT: tuple[FieldOperator, ...] = ("contains", "starts_with", "ends_with")
_TIME: tuple[FieldOperator, ...] = ("before", "after", "within", "between")
_PRESENCE: tuple[FieldOperator, ...] = ("exists", "missing")

OPERATORS: Mapping[FieldType, tuple[FieldOperator, ...]] = {
    "text": (*_EQUAL, *_TEXT, *_PRESENCE),
    "integer": (*_EQUAL, *_ORDER, *_PRESENCE),
    "number": (*_EQUAL, *_ORDER, *_PRESENCE),
    "boolean": ("eq", "ne", *_PRESENCE),
    "date": (*_EQUAL, *_TIME, *_PRESENCE),
    "time": (*_TIME, *_PRESENCE),
}
"""What can be asked of a field of each type."""

NUMBER_OPERATORS: tuple[FieldOperator, ...] = ("eq", "ne", *_ORDER)
"""What can be asked of a count, a sum, a minimum, a maximum or an average."""

MOMENT_OPERATORS = _TIME
"""What can be asked of when something happened."""

ALL_OPERATORS = tuple(dict.fromkeys((*_EQUAL, *_ORDER, *_TEXT, *_TIME, *_PRESENCE)))

MOST_VALUES = 10_000
"""In one list: both databases count the values of a statement."""

_INSTEAD: Mapping[str, str] = {"lt": "before", "lte": "before", "gt": "after", "gte": "after"}
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,12})?")
_TWO = 2
_AGO = re.compile(r"(.+?)\s+ago")


@dataclass(frozen=True)
class Subject:
    """What is compared: its name in messages, its type, the operators that suit it, and the zone of its dates."""

    name: str
    type: FieldType
    operators: tuple[FieldOperator, ...]
    zone: ZoneInfo


def read_comparison(operator: str, written: Tree, subject: Subject, place: Place) -> Comparison:
    """`gte: 100` as a typed comparison. `place` is that of the operator.

    Raises:
        Mistake: the operator does not suit the type, or the value is not of it.
    """
    name = next((each for each in subject.operators if each == operator), None)
    if name is None:
        raise Mistake(place, *_unsuited(operator, subject))
    return Comparison(*_read(name, written, subject))


def read_duration(written: Tree) -> timedelta:
    """`90 days`.

    Raises:
        Mistake: it is no duration, or none at all.
    """
    duration = _converted(written, parse_duration)
    if not duration:
        raise Mistake(written.place, "the time is no time at all.", "Write it like 14 days.")
    return duration


def read_window(written: Tree, zone: ZoneInfo) -> Window:
    """`90 days` up to now, or `[2026-01-01, 2026-03-31]` with both days in it.

    Raises:
        Mistake: it is neither.
    """
    if isinstance(written, Items):
        first, last = _range(written, Subject("the window", "time", MOMENT_OPERATORS, zone), "within")
        return Dates(first, last)  # type: ignore[arg-type]  # a range of times is of times
    return read_duration(written)


def _read(
    name: FieldOperator, written: Tree, subject: Subject
) -> tuple[FieldOperator, Value | Ago | timedelta | tuple[Value | Ago, ...] | None]:
    """The operator and its operand; some are another way of writing another one."""
    match name:
        case "exists" | "missing":
            return _presence(name, written), None
        case "in" | "not_in":
            return name, tuple(_value(item, subject) for item in _list(written, name))
        case "within" if not isinstance(written, Items):
            return name, read_duration(written)
        case "between" | "within":
            return "between", _range(written, subject, name)
        case _:
            return name, (_ago(written) if name in ("before", "after") else None) or _value(written, subject)


def _unsuited(operator: str, subject: Subject) -> tuple[str, str]:
    if operator not in ALL_OPERATORS:
        return unknown("operator", operator, subject.operators)
    instead = _INSTEAD.get(operator) if subject.type in ("date", "time") else None
    kind = {"text": "text", "integer": "a whole number"}.get(subject.type, f"a {subject.type}")
    return f"{operator} does not suit {subject.name}, which is {kind}.", f"Use {instead or either(subject.operators)}."


def _presence(name: FieldOperator, written: Tree) -> FieldOperator:
    """`exists: false` is `missing: true`."""
    is_so = _converted(written, parse_boolean)
    opposite: FieldOperator = "missing" if name == "exists" else "exists"
    return name if is_so else opposite


def _list(written: Tree, operator: str) -> tuple[Tree, ...]:
    if not isinstance(written, Items):
        example = written.text if isinstance(written, Text) else "one, two"
        raise Mistake(written.place, f"{operator} must be a list.", f"Write it like [{example}].")
    if not written.items:
        raise Mistake(written.place, f"{operator} lists nothing.", "Write at least one value.")
    if len(written.items) > MOST_VALUES:
        what = f"{operator} lists {len(written.items):,} values, and {MOST_VALUES:,} are the most."
        raise Mistake(written.place, what, "Import them as a field of your own, and ask for that.")
    return written.items


def _range(written: Tree, subject: Subject, operator: str = "between") -> tuple[Value | Ago, Value | Ago]:
    is_time = subject.type in ("date", "time")
    if not isinstance(written, Items) or len(written.items) != _TWO:
        example = "[2026-01-01, 2026-03-31]" if is_time else "[1, 10]"
        raise Mistake(written.place, f"{operator} needs a list of two values.", f"Write it like {example}.")
    low, high = ((_ago(item) if is_time else None) or _value(item, subject) for item in written.items)
    if isinstance(low, Ago) and isinstance(high, Ago):
        wrong_way_round = low.delta < high.delta
    else:
        wrong_way_round = not isinstance(low, Ago) and not isinstance(high, Ago) and low > high  # type: ignore[operator]  # both are of the subject's type
    if wrong_way_round:
        first = "earlier" if is_time else "smaller"
        raise Mistake(written.place, f"{operator} has its values the wrong way round.", f"Write the {first} one first.")
    return low, _to_its_end(high, written.items[1], subject)


def _to_its_end(high: Value | Ago, written: Tree, subject: Subject) -> Value | Ago:
    """A day that ends a range of times belongs to it whole."""
    if subject.type != "time" or not isinstance(high, datetime) or not isinstance(written, Text):
        return high
    if len(written.text.strip()) > len("2026-12-01"):
        return high
    next_day = (high.astimezone(subject.zone) + timedelta(days=1)).replace(tzinfo=subject.zone)
    return next_day.astimezone(UTC) - timedelta(microseconds=1)


def _ago(written: Tree) -> Ago | None:
    relative = _AGO.fullmatch(written.text.strip()) if isinstance(written, Text) else None
    return Ago(_converted(Text(relative[1], written.place), parse_duration)) if relative else None


def _value(written: Tree, subject: Subject) -> Value:
    if not isinstance(written, Text):
        raise Mistake(written.place, f"{subject.name} is compared with one value.", "Write a single value.")
    text = written.text.strip()
    match subject.type:
        case "text":
            return written.text
        case "boolean":
            return _converted(written, parse_boolean)
        case "date" | "time":
            return _moment(written, subject)
        case "integer" if _WHOLE.fullmatch(text):
            return int(text)
        case "number" if NUMBER.fullmatch(text):
            return Decimal(text)
    kind = "a whole number" if subject.type == "integer" else "a number"
    raise Mistake(written.place, f"{quoted(text)} is not {kind}, and {subject.name} is.", "Write digits only.")


def _moment(written: Text, subject: Subject) -> datetime:
    moment = _converted(written, parse_moment)
    if subject.type == "date" and moment.time() != time():
        raise Mistake(
            written.place, f"{quoted(written.text)} is not a day, and {subject.name} is.", "Leave the hour out."
        )
    return moment.replace(tzinfo=subject.zone).astimezone(UTC)


def _converted(written: Tree, parse: Callable[[str], T]) -> T:
    try:
        return parse(written.text if isinstance(written, Text) else "")
    except ValueError as error:
        what, _, mend = str(error).partition(". ")
        raise Mistake(written.place, f"{what}.", mend) from None
