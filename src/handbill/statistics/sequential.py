"""What an experiment says that was looked at at planned times and may have ended at one of them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from handbill.statistics.roots import crossing
from handbill.statistics.spending import ALPHA, SOURCE, Spending, borders, crossing_probabilities, obrien_fleming_type
from handbill.statistics.tails import SMALLEST_P, normal_quantile

METHOD = "planned looks with O'Brien–Fleming-type spending; p-value, estimate and interval by stage-wise ordering"
FULL_SOURCE = f"{SOURCE}; Tsiatis, Rosner and Mehta, Biometrics 40, 1984, 797–803"


@dataclass(frozen=True)
class Look:
    """One planned look: how much of the planned information was there, and z (treatment over control).

    Information is counted in units whose window has closed, as a fraction of those planned.
    """

    fraction: float
    z: float


@dataclass(frozen=True)
class Decision:
    """What the looks so far say. `border` is what |z| had to exceed at the last of them.

    The p-value (two-sided), the median-unbiased estimate and its interval are given once the experiment has ended:
    at a crossed border or at the last look. Before that `reasons` says why not.
    """

    ended: bool
    significant: bool
    looks: int
    border: float
    confidence: float
    method: str = METHOD
    source: str = FULL_SOURCE
    p_value: float | None = None
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    reasons: tuple[str, ...] = ()


def decide(looks: Sequence[Look], standard_error: float, *, final: bool = False, confidence: float = 0.95) -> Decision:
    """Whether the experiment ends at the last of these looks, and with what result.

    `standard_error` is the difference's at that look, in the metric's unit. `final` says that no look will follow,
    whatever the fraction; then all error that is left is spent.
    """
    alpha = (1 - confidence) / 2
    fractions = [look.fraction for look in looks]
    final = final or fractions[-1] >= 1
    limits = borders(fractions, alpha=alpha, final=final)
    crossed = [place for place, (look, limit) in enumerate(zip(looks, limits, strict=True)) if abs(look.z) >= limit]
    if crossed and crossed[0] < len(looks) - 1:
        raise ValueError(f"the experiment ended at look {crossed[0] + 1}, so there is no look {len(looks)}")
    last, significant = looks[-1], bool(crossed)
    if not (significant or final):
        reason = f"The experiment goes on: |z| is {abs(last.z):.2f}, and ending now would take {limits[-1]:.2f}."
        return Decision(False, False, len(looks), limits[-1], confidence, reasons=(reason,))
    sign = math.copysign(1.0, last.z)
    stages = _Stages(fractions, limits, abs(last.z))
    middle, low, high = (standard_error * stages.drift(level) for level in (0.5, alpha, 1 - alpha))
    p_value = min(max(2 * stages.as_extreme(0.0), SMALLEST_P), 1.0)
    low, high = sorted((sign * low, sign * high))
    return Decision(
        ended=True,
        significant=significant,
        looks=len(looks),
        border=limits[-1],
        confidence=confidence,
        p_value=p_value,
        estimate=sign * middle,
        low=low,
        high=high,
    )


def inflation(
    fractions: Sequence[float], *, power: float = 0.8, alpha: float = ALPHA, spend: Spending = obrien_fleming_type
) -> float:
    """How many times more units a design with looks needs at most than one without, for the same power.

    >>> round(inflation([0.5, 1.0]), 6)
    1.003725
    """
    return (drift_for(fractions, power=power, alpha=alpha, spend=spend) / _fixed_drift(power, alpha)) ** 2


def expected_share(
    fractions: Sequence[float], *, power: float = 0.8, alpha: float = ALPHA, spend: Spending = obrien_fleming_type
) -> float:
    """Share of the largest possible number of units that such a design uses on average, if the effect is as planned."""
    drift = drift_for(fractions, power=power, alpha=alpha, spend=spend)
    chances = crossing_probabilities(fractions, borders(fractions, alpha=alpha, spend=spend), drift=drift)
    saved = sum(chance * (1 - fraction) for chance, fraction in zip(chances, fractions, strict=True))
    return 1 - saved


def drift_for(
    fractions: Sequence[float], *, power: float = 0.8, alpha: float = ALPHA, spend: Spending = obrien_fleming_type
) -> float:
    """What z must be expected to be at the end so that the experiment shows the effect with this power."""
    limits = borders(fractions, alpha=alpha, spend=spend)

    def lacking(drift: float) -> float:
        return sum(crossing_probabilities(fractions, limits, drift=drift)) - power

    return crossing(lacking, 0.0, 2 * _fixed_drift(power, alpha) + 1)


def _fixed_drift(power: float, alpha: float) -> float:
    return normal_quantile(1 - alpha) + normal_quantile(power)


@dataclass(frozen=True)
class _Stages:
    """The last look's z, ordered by stage: an earlier crossing is more extreme than any later result."""

    fractions: Sequence[float]
    limits: Sequence[float]
    z: float

    def as_extreme(self, drift_at_end: float) -> float:
        """Chance of a result at least as extreme, upwards."""
        upper = (*self.limits[:-1], self.z)
        return sum(crossing_probabilities(self.fractions, upper, drift=drift_at_end))

    def drift(self, level: float) -> float:
        """What z at this look must be expected to be for `as_extreme` to be `level`."""
        scale = 1 / math.sqrt(self.fractions[-1])
        reach = scale * (abs(self.z) + 9.0)
        return crossing(lambda drift: self.as_extreme(drift) - level, -reach, reach) / scale
