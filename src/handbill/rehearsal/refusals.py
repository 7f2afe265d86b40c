"""Why no included segment holds somebody: the clauses that refuse them, with what they have."""

from collections.abc import Iterator

from sqlalchemy import Connection

from handbill.planning.explanation import Explanation, explain_segment
from handbill.planning.selection import Occasion


def refusals(connection: Connection, occasion: Occasion, contact_id: int) -> Iterator[str]:
    """One sentence for each included segment, then one for each clause of it that refuses the contact."""
    project = occasion.project
    for slug in occasion.campaign.audience.include:
        found = explain_segment(connection, project, project.segments[slug], contact_id, occasion.now)
        yield f"not in segment {slug}:"
        yield from (_sentence(each) for each in _refusing(found))


def _refusing(explanation: Explanation) -> Iterator[Explanation]:
    """The clauses that decide: those inside that do not hold, or, of a `not`, those that do."""
    deciding = [each for each in explanation.inside if not each.holds] or explanation.inside
    if not deciding:
        yield explanation
    for each in deciding:
        yield from _refusing(each)


def _sentence(clause: Explanation) -> str:
    verdict = "holds" if clause.holds else "does not hold"
    said = "; ".join((clause.value, *clause.notes) if clause.value else clause.notes)
    return f"{clause.place}: {clause.clause} {verdict}{f': {said}' if said else ''}"
