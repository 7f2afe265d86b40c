"""What may be read of an experiment whose units arrive one after the other, before all of them are there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Connection, func, select, type_coerce

from handbill.errors import NotMeasurable
from handbill.reports.maturity import Maturity
from handbill.reports.measure import Measured, measure
from handbill.reports.registered import Registered
from handbill.statistics.confidence_sequences import compare_any_time
from handbill.statistics.means import welch
from handbill.statistics.results import Aggregate, Contrast, Results
from handbill.statistics.rollout import standard_errors_above
from handbill.statistics.samples import Comparison, Proportion, Sample
from handbill.statistics.sequential import Decision, Look, decide
from handbill.store.tables import assignment
from handbill.store.types import from_micros, micros_of

LOOKS, ANY_TIME = "group_sequential", "always_valid"
DAY = timedelta(days=1)

Pair = tuple[str, str]


@dataclass(frozen=True)
class LookTaken:
    """One look: over the units whose planned contact came until `until`, which is the end of a day.

    `planned` and `fraction` are parts of the planned size: what was to be there, and what was. `z` and `border` are
    given by comparison; a comparison that ended at an earlier look has none.
    """

    planned: float
    fraction: float
    until: datetime
    units: int
    z: Mapping[Pair, float]
    border: Mapping[Pair, float]


@dataclass(frozen=True)
class OverTime:
    """How far an experiment has come that is read before its end.

    `counted` are the units whose windows have closed with their orders known, of `size` planned ones. `read_until`
    bounds the units that results are about; None while nothing may be read. `ended` says that no later reading will
    change the result. `decisions` are those of the looks.
    """

    analysis: str
    size: int
    counted: int
    read_until: datetime | None
    ended: bool
    looks: tuple[LookTaken, ...] = ()
    next_look: float | None = None
    decisions: Mapping[Pair, Decision] | None = None


def is_over_time(registered: Registered) -> bool:
    """Whether the experiment was registered to be read while units arrive."""
    return registered.analysis in (LOOKS, ANY_TIME)


def read_over_time(
    connection: Connection, registered: Registered, maturity: Maturity, currency: str, now: datetime
) -> OverTime:
    """What may be read at `now`: the planned looks that are due, or everything whose windows have closed."""
    days = _by_day(connection, registered)
    known = min(now, maturity.known_until) if maturity.known_until else None
    closed = [(until, units) for until, units in days if known is not None and until + registered.within <= known]
    counted = closed[-1][1] if closed else 0
    if registered.analysis == ANY_TIME:
        until = closed[-1][0] if closed else None
        return OverTime(ANY_TIME, registered.size, counted, until, ended=counted >= registered.size)
    return _looks(connection, registered, currency, closed, counted)


def as_decided(registered: Registered, measured: Measured, over_time: OverTime, results: Results) -> Results:
    """The results with what the looks, or the sequence that holds at any time, say of the deciding comparisons."""
    arms = {arm.name: arm.metrics.get(registered.primary) for arm in measured.arms}
    each = _confidence_of_each(registered)
    found = []
    for one in results.comparisons:
        pair = (one.arm, one.control)
        if one.metric == registered.primary and pair in registered.deciding:
            if over_time.decisions is not None:
                said = _of_looks(one.result, over_time.decisions[pair])
            else:
                said = _of_sequence(one.result, arms[one.control], arms[one.arm], registered.size, each)
            one = _adjusted(one, said, len(registered.deciding))  # noqa: PLW2901 - the same comparison, as decided
        found.append(one)
    return replace(results, comparisons=tuple(found))


def _by_day(connection: Connection, registered: Registered) -> list[tuple[datetime, int]]:
    """The last moment of each day (UTC) on which units had their planned contact, and how many there were by then."""
    day = (type_coerce(assignment.c.origin_at, BigInteger).op("/")(micros_of(DAY))).label("day")
    rows = connection.execute(
        select(day, func.count()).where(registered.units.chosen).group_by(day).order_by(day)
    ).tuples()
    found, total = [], 0
    for on, units in rows:
        total += units
        found.append((from_micros((int(on) + 1) * micros_of(DAY) - 1), total))
    return found


def _looks(
    connection: Connection,
    registered: Registered,
    currency: str,
    closed: Sequence[tuple[datetime, int]],
    counted: int,
) -> OverTime:
    """Takes the looks in their order, each over the same units whenever it is read."""
    past: dict[Pair, list[Look]] = {pair: [] for pair in registered.deciding}
    decisions: dict[Pair, Decision] = {}
    taken: list[LookTaken] = []
    for number, planned in enumerate(registered.looks):
        reached = next(((until, units) for until, units in closed if units >= planned * registered.size), None)
        if reached is None:
            break
        until, units = reached
        fraction = units / registered.size
        if taken and fraction <= taken[-1].fraction:
            continue  # so many came on one day that an earlier look has seen them all
        is_last = number == len(registered.looks) - 1
        measured = measure(connection, replace(registered, until=until), currency)
        open_ = [pair for pair in registered.deciding if not (pair in decisions and decisions[pair].ended)]
        for pair in open_:
            past[pair].append(Look(fraction, _z(measured, registered, pair)))
            error = _standard_error(measured, registered, pair)
            each = _confidence_of_each(registered)
            decisions[pair] = decide(past[pair], error, final=is_last, confidence=each)
        borders = {pair: decisions[pair].border for pair in open_}
        taken.append(LookTaken(planned, fraction, until, units, {pair: past[pair][-1].z for pair in open_}, borders))
        if all(decision.ended for decision in decisions.values()):
            break
    ended = bool(taken) and all(decision.ended for decision in decisions.values())
    next_look = None if ended else next((look for look in registered.looks if look * registered.size > counted), None)
    read_until = taken[-1].until if ended else None
    return OverTime(LOOKS, registered.size, counted, read_until, ended, tuple(taken), next_look, decisions)


def _z(measured: Measured, registered: Registered, pair: Pair) -> float:
    """z of a comparison; where an arm says too little for one, it is no evidence."""
    try:
        return standard_errors_above(*_both(measured, registered, pair))
    except NotMeasurable:
        return 0.0


def _standard_error(measured: Measured, registered: Registered, pair: Pair) -> float:
    """The difference's standard error that belongs to its z."""
    control, arm = _both(measured, registered, pair)
    if isinstance(control, Proportion) and isinstance(arm, Proportion):
        pooled = (control.successes + arm.successes) / max(control.of + arm.of, 1)
        return float((pooled * (1 - pooled) * (1 / max(control.of, 1) + 1 / max(arm.of, 1))) ** 0.5)
    if isinstance(control, Sample) and isinstance(arm, Sample):
        return welch(control, arm).standard_error
    raise TypeError(f"{registered.primary} is neither a rate nor an amount")


def _both(measured: Measured, registered: Registered, pair: Pair) -> tuple[Proportion | Sample, Proportion | Sample]:
    arms = {arm.name: arm.metrics[registered.primary] for arm in measured.arms if registered.primary in arm.metrics}
    empty = Proportion()
    control, arm = arms.get(pair[1], empty), arms.get(pair[0], empty)
    if not isinstance(control, Proportion | Sample) or not isinstance(arm, Proportion | Sample):
        raise TypeError(f"{registered.primary} is neither a rate nor an amount")
    return control, arm


def _confidence_of_each(registered: Registered) -> float:
    """Several deciding comparisons share the chance of a false claim (Bonferroni)."""
    return 1 - (1 - registered.confidence) / len(registered.deciding)


def _of_looks(plain: Comparison, decision: Decision) -> Comparison:
    return replace(
        _bare(plain, decision.method, decision.source),
        difference=decision.estimate,
        low=decision.low,
        high=decision.high,
        p_value=decision.p_value,
        reasons=decision.reasons,
    )


def _of_sequence(
    plain: Comparison, control: Aggregate | None, arm: Aggregate | None, size: int, confidence: float
) -> Comparison:
    if not isinstance(control, Proportion | Sample) or not isinstance(arm, Proportion | Sample):
        return plain
    found = compare_any_time(control, arm, size, confidence=confidence)
    return replace(found, confidence=plain.confidence)


def _bare(plain: Comparison, method: str, source: str) -> Comparison:
    return Comparison(confidence=plain.confidence, method=method, source=source)


def _adjusted(one: Contrast, said: Comparison, comparisons: int) -> Contrast:
    p = None if said.p_value is None else min(said.p_value * comparisons, 1.0)
    return replace(one, result=replace(said, p_value_adjusted=p))
