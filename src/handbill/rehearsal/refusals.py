"""Why somebody gets nothing: the clauses that refuse them, or the gate that does, with what they have."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, Row

from handbill.planning.explanation import Explanation, explain_segment
from handbill.planning.gate_verdicts import standing_of
from handbill.planning.selection import Occasion


def refusals(connection: Connection, occasion: Occasion, contact_id: int) -> Iterator[str]:
    """One sentence for each included segment, then one for each clause of it that refuses the contact."""
    project = occasion.project
    for slug in occasion.campaign.audience.include:
        found = explain_segment(connection, project, project.segments[slug], contact_id, occasion.now)
        yield f"not in segment {slug}:"
        yield from (_sentence(each) for each in _refusing(found))


def refusing_gates(connection: Connection, occasion: Occasion, person: Row[Any]) -> Iterator[str]:
    """The gate that leaves a contact out, seen on the selection of this connection."""
    gates = standing_of(connection, occasion, person).gates
    yield from (f"{each.gate}: {each.value}" for each in gates if each.verdict == "refuses")


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
