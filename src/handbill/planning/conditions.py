"""Which contacts a segment holds: its clauses as one SQL condition, with the same answer on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, not_, or_, true

from handbill.definitions.project import Project
from handbill.definitions.segment import (
    AggregateClause,
    All,
    AnyOf,
    Clause,
    Comparison,
    EventClause,
    FieldClause,
    MomentClause,
    Not,
    SampleClause,
    Segment,
)
from handbill.planning.attributes import field_value
from handbill.planning.comparisons import Present, holds, is_missing
from handbill.planning.happenings import added_up, first_or_last, happened
from handbill.store.draw import Fraction
from handbill.store.tables import contact


def compile_segment(project: Project, segment: Segment, now: datetime) -> ColumnElement[bool]:
    """The condition on `contact` that the segment stands for at `now`. Two-valued: it is never null.

    Dates are meant in the project's time zone. Segments that it names are written out in place; the loader has
    refused cycles and unknown names.
    """
    return _clause(project, segment.where, Present.at(now, project.timezone))


def _clause(project: Project, clause: Clause, present: Present) -> ColumnElement[bool]:
    match clause:
        case All():
            condition = and_(true(), *(_clause(project, each, present) for each in clause.clauses))
        case AnyOf():
            condition = or_(false(), *(_clause(project, each, present) for each in clause.clauses))
        case Not():
            condition = not_(_clause(project, clause.clause, present))
        case FieldClause():
            condition = _field(project, clause, present)
        case EventClause():
            condition = happened(clause, present)
        case AggregateClause():
            condition = added_up(clause, present)
        case MomentClause():
            condition = first_or_last(clause, present)
        case SampleClause():
            condition = Fraction(clause.salt, contact.c.external_id) < float(clause.share)
        case _:
            condition = _clause(project, project.segments[clause.segment].where, present)
    return condition


def _field(project: Project, clause: FieldClause, present: Present) -> ColumnElement[bool]:
    typed = field_value(project.fields[clause.name])
    comparisons = tuple(map(_lowered, clause.comparisons)) if clause.name == "email" else clause.comparisons
    found = holds(typed, comparisons, present)
    return or_(is_missing(typed), found) if clause.missing == "include" else found


def _lowered(comparison: Comparison) -> Comparison:
    """Mailboxes are compared by their keys, which are in small letters."""
    operand = comparison.operand
    if isinstance(operand, tuple):
        return replace(comparison, operand=tuple(str(each).lower() for each in operand))
    return replace(comparison, operand=operand.lower()) if isinstance(operand, str) else comparison
