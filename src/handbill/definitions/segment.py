"""What a segment rule is: a tree of clauses, each with the place where it is written."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

Place = tuple[int, int]
"""Line and column, both from 1."""

Value = str | int | Decimal | bool | datetime
"""Of the type of what it is compared with. A `datetime` is aware; a day is its first moment in the project's zone."""

FieldOperator = Literal[
    "eq", "ne", "in", "not_in", "lt", "lte", "gt", "gte", "between", "contains", "starts_with", "ends_with",
    "exists", "missing", "before", "after", "within",
]  # fmt: skip
NumberOperator = Literal["eq", "ne", "lt", "lte", "gt", "gte", "between"]


@dataclass(frozen=True)
class Ago:
    """A moment relative to the time of planning."""

    delta: timedelta


@dataclass(frozen=True)
class Comparison:
    """`operator operand`; `in`, `not_in` and `between` carry tuples, `within` a timedelta, `exists` and `missing` None.

    `within` is the time up to now, `before` and `after` are strict, `between` includes both ends.
    """

    operator: FieldOperator
    operand: Value | Ago | timedelta | tuple[Value, ...] | None


@dataclass(frozen=True)
class FieldClause:
    """A comparison of one contact field. A missing value never matches, unless `missing` says include."""

    name: str
    comparisons: tuple[Comparison, ...]
    missing: Literal["include", "exclude"] = "exclude"
    place: Place = (0, 0)


@dataclass(frozen=True)
class EventClause:
    """How often something happened: `order`, `email.clicked`, `page_view`… Where the file says no count: gte 1."""

    event: str
    count: tuple[Comparison, ...]
    within: timedelta | None = None
    where: tuple[tuple[str, tuple[Comparison, ...]], ...] = ()
    place: Place = (0, 0)


@dataclass(frozen=True)
class AggregateClause:
    """Sum, minimum, maximum or average of a number over a contact's orders, such as `order.total`."""

    function: Literal["sum", "min", "max", "average"]
    of: str
    comparisons: tuple[Comparison, ...]
    within: timedelta | None = None
    place: Place = (0, 0)


@dataclass(frozen=True)
class MomentClause:
    """When something happened first or last. Somebody to whom it never happened does not match."""

    which: Literal["first", "last"]
    event: str
    comparisons: tuple[Comparison, ...]
    place: Place = (0, 0)


@dataclass(frozen=True)
class SegmentClause:
    """Membership of another segment."""

    segment: str
    place: Place = (0, 0)


@dataclass(frozen=True)
class SampleClause:
    """A deterministic share of the contacts, drawn by salt."""

    share: Decimal
    salt: str
    place: Place = (0, 0)


@dataclass(frozen=True)
class All:
    """Every clause holds."""

    clauses: tuple["Clause", ...]
    place: Place = (0, 0)


@dataclass(frozen=True)
class AnyOf:
    """At least one clause holds."""

    clauses: tuple["Clause", ...]
    place: Place = (0, 0)


@dataclass(frozen=True)
class Not:
    """The clause does not hold; two-valued: it also matches where the clause met a missing value."""

    clause: "Clause"
    place: Place = (0, 0)


Clause = FieldClause | EventClause | AggregateClause | MomentClause | SegmentClause | SampleClause | All | AnyOf | Not


@dataclass(frozen=True)
class Segment:
    """One file in segments/; `slug` is the file's name without its ending, and how campaigns refer to it."""

    slug: str
    name: str
    where: Clause
    description: str = ""
    file: str = field(default="", compare=False)
