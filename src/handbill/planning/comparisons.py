"""What a comparison of a segment is as a SQL condition, with the same answer on SQLite and PostgreSQL.

Every condition here is two-valued: a comparison with a missing value is false, never null, so that `not` means not.
Text is compared letter by letter, capitals and all, and ordered by code point. Windows exclude their oldest moment
and include the newest one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Float, Integer, Text, and_, false, func, literal, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from handbill.definitions.segment import Ago, Comparison, Dates, Window
from handbill.definitions.values import MILLIONTHS, zone
from handbill.planning.attributes import Typed, ValueType
from handbill.store.types import UtcTime


@dataclass(frozen=True)
class Present:
    """The moment of planning, and the time zone in which dates are meant.

    `contact_id` narrows everything to one contact, or to that of the statement around it: only their rows are looked
    at. `rebuilt` asks for fields as they were at `now`, where that is known; otherwise they are taken as they are kept.
    """

    now: datetime
    zone: ZoneInfo
    contact_id: int | ColumnElement[Any] | None = None
    rebuilt: bool = False

    @classmethod
    def at(cls, now: datetime, timezone: str, *, contact_id: int | None = None, rebuilt: bool = False) -> "Present":
        """The present, with dates in the zone of this name."""
        return cls(now.astimezone(UTC), zone(timezone), contact_id, rebuilt)


def holds(
    typed: Typed, comparisons: tuple[Comparison, ...], present: Present, *, otherwise: bool = False
) -> ColumnElement[bool]:
    """Whether the value passes every comparison; `otherwise` where it is missing. Two-valued."""
    return and_(true(), *(func.coalesce(_compare(typed, each, present), _fact(otherwise)) for each in comparisons))


def is_missing(typed: Typed) -> ColumnElement[bool]:
    """Whether there is no value."""
    return typed.value.is_(None)


def in_window(at: ColumnElement[datetime], within: Window, present: Present) -> ColumnElement[bool]:
    """Whether the time is not after the present, and in the window where one is given.

    A replay with an earlier clock does not see what came after it.
    """
    first, last = window_ends(within, present)
    conditions = [at <= _bound("time", min(last, present.now))]
    if isinstance(within, Dates):
        conditions.append(at >= _bound("time", first))
    elif first is not None:
        conditions.append(at > _bound("time", first))
    return and_(*conditions)


def moment(at: datetime) -> ColumnElement[datetime]:
    """A time as the store keeps it."""
    return _bound("time", at)


def window_ends(within: Window, present: Present) -> tuple[datetime | None, datetime]:
    """The moments that a window means at the present; the first is None for all time."""
    if isinstance(within, Dates):
        first, last = (present.now - end.delta if isinstance(end, Ago) else end for end in (within.first, within.last))
        return first, last
    return (None if within is None else present.now - within), present.now


def _fact(value: bool) -> ColumnElement[bool]:
    return true() if value else false()


def _compare(typed: Typed, comparison: Comparison, present: Present) -> ColumnElement[bool]:
    match comparison:
        case Comparison("exists" | "missing" as operator, wanted):
            there = (operator == "exists") == (wanted is not False)
            return typed.value.is_not(None) if there else is_missing(typed)
        case Comparison("contains" | "starts_with" | "ends_with" as operator, text):
            return _matches(typed, operator, str(text))
        case Comparison("within", timedelta() as within):
            return _within(typed, within, present)
        case Comparison(operator, tuple() as several):
            return _among(typed, operator, [_operand(typed.type, each, present) for each in several])
        case Comparison(operator, operand):
            return _ordered(typed, operator, _operand(typed.type, operand, present))


def _among(typed: Typed, operator: str, operands: list[Any]) -> ColumnElement[bool]:
    if operator == "between":
        low, high = operands
        return and_(_ordered(typed, "gte", low), _ordered(typed, "lte", high))
    values = [_bound(typed.type, each) for each in operands]
    return typed.value.in_(values) if operator == "in" else typed.value.not_in(values)


def _ordered(typed: Typed, operator: str, operand: Any) -> ColumnElement[bool]:
    value, bound = typed.value, _bound(typed.type, operand)
    if operator in {"eq", "ne"}:
        return value == bound if operator == "eq" else value != bound
    if isinstance(bound.type, Text):
        value, bound = ByCodePoint(value), ByCodePoint(bound)
    match operator:
        case "lt" | "before":
            return value < bound
        case "lte":
            return value <= bound
        case "gt" | "after":
            return value > bound
        case _:
            return value >= bound


def _matches(typed: Typed, operator: str, text: str) -> ColumnElement[bool]:
    """Without LIKE, which takes % and _ for patterns and, on SQLite, A for a."""
    sought, length = literal(text, Text), len(text)
    match operator:
        case "contains":
            return Position(typed.value, sought) > 0
        case "starts_with":
            return func.substr(typed.value, 1, length) == sought
        case _:
            whole = func.length(typed.value, type_=Integer)
            return and_(whole >= length, func.substr(typed.value, whole - length + 1) == sought)


def _within(typed: Typed, within: timedelta, present: Present) -> ColumnElement[bool]:
    if typed.type == "time":
        return in_window(typed.value, within, present)
    since, today = (_operand("date", Ago(age), present) for age in (within, timedelta(0)))
    return and_(_ordered(typed, "gt", since), _ordered(typed, "lte", today))


def _operand(type_: ValueType, operand: Any, present: Present) -> Any:
    """The operand as the store keeps values of this type."""
    match type_, operand:
        case "time", Ago(delta):
            return present.now - delta
        case "date", Ago(delta):
            return (present.now - delta).astimezone(present.zone).date().isoformat()
        case "date", datetime():
            return operand.astimezone(present.zone).date().isoformat()
        case "date", date():
            return operand.isoformat()
        case _:
            return _KEPT_AS[type_](operand) if type_ in _KEPT_AS else operand


_KEPT_AS: Mapping[ValueType, Callable[[Any], Any]] = {
    "money": lambda amount: int(amount * MILLIONTHS),
    "number": float,
    "boolean": lambda fact: "true" if fact else "false",
}


_STORED: Mapping[ValueType, type[TypeEngine[Any]]] = {
    "integer": BigInteger,
    "money": BigInteger,
    "number": Float,
    "time": UtcTime,
}


def _bound(type_: ValueType, value: Any) -> ColumnElement[Any]:
    return literal(value, _STORED.get(type_, Text))


class Position(FunctionElement[int]):
    """Where the second text begins in the first, from 1; 0 when nowhere."""

    name = "position"
    type = Integer()
    inherit_cache = True


class ByCodePoint(FunctionElement[str]):
    """A text that is ordered by code point; a PostgreSQL database may order by the rules of a language."""

    name = "by_code_point"
    type = Text()
    inherit_cache = True


@compiles(Position, "sqlite")
def _position_on_sqlite(element: Position, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"instr({compiler.process(element.clauses, **keywords)})"


@compiles(Position, "postgresql")
def _position_on_postgresql(element: Position, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **keywords)})"


@compiles(ByCodePoint, "sqlite")
def _by_code_point_on_sqlite(element: ByCodePoint, compiler: SQLCompiler, **keywords: Any) -> str:
    return compiler.process(element.clauses, **keywords)


@compiles(ByCodePoint, "postgresql")
def _by_code_point_on_postgresql(element: ByCodePoint, compiler: SQLCompiler, **keywords: Any) -> str:
    return f'({compiler.process(element.clauses, **keywords)} COLLATE "C")'
