"""Which fields every recipient of a campaign is sure to have, and which values of a field they can have at all."""

from collections.abc import Mapping
from functools import reduce

from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.project import Project
from handbill.definitions.segment import (
    All,
    AnyOf,
    Clause,
    Comparison,
    FieldClause,
    MailableClause,
    Not,
    SegmentClause,
    Value,
)

_ALWAYS = frozenset({"external_id", "created_at"})
_BY_CHANNEL = {"email": frozenset({"email"}), "direct_mail": frozenset({"address_line1"})}
"""Nobody without an address is in the audience of its channel."""

Values = Mapping[str, frozenset[Value]]
"""By field; one that is absent may have any value."""


def proven_fields(project: Project, campaign: Campaign, channel: Channel) -> frozenset[str]:
    """Fields that are there for all who can receive the campaign: every segment that it includes asks for them."""
    proven = [_proven(project, clause, frozenset(), holds=True) for clause in _included(project, campaign)]
    common = frozenset.intersection(*proven) if proven else frozenset()
    return common | _ALWAYS | _BY_CHANNEL[channel]


def possible_values(project: Project, campaign: Campaign) -> Values:
    """The values that a field of a recipient can have, where the segments or the field's declaration say which."""
    declared: Values = {name: frozenset(field.one_of) for name, field in project.fields.items() if field.one_of}
    asked = [_asked(project, clause, frozenset()) for clause in _included(project, campaign)]
    return _both(declared, reduce(_either, asked)) if asked else declared


def _included(project: Project, campaign: Campaign) -> list[Clause]:
    """The clauses of which a recipient matches one; none where a segment is not known."""
    names = campaign.audience.include
    known = [project.segments[name].where for name in names if name in project.segments]
    return known if len(known) == len(names) else []


def _proven(project: Project, clause: Clause, trail: frozenset[str], *, holds: bool) -> frozenset[str]:
    """Fields that a contact must have where a clause holds, or where it does not. `trail` leads to it."""
    match clause:
        case FieldClause():
            return frozenset({clause.name}) if _lets_missing_in(clause) is not holds else frozenset()
        case All() | AnyOf():
            parts = [_proven(project, each, trail, holds=holds) for each in clause.clauses]
            every = isinstance(clause, All) is holds
            return frozenset().union(*parts) if every else frozenset.intersection(*parts)
        case Not():
            return _proven(project, clause.clause, trail, holds=not holds)
        case MailableClause() if holds:
            return _BY_CHANNEL.get(clause.channel, frozenset())
        case SegmentClause() if clause.segment in project.segments and clause.segment not in trail:
            where = project.segments[clause.segment].where
            return _proven(project, where, trail | {clause.segment}, holds=holds)
        case _:
            return frozenset()


def _lets_missing_in(clause: FieldClause) -> bool:
    """Whether somebody without the field matches: where the clause lets them in, or asks for nothing else."""
    return clause.missing == "include" or any(each.operator == "missing" for each in clause.comparisons)


def _asked(project: Project, clause: Clause, trail: frozenset[str]) -> Values:
    """The values of the fields for which a clause asks by name."""
    match clause:
        case FieldClause() if not _lets_missing_in(clause):
            return reduce(_both, (_of_comparison(clause.name, each) for each in clause.comparisons), {})
        case All():
            return reduce(_both, (_asked(project, each, trail) for each in clause.clauses), {})
        case AnyOf() if clause.clauses:
            return reduce(_either, (_asked(project, each, trail) for each in clause.clauses))
        case SegmentClause() if clause.segment in project.segments and clause.segment not in trail:
            return _asked(project, project.segments[clause.segment].where, trail | {clause.segment})
        case _:
            return {}


def _of_comparison(name: str, comparison: Comparison) -> Values:
    operator, operand = comparison.operator, comparison.operand
    if operator == "eq" and isinstance(operand, (str, bool)):
        return {name: frozenset({operand})}
    if operator == "in" and isinstance(operand, tuple):
        values = frozenset(each for each in operand if isinstance(each, (str, bool)))
        return {name: values} if len(values) == len(operand) else {}
    return {}


def _both(one: Values, other: Values) -> Values:
    merged = {**one, **other}
    return merged | {name: one[name] & other[name] for name in one.keys() & other.keys()}


def _either(one: Values, other: Values) -> Values:
    return {name: one[name] | other[name] for name in one.keys() & other.keys()}
