"""Whether revenue or another amount per contact differs, by how much, and how sure that is."""

import math
from dataclasses import dataclass, replace

from handbill.errors import NotMeasurable
from handbill.statistics.fieller import fieller_bound
from handbill.statistics.samples import Comparison, Sample
from handbill.statistics.tails import Tail, t_quantile, two_sided_t

FEWEST_BUYERS = 200
"""With fewer buyers in an arm a test of revenue claims far more uplifts than it should: test conversion instead."""

LARGEST_SAFE_ASYMMETRY = 0.05
"""Up to this asymmetry of the difference Welch's one-sided error of 2.5 % is off by less than 0.5 points."""

LARGEST_SAFE_RATIO = 1.5
"""Arms more unequal than this do not cancel each other's skew, so Hall's transformation is used at once."""

SMALLEST_VARIANCE = 1e-12
"""Variance as a share of the mean square below which sums in floats cannot tell it from none."""

WELCH = "Welch's t test and interval; Fieller's interval for the relative lift"
HALL = "Hall's transformation of Welch's t test and interval; Fieller's interval for the relative lift, likewise"
FIELLER_SOURCE = "Fieller, Journal of the Royal Statistical Society B 16, 1954, 175–185"
WELCH_SOURCE = f"Welch, Biometrika 34, 1947, 28–35; {FIELLER_SOURCE}"
HALL_SOURCE = f"Hall, Journal of the Royal Statistical Society B 54, 1992, 221–228; {FIELLER_SOURCE}"


@dataclass(frozen=True)
class Studentised:
    """The difference of two means over its standard error, and how to read that statistic.

    `asymmetry` is the skewness of the difference; 0 makes this Welch's method, anything else Hall's.
    """

    difference: float
    standard_error: float
    df: float
    asymmetry: float = 0.0

    @property
    def t(self) -> float:
        """The difference in standard errors, made symmetric, to be compared with Student's t at `df`."""
        return self.against(0.0)

    @property
    def tail(self) -> Tail:
        """The two-sided p-value of "there is no difference"."""
        return two_sided_t(self.t, self.df)

    def against(self, truth: float) -> float:
        """The same statistic for "the difference is truly this"."""
        return symmetric((self.difference - truth) / self.standard_error, self.asymmetry)

    def bounds(self, confidence: float) -> tuple[float, float]:
        """How many standard errors the difference may lie below and above the true one."""
        quantile = t_quantile(0.5 + confidence / 2, self.df)
        return skewed(-quantile, self.asymmetry), skewed(quantile, self.asymmetry)

    def interval(self, confidence: float) -> tuple[float, float]:
        """The interval of the difference."""
        below, above = self.bounds(confidence)
        return self.difference - above * self.standard_error, self.difference - below * self.standard_error


def compare_means(
    control: Sample,
    treatment: Sample,
    *,
    confidence: float = 0.95,
    fewest_buyers: int = FEWEST_BUYERS,
    transformed: bool | None = None,
) -> Comparison:
    """Difference between two amounts per contact, treatment minus control, over all contacts.

    Welch's method where the arms are of similar size and their skew cancels, else Hall's transformation of it;
    `transformed` asks for Hall's (True) or Welch's (False).
    Where some contacts have no amount (zero) and an arm has under `fewest_buyers` with one, the difference and a
    rough interval are given but no p-value.
    """
    hall_needed = _skew_matters(control, treatment) if transformed is None else transformed
    plain = Comparison(
        confidence=confidence,
        method=HALL if hall_needed else WELCH,
        source=HALL_SOURCE if hall_needed else WELCH_SOURCE,
        difference=treatment.mean - control.mean if control.n and treatment.n else None,
        relative=treatment.mean / control.mean - 1 if control.total > 0 and treatment.n else None,
    )
    no_spread = _no_spread(control, treatment)
    if no_spread:
        return replace(plain, reasons=no_spread)
    result = hall(control, treatment) if hall_needed else welch(control, treatment)
    low, high = result.interval(confidence)
    relative_low, relative_high, no_ratio = _relative_bounds(control, treatment, result.bounds(confidence))
    few = _too_few_buyers(control, treatment, fewest_buyers)
    return replace(
        plain,
        low=low,
        high=high,
        relative_low=relative_low,
        relative_high=relative_high,
        p_value=None if few else result.tail.p_value,
        log10_p_value=None if few else result.tail.log10_p_value,
        reasons=few + no_ratio,
    )


def welch(control: Sample, treatment: Sample) -> Studentised:
    """Welch's t: unequal variances, Satterthwaite's degrees of freedom.

    Raises:
        NotMeasurable: an arm has fewer than two contacts, or nothing varies in either.

    >>> import numpy as np
    >>> drug_1 = Sample.from_values(np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]))
    >>> drug_2 = Sample.from_values(np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))
    >>> sleep = welch(drug_1, drug_2)  # Student, Biometrika 6, 1908, 1–25
    >>> round(sleep.t, 4), round(sleep.df, 3), round(sleep.tail.p_value, 5)
    (1.8608, 17.776, 0.07939)
    """
    no_spread = _no_spread(control, treatment)
    if no_spread:
        raise NotMeasurable(*no_spread)
    variances = variance_of_mean(control), variance_of_mean(treatment)
    share = variances[0] / sum(variances)
    df = 1 / (share**2 / (control.n - 1) + (1 - share) ** 2 / (treatment.n - 1))
    return Studentised(treatment.mean - control.mean, math.sqrt(sum(variances)), df)


def hall(control: Sample, treatment: Sample) -> Studentised:
    """Welch's t made symmetric by Hall's monotone cubic, with the third moments of both arms.

    Raises:
        NotMeasurable: an arm has fewer than two contacts, or nothing varies in either.
    """
    plain = welch(control, treatment)
    third = third_moment_of_mean(treatment) - third_moment_of_mean(control)
    return replace(plain, asymmetry=third / plain.standard_error**3)


def symmetric(t: float, asymmetry: float) -> float:
    """Hall's transformation: t + k t²/3 + k² t³/27 + k/6, where k is the skewness of the difference.

    >>> round(skewed(symmetric(-2.5, 0.4), 0.4), 12)
    -2.5
    """
    k = asymmetry
    return t + k * t**2 / 3 + k**2 * t**3 / 27 + k / 6


def skewed(y: float, asymmetry: float) -> float:
    """The inverse of `symmetric`: 3/k · (∛(1 + k(y − k/6)) − 1)."""
    k = asymmetry
    if k == 0:
        return y
    inner = k * (y - k / 6)
    root_less_one = math.expm1(math.log1p(inner) / 3) if inner > -0.5 else math.cbrt(1 + inner) - 1
    return 3 * root_less_one / k


def ratio_bound(control: Sample, treatment: Sample, standard_errors: float) -> float | None:
    """The ratio of the means treatment / control that the data lie this many standard errors above.

    None where there is no such, because the control's mean is not clearly above zero itself (Fieller).
    """
    variances = variance_of_mean(treatment), variance_of_mean(control)
    return fieller_bound(treatment.mean, variances[0], control.mean, variances[1], standard_errors)


def variance_of_mean(sample: Sample) -> float:
    """s²/n with n − 1; 0 where the values vary too little for their sums to show it."""
    n, total, squares = sample.n, sample.total, sample.squares
    variance = (n * squares - total * total) / (n * (n - 1))
    return float(variance / n) if variance > SMALLEST_VARIANCE * squares / n else 0.0


def third_moment_of_mean(sample: Sample) -> float:
    """Third central moment of the mean, μ₃/n²."""
    if not variance_of_mean(sample):
        return 0.0
    n, total = sample.n, sample.total
    third = (n * n * sample.cubes - 3 * n * total * sample.squares + 2 * total**3) / n**3
    return float(third / n**2)


def _skew_matters(control: Sample, treatment: Sample) -> bool:
    if _no_spread(control, treatment):
        return False
    unequal = max(control.n, treatment.n) > LARGEST_SAFE_RATIO * min(control.n, treatment.n)
    return unequal or abs(hall(control, treatment).asymmetry) > LARGEST_SAFE_ASYMMETRY


def _no_spread(control: Sample, treatment: Sample) -> tuple[str, ...]:
    """Why no standard error can be had, if so."""
    arms = (("the control", control), ("this arm", treatment))
    empty = [name for name, arm in arms if not arm.n]
    if empty:
        return (f"There are no contacts in {' and '.join(empty)}.",)
    single = [name for name, arm in arms if arm.n == 1]
    if single:
        return (f"There is only one contact in {' and '.join(single)}, so nothing is known about how values vary.",)
    blur = sum(SMALLEST_VARIANCE * arm.squares / arm.n**2 for _, arm in arms)
    if variance_of_mean(control) + variance_of_mean(treatment) <= blur:
        return ("The value is the same for every contact of each arm, so there is nothing to test with.",)
    return ()


def _too_few_buyers(control: Sample, treatment: Sample, fewest: int) -> tuple[str, ...]:
    zeros = control.buyers < control.n or treatment.buyers < treatment.n
    if not zeros or min(control.buyers, treatment.buyers) >= fewest:
        return ()
    reason = (
        f"Revenue is not testable with under {fewest} buyers in an arm (the control has {control.buyers}, "
        f"this arm {treatment.buyers}): use conversion. The interval is only rough."
    )
    return (reason,)


def _relative_bounds(
    control: Sample, treatment: Sample, bounds: tuple[float, float]
) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Bounds of the relative lift, and why they cannot be given."""
    if control.mean <= 0:
        return None, None, ("The control's mean is not above zero, so a relative lift means nothing.",)
    below, above = bounds
    low, high = ratio_bound(control, treatment, above), ratio_bound(control, treatment, below)
    reasons = ("The control's mean is too uncertain for bounds of the relative lift.",) if None in (low, high) else ()
    return None if low is None else low - 1, None if high is None else high - 1, reasons
