"""Whether the effect differs between the declared segments, and what to believe of each one."""

import math
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Subquery, case, func, select

from handbill.definitions.project import Project
from handbill.planning.comparisons import Present
from handbill.planning.conditions import compile_clause
from handbill.reports.compare import FALSE_SHARE
from handbill.reports.registered import Registered
from handbill.reports.wording import Range
from handbill.responses.attribution import goal_events, goal_orders
from handbill.statistics.heterogeneity import Effect, compare_segments
from handbill.statistics.multiplicity import benjamini_hochberg
from handbill.statistics.proportions import compare_proportions
from handbill.statistics.samples import Proportion
from handbill.store.tables import assignment, assignment_member, contact

MOST_SEGMENTS = 10
MOST_TRIED = 30
FEWEST_CONVERTERS = 10
"""Of each arm: with fewer, a segment's own effect has no standard error that can be trusted."""


@dataclass(frozen=True)
class SegmentEffect:
    """One segment: its units in both arms, its own effect on conversion, and that drawn towards the mean of all."""

    name: str
    units: int
    own: Range
    shrunken: Range | None = None
    p_value: float | None = None

    @property
    def stands_out(self) -> bool:
        """Whether its own effect is a claim that may be made beside those about all other segments."""
        return self.p_value is not None and self.p_value < FALSE_SHARE


@dataclass(frozen=True)
class Segments:
    """The largest segments of one comparison. `p_value` is Cochran's: are they all alike?"""

    arm: str
    control: str
    parts: tuple[SegmentEffect, ...]
    p_value: float
    method: str
    source: str


def segments_of(connection: Connection, project: Project, registered: Registered) -> Segments | None:
    """Conversion by segment, for the first deciding comparison, as the segments were when the first unit was due.

    None where arms were drawn by household, or where fewer than two segments have enough converters.
    """
    if registered.unit != "contact" or not project.segments:
        return None
    arm, control = registered.deciding[0]
    parts = _parts(connection, project, registered, arm, control)
    if len(parts) < 2:
        return None
    adjusted = benjamini_hochberg([part.p_value for _, _, part in parts])
    effects = [_effect(base, treated) for base, treated, _ in parts]
    together = compare_segments(effects, confidence=registered.confidence)
    shown = tuple(
        replace(part, p_value=p, shrunken=Range(drawn.estimate, drawn.low, drawn.high))
        for (_, _, part), p, drawn in zip(parts, adjusted, together.segments, strict=True)
    )
    return Segments(arm, control, shown, together.p_value, together.method, together.source)


def _parts(
    connection: Connection, project: Project, registered: Registered, arm: str, control: str
) -> list[tuple[Proportion, Proportion, SegmentEffect]]:
    found = []
    for slug, counts in _counts(connection, project, registered, arm, control).items():
        base, treated = counts.get(control, Proportion()), counts.get(arm, Proportion())
        if min(map(_rarer, (base, treated))) < FEWEST_CONVERTERS:
            continue
        own = compare_proportions(base, treated, confidence=registered.confidence)
        if own.difference is not None and own.low is not None and own.high is not None:
            effect = Range(own.difference, own.low, own.high)
            name, units = project.segments[slug].name, base.of + treated.of
            found.append((base, treated, SegmentEffect(name, units, effect, p_value=own.p_value)))
    found.sort(key=lambda each: -each[2].units)
    return found[:MOST_SEGMENTS]


def _counts(
    connection: Connection, project: Project, registered: Registered, arm: str, control: str
) -> dict[str, dict[str, Proportion]]:
    """Units and converters by segment and arm; segments that hold everybody or nobody say nothing."""
    mine = registered.units.chosen
    when = connection.execute(select(func.min(assignment.c.origin_at)).where(mine)).scalar_one()
    present = Present.at(when, project.timezone, rebuilt=True)
    tried = list(project.segments.items())[:MOST_TRIED]
    reached = reached_units(registered)
    columns: list[Any] = [assignment.c.arm, func.count().label("units")]
    for place, (_, segment) in enumerate(tried):
        inside = compile_clause(project, segment.where, present)
        columns.append(func.sum(case((inside, 1), else_=0)).label(f"units_{place}"))
        columns.append(func.sum(case((inside & reached.c.unit.is_not(None), 1), else_=0)).label(f"reached_{place}"))
    statement = (
        select(*columns)
        .join(assignment_member, assignment_member.c.assignment_id == assignment.c.id)
        .join(contact, contact.c.id == assignment_member.c.contact_id)
        .outerjoin(reached, reached.c.unit == assignment.c.id)
        .where(mine, assignment.c.arm.in_([arm, control]))
        .group_by(assignment.c.arm)
    )
    rows = connection.execute(statement).mappings().all()
    everybody = sum(row["units"] for row in rows)
    found: dict[str, dict[str, Proportion]] = {}
    for place, (slug, _) in enumerate(tried):
        counts = {row["arm"]: Proportion(int(row[f"reached_{place}"]), of=int(row[f"units_{place}"])) for row in rows}
        if 0 < sum(each.of for each in counts.values()) < everybody:
            found[slug] = counts
    return found


def reached_units(registered: Registered) -> Subquery:
    """The units that reached the goal in their window: one column, `unit`."""
    if registered.goal_event == "order":
        goal = goal_orders(registered.units, registered.within)
        return select(goal.c.unit).where(goal.c.total > 0).distinct().subquery("reached")
    goal = goal_events(registered.units, registered.within, registered.goal_event)
    return select(goal.c.unit).distinct().subquery("reached")


def _effect(base: Proportion, treated: Proportion) -> Effect:
    variance = sum(arm.rate * (1 - arm.rate) / arm.of for arm in (base, treated))
    return Effect(treated.rate - base.rate, math.sqrt(variance))


def _rarer(arm: Proportion) -> int:
    return min(arm.successes, arm.of - arm.successes)
