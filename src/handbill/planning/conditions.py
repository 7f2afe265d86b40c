"""Which contacts a segment holds: its clauses as one SQL condition, with the same answer on SQLite and PostgreSQL."""

from dataclasses import replace
from datetime import datetime

from sqlalchemy import ColumnElement, and_, false, not_, or_, true

from handbill.contacts.erase import living
from handbill.definitions.project import Project
from handbill.definitions.segment import (
    AggregateClause,
    All,
    AnyOf,
    Clause,
    Comparison,
    ConsentClause,
    EventClause,
    FieldClause,
    HistoryClause,
    MailableClause,
    MomentClause,
    Not,
    SampleClause,
    Segment,
    SegmentClause,
)
from handbill.planning.attributes import Typed, field_value, past_field_value
from handbill.planning.comparisons import Present, holds, is_missing
from handbill.planning.standing import consents, has_been, mailable
from handbill.planning.tallies import tallied
from handbill.store.draw import Fraction
from handbill.store.tables import contact


def compile_segment(project: Project, segment: Segment, now: datetime) -> ColumnElement[bool]:
    """The condition on `contact` that the segment stands for at `now`. Two-valued: it is never null.

    Dates are meant in the project's time zone. Segments that it names are written out in place; the loader has
    refused cycles and unknown names. The empty places of erased people are in no segment.
    """
    return and_(living(), compile_clause(project, segment.where, Present.at(now, project.timezone)))


def compile_clause(project: Project, clause: Clause, present: Present) -> ColumnElement[bool]:
    """The same of a single clause, with all that it holds."""
    match clause:
        case All():
            return and_(true(), *(compile_clause(project, each, present) for each in clause.clauses))
        case AnyOf():
            return or_(false(), *(compile_clause(project, each, present) for each in clause.clauses))
        case Not():
            return not_(compile_clause(project, clause.clause, present))
        case SegmentClause():
            return compile_clause(project, project.segments[clause.segment].where, present)
        case _:
            return _leaf(project, clause, present)


def typed_field(project: Project, name: str, present: Present) -> Typed:
    """A contact's field at the present."""
    field = project.fields[name]
    return past_field_value(field, present.now) if present.rebuilt else field_value(field)


def _leaf(project: Project, clause: Clause, present: Present) -> ColumnElement[bool]:
    """A clause that holds no other."""
    match clause:
        case FieldClause():
            condition = _field(project, clause, present)
        case HistoryClause():
            condition = has_been(project.fields[clause.name], clause, present)
        case EventClause() | AggregateClause() | MomentClause():
            condition = tallied(project, clause, present)
        case ConsentClause():
            condition = consents(clause, present)
        case MailableClause():
            condition = mailable(clause, present)
        case SampleClause():
            condition = Fraction(clause.salt, contact.c.external_id) < float(clause.share)
        case _:
            raise TypeError(clause)
    return condition


def _field(project: Project, clause: FieldClause, present: Present) -> ColumnElement[bool]:
    comparisons = tuple(map(_lowered, clause.comparisons)) if clause.name == "email" else clause.comparisons
    typed = typed_field(project, clause.name, present)
    found = holds(typed, comparisons, present)
    return or_(is_missing(typed), found) if clause.missing == "include" else found


def _lowered(comparison: Comparison) -> Comparison:
    """Mailboxes are compared by their keys, which are in small letters."""
    operand = comparison.operand
    if isinstance(operand, tuple):
        return replace(comparison, operand=tuple(str(each).lower() for each in operand))
    return replace(comparison, operand=operand.lower()) if isinstance(operand, str) else comparison
