"""Which fields every recipient of a campaign is sure to have."""

from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.project import Project
from handbill.definitions.segment import All, AnyOf, Clause, FieldClause, SegmentClause

_ALWAYS = frozenset({"external_id", "created_at"})
_BY_CHANNEL = {"email": frozenset({"email"}), "direct_mail": frozenset({"address_line1"})}
"""Nobody without an address is in the audience of its channel."""


def proven_fields(project: Project, campaign: Campaign, channel: Channel) -> frozenset[str]:
    """Fields that are there for all who can receive the campaign: every segment that it includes asks for them."""
    included = [project.segments[name].where for name in campaign.audience.include if name in project.segments]
    proven = [_proven(project, clause, frozenset()) for clause in included]
    common = (
        frozenset.intersection(*proven) if proven and len(proven) == len(campaign.audience.include) else frozenset()
    )
    return common | _ALWAYS | _BY_CHANNEL[channel]


def _proven(project: Project, clause: Clause, trail: frozenset[str]) -> frozenset[str]:
    """Fields that a contact must have to match a clause. `trail` holds the segments on the way to it."""
    match clause:
        case FieldClause():
            return frozenset({clause.name}) if _asks_for_a_value(clause) else frozenset()
        case All():
            return frozenset().union(*(_proven(project, each, trail) for each in clause.clauses))
        case AnyOf():
            return frozenset.intersection(*(_proven(project, each, trail) for each in clause.clauses))
        case SegmentClause() if clause.segment in project.segments and clause.segment not in trail:
            return _proven(project, project.segments[clause.segment].where, trail | {clause.segment})
        case _:
            return frozenset()


def _asks_for_a_value(clause: FieldClause) -> bool:
    """A comparison never matches a missing value, unless the clause lets it in or asks for it."""
    asks_for_nothing = any(comparison.operator == "missing" for comparison in clause.comparisons)
    return clause.missing == "exclude" and not asks_for_nothing
