"""How the effect grew, with bands in which it lies at all times together, so that looking often misleads nobody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from sqlalchemy import BigInteger, Connection, func, select, type_coerce

from handbill.reports.registered import Registered
from handbill.reports.segments import reached_units
from handbill.reports.timing import Timing
from handbill.reports.wording import Range
from handbill.statistics.confidence_sequences import METHOD as ANY_TIME
from handbill.statistics.confidence_sequences import SOURCE as ANY_TIME_SOURCE
from handbill.statistics.confidence_sequences import compare_any_time
from handbill.statistics.proportions import newcombe_interval
from handbill.statistics.samples import Proportion
from handbill.store.tables import assignment
from handbill.store.types import micros_of

MOST_DAYS = 14
"""Days after the contact that a band is drawn at; more would only make it wider."""

FEWEST_ARRIVALS = 5
"""With units from fewer days than this, they did not arrive over time: they were all there at once."""

BY_DAY = "Newcombe's interval at each day, all days together by Bonferroni"
BY_DAY_SOURCE = "Newcombe, Statistics in Medicine 17, 1998, 873–890, method 10"


@dataclass(frozen=True)
class Course:
    """One comparison's effect on conversion at several times, in days; a band where one can be given.

    `of` says what the days count: those after each unit's planned contact, or those on which the windows of units
    that arrived one after the other have closed.
    """

    arm: str
    control: str
    of: Literal["contact", "arrival"]
    points: tuple[tuple[int, Range], ...]
    method: str
    source: str


def course_of(
    connection: Connection, registered: Registered, timing: Timing, units: Mapping[str, int]
) -> Course | None:
    """The course of the first deciding comparison; None where an arm is empty or nobody converted."""
    arm, control = registered.deciding[0]
    if not units.get(arm) or not units.get(control):
        return None
    arrivals = _arrivals(connection, registered, arm, control)
    if len(arrivals) >= FEWEST_ARRIVALS:
        points = _by_arrival(arrivals, arm, control, registered.confidence)
        if points:
            return Course(arm, control, "arrival", points, ANY_TIME, ANY_TIME_SOURCE)
    points = _by_day(timing, units, arm, control, registered.confidence)
    return Course(arm, control, "contact", points, BY_DAY, BY_DAY_SOURCE) if points else None


def _by_day(
    timing: Timing, units: Mapping[str, int], arm: str, control: str, confidence: float
) -> tuple[tuple[int, Range], ...]:
    days = len(timing[arm])
    if not timing[arm][-1] and not timing[control][-1]:
        return ()
    chosen = sorted({round(days * (number + 1) / min(days, MOST_DAYS)) for number in range(min(days, MOST_DAYS))})
    each = 1 - (1 - confidence) / len(chosen)
    points = []
    for day in chosen:
        base, treated = (Proportion(timing[name][day - 1], of=units[name]) for name in (control, arm))
        low, high = newcombe_interval(base, treated, each)
        points.append((day, Range(treated.rate - base.rate, low, high)))
    return tuple(points)


def _arrivals(
    connection: Connection, registered: Registered, arm: str, control: str
) -> dict[int, dict[str, Proportion]]:
    """Units and converters by the day of their planned contact and by arm, in order."""
    reached = reached_units(registered)
    day = type_coerce(assignment.c.origin_at, BigInteger).op("/")(micros_of(timedelta(days=1))).label("day")
    rows = connection.execute(
        select(day, assignment.c.arm, func.count(), func.count(reached.c.unit))
        .outerjoin(reached, reached.c.unit == assignment.c.id)
        .where(registered.units.chosen, assignment.c.arm.in_([arm, control]))
        .group_by(day, assignment.c.arm)
        .order_by(day)
    )
    found: dict[int, dict[str, Proportion]] = {}
    for on, name, units, converters in rows:
        found.setdefault(int(on), {})[name] = Proportion(int(converters), of=int(units))
    return found


def _by_arrival(
    arrivals: Mapping[int, Mapping[str, Proportion]], arm: str, control: str, confidence: float
) -> tuple[tuple[int, Range], ...]:
    """After each day's units, over all units so far: what somebody would have seen who looked every day."""
    planned = sum(each.of for on in arrivals.values() for each in on.values())
    sums = {arm: Proportion(), control: Proportion()}
    first, points = min(arrivals), []
    for on, counts in arrivals.items():
        sums = {name: sums[name] + counts.get(name, Proportion()) for name in sums}
        result = compare_any_time(sums[control], sums[arm], planned, confidence=confidence)
        if result.difference is not None and result.low is not None and result.high is not None:
            points.append((on - first, Range(result.difference, result.low, result.high)))
    return tuple(points)
