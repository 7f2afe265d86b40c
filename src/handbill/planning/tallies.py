"""How often, how much, first and last: a number or a time for each contact that has rows, and whom it lets in.

Everything is grouped once over all contacts. A contact without rows is in no group: what nothing amounts to (a count
or a sum of 0, otherwise a missing value) decides whether a clause looks for those whom it admits or for the others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Float, Integer, Select, cast, func, not_, select

from handbill.definitions.project import Project
from handbill.definitions.segment import AggregateClause, Comparison, Counted, EventClause, MomentClause, Window
from handbill.planning.attributes import Typed
from handbill.planning.comparisons import Present, holds, in_window
from handbill.planning.happenings import Happenings
from handbill.planning.membership import is_among, whatever_index
from handbill.planning.properties import Meant, meant, number_meant

AT_LEAST_ONCE = (Comparison("gte", 1),)
NEVER = ((Comparison("eq", 0),), (Comparison("lt", 1),), (Comparison("lte", 0),))


@dataclass(frozen=True)
class Tally:
    """`rows` belong to `owner`, and `value` folds those of one contact.

    `without_rows` says whether somebody is in who has none, or whose value is missing.
    """

    owner: ColumnElement[Any]
    rows: Select[Any]
    value: Typed
    comparisons: tuple[Comparison, ...]
    without_rows: bool


def tallied(project: Project, clause: Counted, present: Present) -> ColumnElement[bool]:
    """Whether the contact's count, amount or moment fits. Two-valued."""
    tally = tally_of(project, clause, present)
    if isinstance(clause, EventClause) and clause.distinct is None:
        if clause.count == AT_LEAST_ONCE:
            return is_among(tally.rows)
        if clause.count in NEVER:
            return not_(is_among(tally.rows))
    fits = holds(tally.value, tally.comparisons, present, otherwise=tally.without_rows)
    groups = tally.rows.group_by(tally.owner)
    if tally.without_rows:
        return not_(is_among(groups.having(not_(fits))))
    return is_among(groups.having(fits))


def value_of_one(project: Project, clause: Counted, present: Present) -> ColumnElement[Any]:
    """The count, amount or moment of the one contact of `present`; null where it is missing."""
    tally = tally_of(project, clause, present)
    return tally.rows.with_only_columns(tally.value.value).scalar_subquery()


def tally_of(project: Project, clause: Counted, present: Present) -> Tally:
    """The rows that the clause means, and how they are folded."""
    match clause:
        case EventClause():
            return _count(project, clause, present)
        case AggregateClause():
            return _amount(project, clause, present)
        case MomentClause():
            return _moment(project, clause, present)


def _count(project: Project, clause: EventClause, present: Present) -> Tally:
    found = meant(project, clause.event, clause.where, present, clause.distinct)
    number = func.count() if found.value is None else func.count(found.value.value.distinct())
    rows = _rows(found, found.what.counts, clause.within, present)
    fits_nothing = all(_PLAIN[each.operator](0, each.operand) for each in clause.count)
    return Tally(found.what.owner, rows, Typed(number, "integer"), clause.count, fits_nothing)


def _amount(project: Project, clause: AggregateClause, present: Present) -> Tally:
    found, number = number_meant(project, clause.of, clause.where, present)
    what, value = found.what, number.value
    if clause.function == "sum":
        folded = Typed(func.coalesce(func.sum(value), 0), number.type)
        fits_nothing = all(_PLAIN[each.operator](0, each.operand) for each in clause.comparisons)
        rows = _rows(found, what.sums, clause.within, present)
        return Tally(what.owner, rows, folded, clause.comparisons, fits_nothing)
    folded = Typed(_folded(clause.function, value), number.type)
    rows = _rows(found, what.counts, clause.within, present)
    return Tally(what.owner, rows, folded, clause.comparisons, clause.missing == "include")


def _moment(project: Project, clause: MomentClause, present: Present) -> Tally:
    found = meant(project, clause.event, clause.where, present)
    what = found.what
    outermost = func.min(what.at) if clause.which == "first" else func.max(what.at)
    rows = _rows(found, what.counts, None, present)
    return Tally(what.owner, rows, Typed(outermost, "time"), clause.comparisons, clause.missing == "include")


def _rows(found: Meant, counted: ColumnElement[bool], within: Window, present: Present) -> Select[Any]:
    """The contacts of the rows that are meant, a row each."""
    what: Happenings = found.what
    known = what.owner.is_not(None) if present.contact_id is None else what.owner == present.contact_id
    rows = select(what.owner).select_from(what.rows)
    at = whatever_index(what.at) if present.contact_id is None else what.at
    return rows.where(known, counted, in_window(at, within, present), *found.fits)


def _folded(function: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
    if function == "average":
        # Both databases divide two floats alike; an average of integers is decimal on PostgreSQL, a float on SQLite.
        return cast(func.sum(value), Float) / cast(func.nullif(func.count(value, type_=Integer), 0), Float)
    return func.min(value) if function == "min" else func.max(value)


_PLAIN: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda value, operand: bool(value == operand),
    "ne": lambda value, operand: bool(value != operand),
    "lt": lambda value, operand: bool(value < operand),
    "lte": lambda value, operand: bool(value <= operand),
    "gt": lambda value, operand: bool(value > operand),
    "gte": lambda value, operand: bool(value >= operand),
    "between": lambda value, operand: bool(operand[0] <= value <= operand[1]),
}
"""The operators of numbers, for what no rows amount to."""
