"""What is believed of a difference once the data are in: its probable values, by Bayes' rule."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import betainc

from handbill.statistics.bayesian import Verdict, effect_verdict, posterior_effect, rates_verdict
from handbill.statistics.beta_posteriors import Floats, breakpoints, density, grid
from handbill.statistics.contrasts import Aggregate, error_of, mean_of
from handbill.statistics.roots import crossing
from handbill.statistics.samples import Comparison, Proportion
from handbill.statistics.tails import normal_quantile

SOURCE = "Gelman et al., Bayesian Data Analysis, 3rd edition, 2013, sections 2.1 to 2.5"
RATES = "posterior of both rates, all of them equally probable before; exact, equal tails"
FLAT = "normal posterior of the difference, all values equally probable before; equal tails"
DECLARED = "normal posterior of the difference, with the declared prior; equal tails"

_FARTHEST = 1e20
"""A ratio of two rates beyond this is as good as unbounded."""


@dataclass(frozen=True)
class Prior:
    """What was believed of a difference before: a normal distribution around `effect`, `spread` its deviation."""

    effect: float
    spread: float


def compare_believed(
    control: Aggregate, treatment: Aggregate, plain: Comparison, *, confidence: float, prior: Prior | None = None
) -> Comparison:
    """A comparison with a posterior in place of a test: mean, equal-tailed interval, probability and expected loss.

    `plain` is the same comparison by a test, whose reasons for saying nothing count here too. Rates of single units
    without a declared prior are exact, with Beta(1, 1) for either arm; everything else is a normal effect.

    >>> control, arm = Proportion(16, of=94), Proportion(25, of=96)
    >>> plain = Comparison(0.95, "a test", "somewhere", difference=0.09)
    >>> found = compare_believed(control, arm, plain, confidence=0.95)
    >>> round(found.difference, 4), round(found.low, 4), round(found.high, 4)
    (0.0882, -0.0275, 0.2037)
    """
    untested = replace(plain, p_value=None, log10_p_value=None, p_value_adjusted=None)
    if plain.difference is None:
        return untested
    if prior is None and isinstance(control, Proportion) and isinstance(treatment, Proportion):
        return _rates(control, treatment, untested, confidence)
    error = error_of(control, treatment)
    if plain.p_value is None or not error:
        return untested
    return _effect(untested, mean_of(control), plain.difference, error, confidence, prior)


def rates_interval(control: Proportion, treatment: Proportion, confidence: float) -> tuple[float, float]:
    """Equal-tailed bounds of treatment's rate minus control's, each rate equally probable before."""
    if _sd(control) > _sd(treatment):
        low, high = rates_interval(treatment, control, confidence)
        return -high, -low
    return _bounds(control, treatment, confidence, lambda rates, difference: rates + difference, (-1.0, 1.0))


def ratio_interval(control: Proportion, treatment: Proportion, confidence: float) -> tuple[float, float]:
    """Equal-tailed bounds of treatment's rate over control's, each rate equally probable before."""
    if _sd(control) / _mean(control) > _sd(treatment) / _mean(treatment):
        low, high = ratio_interval(treatment, control, confidence)
        return 1 / high, 1 / low
    return _bounds(control, treatment, confidence, lambda rates, ratio: rates * ratio, (0.0, _FARTHEST))


def _rates(control: Proportion, treatment: Proportion, untested: Comparison, confidence: float) -> Comparison:
    (base, mean), verdict = (_mean(arm) for arm in (control, treatment)), rates_verdict(control, treatment)
    low, high = rates_interval(control, treatment, confidence)
    relative_low, relative_high = (ratio - 1 for ratio in ratio_interval(control, treatment, confidence))
    found = replace(
        untested,
        difference=mean - base,
        low=low,
        high=high,
        relative=mean / base - 1,
        relative_low=relative_low,
        relative_high=relative_high,
        reasons=(),
    )
    return _said(found, verdict, RATES)


def _effect(
    untested: Comparison, base: float | None, difference: float, error: float, confidence: float, prior: Prior | None
) -> Comparison:
    before = (prior.effect, prior.spread) if prior else None
    mean, sd = posterior_effect(difference, error, prior=before)
    reach = normal_quantile(1 - (1 - confidence) / 2) * sd
    found = replace(untested, difference=mean, low=mean - reach, high=mean + reach)
    if prior and base and untested.relative is not None:
        # What a prior on the difference says of the ratio depends on the control's own, which nobody declared.
        found = replace(found, relative=mean / base, relative_low=None, relative_high=None)
    return _said(found, effect_verdict(difference, error, prior=before), DECLARED if prior else FLAT)


def _said(found: Comparison, verdict: Verdict, method: str) -> Comparison:
    return replace(
        found,
        probability_to_beat_control=verdict.probability_to_beat_control,
        expected_loss=verdict.expected_loss,
        method=method,
        source=SOURCE,
    )


def _bounds(
    control: Proportion,
    treatment: Proportion,
    confidence: float,
    beyond: Callable[[Floats, float], Floats],
    limits: tuple[float, float],
) -> tuple[float, float]:
    """Where P(treatment's rate ≤ beyond(control's rate, x)) reaches either tail.

    Integrates over the control's rate, which must be the better known of the two: seen from its grid, the other's
    distribution is smooth then.
    """
    (a, b), (other_a, other_b) = _parameters(control), _parameters(treatment)
    angles, weights = grid(breakpoints(a, b))
    rates, mass = np.sin(angles) ** 2, density(angles, a, b) * weights
    mass /= mass.sum()

    def reached(x: float) -> float:
        return float(mass @ betainc(other_a, other_b, np.clip(beyond(rates, x), 0.0, 1.0)))

    tail = (1 - confidence) / 2
    low = crossing(lambda x: reached(x) - tail, *limits)
    return low, crossing(lambda x: reached(x) - (1 - tail), *limits)


def _parameters(arm: Proportion) -> tuple[float, float]:
    return arm.successes + 1.0, arm.of - arm.successes + 1.0


def _mean(arm: Proportion) -> float:
    a, b = _parameters(arm)
    return a / (a + b)


def _sd(arm: Proportion) -> float:
    a, b = _parameters(arm)
    return math.sqrt(a * b / (a + b + 1)) / (a + b)
