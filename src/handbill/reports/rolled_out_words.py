"""What a report says of a test whose winner went to everybody else."""

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from handbill.reports.content import Section, Table
from handbill.reports.document import Analysis, Report
from handbill.reports.rolled_out import RolledOut
from handbill.reports.wording import count, day, number, percent


def winner_section(report: Report, analysis: Analysis) -> Section | None:
    """The decision with the numbers that it was made by, and what both stages show together."""
    rolled = analysis.rolled_out
    if rolled is None or rolled.decision is None:
        return None
    decision, zone = rolled.decision, ZoneInfo(report.timezone)
    when = decision.decided_at.astimezone(zone)
    who = "by its numbers, as registered" if decision.because is None else f"by {decision.decided_by} by hand"
    why = f" Why: {decision.because}" if decision.because else ""
    rows = tuple(
        (name, "winner" if name == decision.winner else "", count(each["units"]), _value(each))
        for name, each in sorted(decision.numbers.items(), key=lambda each: (each[0] != decision.winner, each[0]))
    )
    return Section(
        key="winner",
        title="The test and its winner",
        lead=(
            f"The test went to {percent(rolled.test_share, 0.01)} of the audience. “{decision.winner}” was picked on "
            f"{day(when)}, {when:%H:%M}, {who}.{why}"
        ),
        tables=(Table(("Arm", "", f"{analysis.registered.unit}s in the test".capitalize(), rolled.by), rows, words=2),),
        notes=tuple(_notes(rolled)),
    )


def _value(numbers: Mapping[str, Any]) -> str:
    value = numbers.get("value")
    return "not known" if value is None else number(value, decimals=4)


def _notes(rolled: RolledOut) -> list[str]:
    found = [
        "The numbers of the test flatter whoever won it, so they are no estimate of what it brings.",
        f"Picked by {rolled.by}: that does not show more orders.",
    ]
    claim = rolled.claim
    if claim is None or claim.z is None:
        found += list(claim.reasons) if claim else []
        return found
    verdict = "is proven" if claim.proven else "is not proven"
    found.append(
        f"“The winner beats the holdout” {verdict}: z = {number(claim.z, decimals=2)} of test and roll-out together, "
        f"where {number(claim.critical, decimals=3)} is needed. {claim.method.capitalize()}; {claim.source}."
    )
    return found
