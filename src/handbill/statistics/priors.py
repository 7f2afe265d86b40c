"""What earlier experiments say about the size of an effect before it is seen, and after."""

import math
from collections.abc import Sequence

from handbill.errors import NotMeasurable
from handbill.statistics.bayesian import posterior_effect
from handbill.statistics.heterogeneity import Effect, pooled, variance_between
from handbill.statistics.tails import normal_quantile

FEWEST = 3
"""Earlier experiments that a prior is made of; fewer say nothing about how much effects differ."""

METHOD = "normal prior from earlier experiments, by Paule and Mandel; empirical Bayes"
SOURCE = (
    "Efron and Morris, Journal of the American Statistical Association 70, 1975, 311–319; "
    "Paule and Mandel, Journal of Research of the National Bureau of Standards 87, 1982, 377–385"
)


def prior_of(earlier: Sequence[Effect]) -> tuple[float, float]:
    """Mean and standard deviation of the effect that the next experiment of this sort truly has.

    Raises:
        NotMeasurable: fewer than three experiments, or one without a standard error.

    >>> mean, sd = prior_of([Effect(0.012, 0.004), Effect(0.002, 0.003), Effect(-0.001, 0.003), Effect(0.006, 0.004)])
    >>> round(mean, 4), round(sd, 4)
    (0.0043, 0.0051)
    """
    if len(earlier) < FEWEST or min(each.standard_error for each in earlier) <= 0:
        raise NotMeasurable(f"A prior takes {FEWEST} earlier experiments, each with a standard error.")
    between = variance_between(earlier)
    mean = pooled(earlier, between)
    return mean.estimate, math.sqrt(between + mean.standard_error**2)


def without_winners_curse(
    seen: Effect, prior: tuple[float, float], *, confidence: float = 0.95
) -> tuple[float, float, float]:
    """The effect that was seen, drawn towards what experiments of this sort brought: estimate, low and high.

    Effects that were picked because they were large are too large on average; this undoes it.

    >>> estimate, low, high = without_winners_curse(Effect(0.02, 0.005), (0.005, 0.005))
    >>> round(estimate, 4), round(low, 4), round(high, 4)
    (0.0125, 0.0056, 0.0194)
    """
    mean, sd = posterior_effect(seen.estimate, seen.standard_error, prior=prior)
    reach = normal_quantile(0.5 + confidence / 2) * sd
    return mean, mean - reach, mean + reach
