"""What each of two channels adds by itself, and whether they add up: the 2×2 of nothing, one, the other and both."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from handbill.errors import NotMeasurable
from handbill.statistics.means import third_moment_of_mean, variance_of_mean
from handbill.statistics.samples import Proportion, Sample
from handbill.statistics.studentised import Studentised, without_skew

METHOD = "linear contrast of the four arms with the variance of each; t with Satterthwaite's degrees, made symmetric"
SOURCE = (
    "Satterthwaite, Biometrics Bulletin 2, 1946, 110–114; "
    "Hall, Journal of the Royal Statistical Society B 54, 1992, 221–228"
)

Aggregate = Proportion | Sample

FIRST = (-0.5, 0.5, -0.5, 0.5)
SECOND = (-0.5, -0.5, 0.5, 0.5)
INTERACTION = (1.0, -1.0, -1.0, 1.0)


@dataclass(frozen=True)
class FactorialEffects:
    """The main effect of each channel, averaged over the other, and what both do together beyond their sum."""

    first: Studentised
    second: Studentised
    interaction: Studentised
    method: str = METHOD
    source: str = SOURCE


def factorial_effects(
    neither: Aggregate, first_only: Aggregate, second_only: Aggregate, both: Aggregate
) -> FactorialEffects:
    """Main effects and interaction of a 2×2.

    The interaction's standard error is twice a main effect's, so it takes four times the people to show as much.

    Raises:
        NotMeasurable: an arm has fewer than two units, or nothing varies in any.

    >>> cells = [Proportion(x, of=1000) for x in (20, 30, 40, 60)]
    >>> effects = factorial_effects(*cells)
    >>> round(effects.first.difference, 4), round(effects.interaction.difference, 4)
    (0.015, 0.01)
    >>> round(effects.interaction.standard_error / effects.first.standard_error, 6)
    2.0
    """
    arms = [_sample(arm) for arm in (neither, first_only, second_only, both)]
    return FactorialEffects(contrast(arms, FIRST), contrast(arms, SECOND), contrast(arms, INTERACTION))


def contrast(arms: Sequence[Sample], weights: Sequence[float]) -> Studentised:
    """A weighted sum of the arms' means over its standard error, with a variance and a skewness for each arm."""
    if min(arm.n for arm in arms) < 2:
        raise NotMeasurable("A contrast needs at least two units in every arm.")
    parts = [weight**2 * variance_of_mean(arm) for arm, weight in zip(arms, weights, strict=True)]
    variance = sum(parts)
    if not variance:
        raise NotMeasurable("The value is the same for every unit of each arm, so there is nothing to test with.")
    third = sum(weight**3 * third_moment_of_mean(arm) for arm, weight in zip(arms, weights, strict=True))
    plain = Studentised(
        difference=sum(weight * arm.mean for arm, weight in zip(arms, weights, strict=True)),
        standard_error=math.sqrt(variance),
        df=variance**2 / sum(part**2 / (arm.n - 1) for part, arm in zip(parts, arms, strict=True)),
    )
    return without_skew(plain, third / variance**1.5)


def _sample(arm: Aggregate) -> Sample:
    """A rate is a mean of zeros and ones."""
    if isinstance(arm, Sample):
        return arm
    return Sample(arm.of, arm.successes, arm.successes, arm.successes, arm.successes)
