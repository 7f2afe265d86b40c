"""What stands beside the registered result: with earlier orders taken out of it, and over twice the window."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Connection, Double, case, cast, func, literal, select, type_coerce

from handbill.definitions.values import MILLIONTHS
from handbill.reports.compare import compare
from handbill.reports.maturity import Maturity
from handbill.reports.measure import POWERS, measure
from handbill.reports.money import contrast_of, range_of
from handbill.reports.registered import Registered
from handbill.reports.wording import Range
from handbill.responses.attribution import whose
from handbill.statistics.covariates import FEWEST_CONVERTERS
from handbill.statistics.cuped import Adjusted, Covaried, compare_covaried
from handbill.statistics.joint import Joint, joint_of
from handbill.statistics.means import FEWEST_BUYERS
from handbill.statistics.results import Arm
from handbill.statistics.samples import Sample
from handbill.store.tables import assignment, assignment_member, orders
from handbill.store.types import micros_of

BEFORE = timedelta(days=365)
"""How much of the time before the planned contact is taken out of the result."""

TAKEN_OUT = {"conversion": "orders", "orders": "orders", "revenue": "revenue"}
"""What was bought before that goes with what is measured."""


@dataclass(frozen=True)
class Calmed:
    """One comparison of the primary metric after what the units bought in the year before is taken out of it."""

    arm: str
    control: str
    adjusted: Adjusted


@dataclass(frozen=True)
class Doubled:
    """The primary metric over twice the window; without an effect, `known_from` says when it can be had."""

    arm: str
    control: str
    effect: Range | None = None
    known_from: datetime | None = None


def calmed(connection: Connection, registered: Registered, arms: tuple[Arm, ...]) -> tuple[Calmed, ...]:
    """CUPED for the comparisons that decide; empty where nothing was bought before, or it is no matter of orders."""
    if registered.primary not in TAKEN_OUT or registered.goal_event != "order":
        return ()
    sums = _sums(connection, registered, {arm.name: arm.units for arm in arms})
    found = []
    for arm, control in registered.deciding:
        first, second = sums.get(control), sums.get(arm)
        if first is None or second is None or not first.known.active or not second.known.active:
            continue
        fewest = FEWEST_CONVERTERS if registered.primary == "conversion" else FEWEST_BUYERS
        adjusted = compare_covaried(first, second, confidence=registered.confidence, fewest_buyers=fewest)
        if adjusted.result.p_value is not None:
            found.append(Calmed(arm, control, adjusted))
    return tuple(found)


def doubled(
    connection: Connection, registered: Registered, maturity: Maturity, now: datetime, currency: str
) -> tuple[Doubled, ...]:
    """Whether what was gained stays gained, or was only brought forward."""
    longer = replace(registered, within=2 * registered.within)
    closes_at = maturity.opens_at + registered.within if maturity.opens_at else None
    known = maturity.known_until is not None and closes_at is not None and maturity.known_until >= closes_at
    if closes_at is None or now < closes_at or not known:
        return tuple(Doubled(arm, control, known_from=closes_at) for arm, control in registered.deciding)
    results = compare(longer, measure(connection, longer, currency, messages=False))
    return tuple(
        Doubled(arm, control, range_of(contrast_of(results, registered.primary, arm, control)))
        for arm, control in registered.deciding
    )


def _sums(connection: Connection, registered: Registered, units: dict[str, int]) -> dict[str, Covaried]:
    """By arm, the sums of what was bought in the window (y) and in the year before (x); all others have neither."""
    joined = func.max if registered.primary == "conversion" else func.sum
    at, origin = type_coerce(orders.c.ordered_at, BigInteger), type_coerce(assignment.c.origin_at, BigInteger)
    ends = origin + literal(micros_of(registered.within), BigInteger)
    starts = origin - literal(micros_of(BEFORE), BigInteger)
    each = (
        select(
            assignment.c.id,
            func.max(assignment.c.arm).label("arm"),
            joined(case((at >= origin, _worth(registered)), else_=0.0)).label("y"),
            func.sum(case((at < origin, _worth(registered)), else_=0.0)).label("x"),
        )
        .join(assignment_member, assignment_member.c.assignment_id == assignment.c.id)
        .join(orders, orders.c.contact_id == whose())
        .where(registered.units.chosen, at >= starts, at < ends)
        .group_by(assignment.c.id)
        .subquery()
    )
    first, second = cast(each.c.y, Double), cast(each.c.x, Double)
    powers = (first, second, first * first, first * second, second * second, first * first * first,
              first * first * second, first * second * second, second * second * second)  # fmt: skip
    counts = [func.sum(case((value != 0.0, 1), else_=0)) for value in (first, second)]
    rows = connection.execute(select(each.c.arm, *map(func.sum, powers), *counts).group_by(each.c.arm))
    return {arm: Covaried(_joint(units[arm], sums), Sample()) for arm, *sums in rows if units.get(arm)}


def _joint(units: int, sums: Sequence[float]) -> Joint:
    powers = {name: float(value) for name, value in zip(POWERS, sums, strict=False)}
    return joint_of(units, powers, buyers=int(sums[9]), active=int(sums[10]))


def _worth(registered: Registered) -> ColumnElement[float]:
    if TAKEN_OUT[registered.primary] == "revenue":
        return cast(cast(orders.c.total, Double) / float(MILLIONTHS), Double)
    return case((orders.c.total > 0, 1.0), else_=0.0)
