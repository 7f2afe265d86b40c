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
    operand: Value | Ago | timedelta | tuple[Value | Ago, ...] | None


@dataclass(frozen=True)
class Dates:
    """A window between two moments, both included; a day that ends it counts to its last moment."""

    first: datetime | Ago
    last: datetime | Ago


Window = timedelta | Dates | None
"""The time up to now (its oldest moment excluded), the time between two moments, or all time up to now."""

Where = tuple[tuple[str, tuple[Comparison, ...]], ...]
"""What is asked of the properties of one order, line, message or event; a property that is not there never fits."""

Missing = Literal["include", "exclude"]
"""Whether a clause that meets a missing value holds."""


@dataclass(frozen=True)
class FieldClause:
    """A comparison of one contact field. A missing value never matches, unless `missing` says include."""

    name: str
    comparisons: tuple[Comparison, ...]
    missing: Missing = "exclude"
    place: Place = (0, 0)


@dataclass(frozen=True)
class HistoryClause:
    """A field has been one of `values`: at any time up to now, or without a break for the last `held_for`."""

    name: str
    values: tuple[Value, ...]
    held_for: timedelta | None = None
    place: Place = (0, 0)


@dataclass(frozen=True)
class EventClause:
    """How often something happened: `order`, `email.clicked`, `page_view`… Where the file says no count: gte 1.

    `distinct` counts the different values of a property instead.
    """

    event: str
    count: tuple[Comparison, ...]
    within: Window = None
    where: Where = ()
    place: Place = (0, 0)
    distinct: str | None = None


@dataclass(frozen=True)
class AggregateClause:
    """Sum, minimum, maximum or average of a number: `order.total`, `line.amount`, `page_view.seconds`.

    The sum of nothing is 0; the others are then missing.
    """

    function: Literal["sum", "min", "max", "average"]
    of: str
    comparisons: tuple[Comparison, ...]
    within: Window = None
    place: Place = (0, 0)
    where: Where = ()
    missing: Missing = "exclude"


@dataclass(frozen=True)
class MomentClause:
    """When something happened first or last. Somebody to whom it never happened has no such time: it is missing."""

    which: Literal["first", "last"]
    event: str
    comparisons: tuple[Comparison, ...]
    place: Place = (0, 0)
    where: Where = ()
    missing: Missing = "exclude"


@dataclass(frozen=True)
class ConsentClause:
    """What the latest entry of the consent ledger says; `unknown` when there is none."""

    channel: str
    topic: str
    state: Literal["granted", "withdrawn", "unknown"] = "granted"
    place: Place = (0, 0)


@dataclass(frozen=True)
class MailableClause:
    """There is an address that the channel can deliver to, and it is not on the suppression list."""

    channel: str
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


Counted = EventClause | AggregateClause | MomentClause
"""Clauses about what contacts did or got."""

Clause = (
    FieldClause | HistoryClause | Counted | ConsentClause | MailableClause | SegmentClause | SampleClause
    | All | AnyOf | Not
)  # fmt: skip


@dataclass(frozen=True)
class Segment:
    """One file in segments/; `slug` is the file's name without its ending, and how campaigns refer to it."""

    slug: str
    name: str
    where: Clause
    description: str = ""
    file: str = field(default="", compare=False)
