"""Whether the version that won a test, and was then sent to everybody else, does more than the holdout."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from scipy.special import log_ndtr, ndtr, ndtri

from handbill.errors import NotMeasurable
from handbill.statistics.exact import fisher
from handbill.statistics.means import FEWEST_BUYERS, compare_means, hall, variance_of_mean
from handbill.statistics.proportions import FEWEST_EXPECTED, compare_proportions, pooled_z
from handbill.statistics.samples import Comparison, Proportion, Sample
from handbill.statistics.simultaneous import largest_tail
from handbill.statistics.tails import SMALLEST_P, normal_quantile

METHOD = "closed testing of all versions with the inverse-normal combination of test and roll-out"
SOURCE = (
    "Bauer and Köhne, Biometrics 50, 1994, 1029–1041; "
    "Bretz, Schmidli, König, Racine and Maurer, Biometrical Journal 48, 2006, 623–634"
)

MOST_VERSIONS = 12
"""All subsets of the versions are looked at, which are two thousand with so many."""

Aggregate = Proportion | Sample
Intersection = Literal["dunnett", "simes"]


@dataclass(frozen=True)
class Stage:
    """The holdout and the versions in the test or in the roll-out; nobody counts in both."""

    holdout: Aggregate
    versions: Mapping[str, Aggregate]


@dataclass(frozen=True)
class Claim:
    """Whether "the winner beats the holdout" is proven (one-sided), whatever rule picked the winner.

    `z` combines test and roll-out, the least over all hypotheses that have to be rejected; at `critical` and above
    it is proven. `rollout_alone` compares winner and holdout where nothing was picked any more, so that its estimate
    is not biased by the choice. Where nothing can be said, `proven` is None and `reasons` say why.
    """

    winner: str
    proven: bool | None
    critical: float
    rollout_alone: Comparison
    method: str = METHOD
    source: str = SOURCE
    z: float | None = None
    p_value: float | None = None
    reasons: tuple[str, ...] = ()


def claim_winner(
    winner: str,
    test: Stage,
    rollout: Stage,
    *,
    test_share: float = 0.2,
    intersection: Intersection = "dunnett",
    critical: float | None = None,
    confidence: float = 0.95,
) -> Claim:
    """The claim from the test of all versions and the roll-out of the winner.

    `test_share` is the planned share of the test in all units; it fixes the weights √share and √(1 − share)
    beforehand. `critical` is 1.960 where nothing could be rejected early, else the border of the last planned look.
    Raises KeyError if the winner is missing from a stage.
    """
    critical = normal_quantile(0.5 + confidence / 2) if critical is None else critical
    if not 0 < test_share < 1 or len(test.versions) > MOST_VERSIONS:
        raise ValueError(f"no roll-out: {len(test.versions)} versions, {test_share:g} of the units in the test")
    alone = _compare(rollout.holdout, rollout.versions[winner], confidence)
    evidence, reasons = _evidence(test, "the test")
    later, more = _evidence(Stage(rollout.holdout, {winner: rollout.versions[winner]}), "the roll-out")
    if reasons or more or winner not in evidence:
        return Claim(winner, None, critical, alone, reasons=reasons + more)
    loads = {name: _load(test.holdout, arm) for name, arm in test.versions.items()}
    z = min(
        combined_z(together(members, evidence, loads, intersection), later[winner], test_share)
        for members in _subsets_with(winner, list(evidence))
    )
    p_value = max(math.exp(float(log_ndtr(-z))), SMALLEST_P)
    return Claim(winner, z >= critical, critical, alone, z=z, p_value=p_value)


def together(
    members: Sequence[str], z: Mapping[str, float], loads: Mapping[str, float], intersection: Intersection
) -> float:
    """One-sided p-value of "none of these versions beats the holdout", by Dunnett's or Simes' test.

    >>> even = dict.fromkeys("AB", 0.5**0.5)
    >>> round(together("AB", {"A": 2.2428, "B": 1.1492}, even, "dunnett"), 4)
    0.0232
    """
    if intersection == "dunnett":
        return largest_tail(max(z[name] for name in members), [loads[name] for name in members], sides=1)
    p_values = sorted(float(ndtr(-z[name])) for name in members)
    return min(len(members) * p_value / rank for rank, p_value in enumerate(p_values, start=1))


def combined_z(p_test: float, z_rollout: float, test_share: float) -> float:
    """The inverse-normal combination √share · Φ⁻¹(1 − p) + √(1 − share) · z."""
    z_test = -float(ndtri(min(max(p_test, SMALLEST_P), 1 - 1e-16)))
    return math.sqrt(test_share) * z_test + math.sqrt(1 - test_share) * z_rollout


def standard_errors_above(holdout: Aggregate, arm: Aggregate) -> float:
    """How far the arm lies above the holdout, in standard errors; exact where counts are small.

    Raises:
        NotMeasurable: an arm is empty, or has too few buyers.
    """
    if isinstance(holdout, Proportion) and isinstance(arm, Proportion):
        if not holdout.of or not arm.of:
            raise NotMeasurable("There are no contacts in this arm or in the holdout.")
        both = holdout + arm
        rarest = min(holdout.of, arm.of) * min(both.successes, both.of - both.successes)
        if rarest < FEWEST_EXPECTED * both.of:
            return -float(ndtri(min(fisher(holdout, arm, "greater").p_value, 1 - 1e-16)))
        return pooled_z(holdout, arm) or 0.0
    if isinstance(holdout, Sample) and isinstance(arm, Sample):
        fewest = min(holdout.buyers, arm.buyers)
        if fewest < FEWEST_BUYERS:
            raise NotMeasurable(f"An arm has {fewest} buyers, and under {FEWEST_BUYERS} revenue is not testable.")
        return hall(holdout, arm).t
    raise TypeError("one arm is a proportion and the other a mean")


def _subsets_with(winner: str, names: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All sets of versions that the winner is in: each is a hypothesis that must be rejected."""
    others = [name for name in names if name != winner]
    for size in range(len(others) + 1):
        for some in combinations(others, size):
            yield (winner, *some)


def _evidence(stage: Stage, where: str) -> tuple[dict[str, float], tuple[str, ...]]:
    """z of each version against the holdout, or why there is none."""
    found, reasons = {}, []
    for name, arm in stage.versions.items():
        try:
            found[name] = standard_errors_above(stage.holdout, arm)
        except NotMeasurable as problem:
            reasons.append(f"{name} in {where}: {problem}")
    return found, tuple(reasons)


def _load(holdout: Aggregate, arm: Aggregate) -> float:
    """Root of the holdout's share of the comparison's variance, were there no difference."""
    if isinstance(holdout, Sample) and isinstance(arm, Sample):
        variances = variance_of_mean(holdout), variance_of_mean(arm)
        return math.sqrt(variances[0] / sum(variances))
    sizes = [one.of if isinstance(one, Proportion) else one.n for one in (holdout, arm)]
    return math.sqrt(sizes[1] / sum(sizes))


def _compare(holdout: Aggregate, arm: Aggregate, confidence: float) -> Comparison:
    if isinstance(holdout, Proportion) and isinstance(arm, Proportion):
        return compare_proportions(holdout, arm, confidence=confidence)
    if isinstance(holdout, Sample) and isinstance(arm, Sample):
        return compare_means(holdout, arm, confidence=confidence)
    raise TypeError("one arm is a proportion and the other a mean")
