"""Whether a ratio of two sums differs: orders per click, revenue per order, buyers per member of a household."""

from dataclasses import replace

from handbill.errors import NotMeasurable
from handbill.statistics.joint import Joint
from handbill.statistics.means import (
    FIELLER_SOURCE,
    LARGEST_SAFE_RATIO,
    SMALLEST_VARIANCE,
    third_moment_of_mean,
    variance_of_mean,
)
from handbill.statistics.samples import Comparison, Sample
from handbill.statistics.studentised import Estimate, Studentised, read_off, studentised

FEWEST_ACTIVE = 200
"""With fewer units that have a denominator at all, the linear approximation claims more than it should."""

PLAIN = "delta method with Welch's t; Fieller's interval for the relative lift"
SYMMETRIC = "delta method, made symmetric by Hall's transformation; Fieller's interval for the relative lift, likewise"
DELTA_SOURCE = "Deng, Knoblich and Lu, KDD 2018, 233–242"
SOURCE = f"{DELTA_SOURCE}; {FIELLER_SOURCE}"
SYMMETRIC_SOURCE = (
    f"{DELTA_SOURCE}; Hall, Journal of the Royal Statistical Society B 54, 1992, 221–228; {FIELLER_SOURCE}"
)


def compare_ratios(
    control: Joint, treatment: Joint, *, confidence: float = 0.95, fewest_active: int = FEWEST_ACTIVE
) -> Comparison:
    """Difference between two ratios Σy / Σx, treatment minus control, where each unit brings its own y and x.

    With units that are households, y the members who bought and x the members, this is the rate per person with the
    error that households have. Where an arm has under `fewest_active` units with an x the difference and a rough
    interval are given but no p-value.
    """
    reasons = _no_ratio(control, treatment)
    if reasons:
        return Comparison(confidence=confidence, method=PLAIN, source=SOURCE, reasons=reasons)
    ratio, base = treatment.y / treatment.x, control.y / control.x
    plain = Comparison(
        confidence=confidence,
        method=PLAIN,
        source=SOURCE,
        difference=ratio - base,
        relative=ratio / base - 1 if base > 0 else None,
    )
    no_spread = _no_spread(control, treatment)
    if no_spread:
        return replace(plain, reasons=no_spread)
    result = delta(control, treatment)
    if _skew_matters(control, treatment):
        result = symmetric_delta(control, treatment)
        plain = replace(plain, method=SYMMETRIC, source=SYMMETRIC_SOURCE)
    few = _too_few(control, treatment, fewest_active)
    return read_off(plain, result, _ratio(control), _ratio(treatment), what="ratio", untestable=few)


def delta(control: Joint, treatment: Joint) -> Studentised:
    """The delta method: each unit's y − ratio · x, over the mean x, in place of the unit; Satterthwaite's degrees.

    Raises:
        NotMeasurable: an arm has no x or fewer than two units, or nothing varies in either.

    >>> import numpy as np  # revenue and orders; GrowthBook's gbstats 0.8.0 gives the same
    >>> control = np.array([(0, 0), (0, 0), (25, 1), (60, 2), (0, 0), (19.9, 1), (0, 0), (0, 0), (110.5, 3), (0, 0)])
    >>> mailed = np.array([(0, 0), (45, 1), (80, 2), (30, 1), (120, 2), (22.5, 1), (15, 1)] + 5 * [(0, 0)])
    >>> result = delta(*(Joint.from_values(revenue, orders) for revenue, orders in (control.T, mailed.T)))
    >>> round(result.difference, 4), round(result.standard_error, 4), round(result.df, 3)
    (8.2911, 7.5818, 15.739)
    """
    reasons = _no_ratio(control, treatment) or _no_spread(control, treatment)
    if reasons:
        raise NotMeasurable(*reasons)
    return studentised(_ratio(control), _ratio(treatment))


def symmetric_delta(control: Joint, treatment: Joint) -> Studentised:
    """The delta method's t, made symmetric by a monotone cubic as Hall's, with the sums of third powers.

    The cumulants of the studentised difference to the order 1/√n are those of the linearised units (skewness K) and
    of how y − ratio · x goes together with x (B, M): mean −B − K/2 + 2M, skewness −2K + 6M.

    Raises:
        NotMeasurable: an arm has no x or fewer than two units, or nothing varies in either.
    """
    plain = delta(control, treatment)
    skewness = together = weighted = 0.0
    for arm, sign in ((control, -1.0), (treatment, 1.0)):
        mean_x = arm.x / arm.n
        both = _covariance_with_x(arm) / mean_x**2
        skewness += sign * third_moment_of_mean(_linearised(arm)) / mean_x**3
        together += sign * both
        weighted += sign * both * _variance(arm)
    error = plain.standard_error
    k, b, m = skewness / error**3, together / error, weighted / error**3
    return replace(plain, curvature=k / 3 - m, shift=k / 6 + b - m)


def _linearised(arm: Joint) -> Sample:
    """The units' y − ratio · x, whose mean is zero."""
    return arm.along(1, -arm.y / arm.x)


def _variance(arm: Joint) -> float:
    """Variance of the arm's ratio; 0 where y − ratio · x drowns in the rounding of what it was made from."""
    ratio, mean_x = arm.y / arm.x, arm.x / arm.n
    variance = variance_of_mean(_linearised(arm)) / mean_x**2
    blur = SMALLEST_VARIANCE * (arm.yy + ratio**2 * arm.xx) / (arm.n * mean_x) ** 2
    return variance if variance > blur else 0.0


def _covariance_with_x(arm: Joint) -> float:
    """Covariance of the mean of y − ratio · x and the mean of x."""
    ratio = arm.y / arm.x
    variance_of_x = (arm.n * arm.xx - arm.x * arm.x) / (arm.n * arm.n * (arm.n - 1))
    return float(arm.covariance_of_means - ratio * variance_of_x)


def _skew_matters(control: Joint, treatment: Joint) -> bool:
    """Whether the plain delta method's one-sided error of 2.5 % is off by more than about half a point."""
    unequal = max(control.n, treatment.n) > LARGEST_SAFE_RATIO * min(control.n, treatment.n)
    return unequal or symmetric_delta(control, treatment).is_skewed


def _no_ratio(control: Joint, treatment: Joint) -> tuple[str, ...]:
    """Why there is no ratio at all, if so."""
    without = [name for name, arm in _named(control, treatment) if arm.x <= 0]
    return (f"The denominator is zero in {' and '.join(without)}, so there is no ratio.",) if without else ()


def _no_spread(control: Joint, treatment: Joint) -> tuple[str, ...]:
    """Why no standard error can be had, if so."""
    single = [name for name, arm in _named(control, treatment) if arm.n == 1]
    if single:
        return (f"There is only one unit in {' and '.join(single)}, so nothing is known about how ratios vary.",)
    if _variance(control) + _variance(treatment) == 0:
        return ("The ratio is the same for every unit of each arm, so there is nothing to test with.",)
    return ()


def _too_few(control: Joint, treatment: Joint, fewest: int) -> str | None:
    if min(control.active, treatment.active) >= fewest:
        return None
    return (
        f"A ratio is not testable with under {fewest} units that have a denominator in an arm "
        f"(the control has {control.active}, this arm {treatment.active}). The interval is only rough."
    )


def _ratio(arm: Joint) -> Estimate:
    return Estimate(arm.y / arm.x, _variance(arm), arm.n)


def _named(control: Joint, treatment: Joint) -> tuple[tuple[str, Joint], tuple[str, Joint]]:
    return ("the control", control), ("this arm", treatment)
