"""How probable it is that an arm beats the control, and what choosing it would cost if it does not."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import erfcx, ndtr

from handbill.statistics.beta_posteriors import Floats, breakpoints, cumulative, density, grid
from handbill.statistics.samples import Proportion


@dataclass(frozen=True)
class Verdict:
    """What a posterior says about choosing the arm instead of the control.

    The losses are in the metric's unit per contact: what is given up on average by choosing the arm
    (`expected_loss`) or by keeping the control (`expected_loss_of_control`).
    """

    probability_to_beat_control: float
    expected_loss: float
    expected_loss_of_control: float


def rates_verdict(control: Proportion, treatment: Proportion, *, prior: tuple[float, float] = (1.0, 1.0)) -> Verdict:
    """P(treatment's rate > control's) and expected losses, with independent beta posteriors.

    The prior is Beta(1, 1), every rate equally probable, unless given; its parameters must be at least ½
    (Jeffreys). Exact up to rounding: piecewise Gauss–Legendre quadrature on the angle arcsin √rate, on which even
    Jeffreys' posterior is smooth. An empty arm has the prior as its posterior.

    >>> verdict = rates_verdict(Proportion(16, of=94), Proportion(25, of=96))
    >>> round(verdict.probability_to_beat_control, 4), round(verdict.expected_loss, 5)
    (0.9329, 0.00176)
    """
    if min(prior) < 0.5:
        raise ValueError("the parameters of a beta prior must be at least 0.5 here")
    a, b = _posterior(control, prior), _posterior(treatment, prior)
    angles, weights = grid(breakpoints(*a), breakpoints(*b))
    density_a, density_b = density(angles, *a), density(angles, *b)
    below_a, above_a = _shares(*cumulative(density_a, weights))
    below_b, above_b = _shares(*cumulative(density_b, weights))
    slope = np.sin(2 * angles) * weights  # d rate
    weighted_b = density_b * weights
    return Verdict(
        probability_to_beat_control=float((below_a * weighted_b).sum() / weighted_b.sum()),
        expected_loss=float((below_b * above_a * slope).sum()),
        expected_loss_of_control=float((below_a * above_b * slope).sum()),
    )


def effect_verdict(mean: float, sd: float, *, prior: tuple[float, float] | None = None) -> Verdict:
    """The same for an effect whose estimate is normal with standard error `sd`, such as a difference of means.

    The prior is flat unless a normal one is given as (mean, sd).

    >>> round(effect_verdict(0.005, 0.00223019).probability_to_beat_control, 4)
    0.9875
    """
    mean, sd = posterior_effect(mean, sd, prior=prior)
    loss, gain = _mean_shortfall(mean / sd), _mean_shortfall(-mean / sd)
    return Verdict(float(ndtr(mean / sd)), sd * loss, sd * gain)


def posterior_effect(mean: float, sd: float, *, prior: tuple[float, float] | None = None) -> tuple[float, float]:
    """Mean and standard deviation of a normal effect after its estimate met a normal prior (flat unless given)."""
    if prior is None:
        return mean, sd
    precision, prior_precision = 1 / sd**2, 1 / prior[1] ** 2
    both = precision + prior_precision
    return (mean * precision + prior[0] * prior_precision) / both, 1 / math.sqrt(both)


def _shares(up_to: Floats, beyond: Floats) -> tuple[Floats, Floats]:
    total = up_to[0] + beyond[0]
    return up_to / total, beyond / total


def _mean_shortfall(z: float) -> float:
    """E[max(−X, 0)] for X normal with mean z and sd 1: φ(z) − z Φ(−z), without cancellation."""
    density = math.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    if z <= 0:
        return density - z * float(ndtr(-z))
    return max(density * (1 - z * math.sqrt(math.pi / 2) * float(erfcx(z / math.sqrt(2)))), 0.0)


def _posterior(arm: Proportion, prior: tuple[float, float]) -> tuple[float, float]:
    return prior[0] + arm.successes, prior[1] + arm.of - arm.successes
