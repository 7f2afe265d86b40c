"""Whether segments differ in their effect, and what to believe of each one when they do."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from scipy.special import chdtrc

from handbill.errors import NotMeasurable
from handbill.statistics.roots import crossing
from handbill.statistics.tails import SMALLEST_P, normal_quantile

METHOD = "Cochran's Q; random effects with Paule and Mandel's variance, each segment shrunken towards their mean"
SOURCE = (
    "Cochran, Biometrics 10, 1954, 101–129; "
    "Paule and Mandel, Journal of Research of the National Bureau of Standards 87, 1982, 377–385"
)


@dataclass(frozen=True)
class Effect:
    """A segment's effect (or any estimate) with its standard error."""

    estimate: float
    standard_error: float


@dataclass(frozen=True)
class Shrunken:
    """What to believe of one segment: between what it says itself and what all say together."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Heterogeneity:
    """Whether the effects differ (`q`, `p_value`), by how much (`variance_between`), and each one shrunken.

    `mean` is that of random effects. A p-value that is not small does not show that all segments are alike.
    """

    q: float
    p_value: float
    variance_between: float
    mean: Effect
    segments: tuple[Shrunken, ...]
    confidence: float = 0.95
    method: str = METHOD
    source: str = SOURCE


def compare_segments(effects: Sequence[Effect], *, confidence: float = 0.95) -> Heterogeneity:
    """Cochran's Q first, then what to believe of each segment.

    Raises:
        NotMeasurable: fewer than two segments, or one whose standard error is not above zero.

    >>> six = zip((0.021, 0.004, 0.013, -0.002, 0.03, 0.009), (0.006, 0.005, 0.008, 0.007, 0.012, 0.004))
    >>> result = compare_segments([Effect(*one) for one in six])  # R's metafor 3.8 gives the same
    >>> round(result.q, 4), round(result.p_value, 4), round(result.variance_between, 9)
    (10.7026, 0.0576, 6.0474e-05)
    """
    if len(effects) < 2 or min(effect.standard_error for effect in effects) <= 0:
        raise NotMeasurable("Segments can be compared when there are two or more, each with a standard error.")
    q = spread(effects, 0.0)
    p_value = max(float(chdtrc(len(effects) - 1, q)), SMALLEST_P)
    between = variance_between(effects)
    mean, segments = shrink(effects, between, confidence=confidence)
    return Heterogeneity(q, p_value, between, mean, segments, confidence)


def spread(effects: Sequence[Effect], between: float) -> float:
    """Weighted squares of the effects around their mean; Cochran's Q where nothing is between them."""
    mean = pooled(effects, between).estimate
    return sum((effect.estimate - mean) ** 2 / (effect.standard_error**2 + between) for effect in effects)


def variance_between(effects: Sequence[Effect]) -> float:
    """Paule and Mandel's variance: the one that makes the weighted squares as large as they should be; at least 0."""
    freedom = len(effects) - 1
    if spread(effects, 0.0) <= freedom:
        return 0.0
    estimates = [effect.estimate for effect in effects]
    most = (max(estimates) - min(estimates)) ** 2 * len(effects)
    return crossing(lambda between: spread(effects, between) - freedom, 0.0, most)


def pooled(effects: Sequence[Effect], between: float) -> Effect:
    """The effects' mean, weighted by their precision given how much lies between them."""
    weights = [1 / (effect.standard_error**2 + between) for effect in effects]
    total = sum(weights)
    mean = sum(weight * effect.estimate for weight, effect in zip(weights, effects, strict=True)) / total
    return Effect(mean, math.sqrt(1 / total))


def shrink(
    effects: Sequence[Effect], between: float, *, confidence: float = 0.95
) -> tuple[Effect, tuple[Shrunken, ...]]:
    """The mean, and each effect moved towards it by the share of its variance that is its own noise.

    The intervals count the mean's own uncertainty (empirical Bayes; Morris, Journal of the American Statistical
    Association 78, 1983, 47–55).
    """
    mean, reach = pooled(effects, between), normal_quantile(0.5 + confidence / 2)
    segments = []
    for effect in effects:
        own = between / (between + effect.standard_error**2)
        estimate = mean.estimate + own * (effect.estimate - mean.estimate)
        error = math.sqrt(own * effect.standard_error**2 + (1 - own) ** 2 * mean.standard_error**2)
        segments.append(Shrunken(estimate, estimate - reach * error, estimate + reach * error))
    return mean, tuple(segments)
