"""A difference in standard errors, made symmetric where it is skewed, and what a comparison reads from it."""

import math
from dataclasses import dataclass, replace

from handbill.statistics.fieller import fieller_bound
from handbill.statistics.samples import Comparison
from handbill.statistics.tails import Tail, t_quantile, two_sided_t

LARGEST_SAFE_ASYMMETRY = 0.05
"""Up to this asymmetry of the difference Welch's one-sided error of 2.5 % is off by less than 0.5 points."""


@dataclass(frozen=True)
class Studentised:
    """A difference over its standard error, and how to read that statistic.

    `curvature` and `shift` undo its skew and bias; 0 makes this the plain t.
    """

    difference: float
    standard_error: float
    df: float
    curvature: float = 0.0
    shift: float = 0.0

    @property
    def t(self) -> float:
        """The difference in standard errors, made symmetric, to be compared with Student's t at `df`."""
        return self.against(0.0)

    @property
    def tail(self) -> Tail:
        """The two-sided p-value of "there is no difference"."""
        return two_sided_t(self.t, self.df)

    @property
    def is_skewed(self) -> bool:
        """Whether the plain t would claim too much on one side."""
        return max(abs(self.curvature), abs(self.shift)) > LARGEST_SAFE_ASYMMETRY / 3

    def against(self, truth: float) -> float:
        """The same statistic for "the difference is truly this"."""
        return symmetric((self.difference - truth) / self.standard_error, self.curvature, self.shift)

    def bounds(self, confidence: float) -> tuple[float, float]:
        """How many standard errors the difference may lie below and above the true one."""
        quantile = t_quantile(0.5 + confidence / 2, self.df)
        return skewed(-quantile, self.curvature, self.shift), skewed(quantile, self.curvature, self.shift)

    def interval(self, confidence: float) -> tuple[float, float]:
        """The interval of the difference."""
        below, above = self.bounds(confidence)
        return self.difference - above * self.standard_error, self.difference - below * self.standard_error


@dataclass(frozen=True)
class Estimate:
    """A mean or a ratio of one arm, the variance of it, and from how many units it is."""

    value: float
    variance: float
    units: int


def studentised(control: Estimate, treatment: Estimate) -> Studentised:
    """Treatment minus control by Welch: unequal variances, Satterthwaite's degrees of freedom."""
    variance = control.variance + treatment.variance
    share = control.variance / variance
    df = 1 / (share**2 / (control.units - 1) + (1 - share) ** 2 / (treatment.units - 1))
    return Studentised(treatment.value - control.value, math.sqrt(variance), df)


def without_skew(plain: Studentised, skewness: float) -> Studentised:
    """The same difference by Hall's transformation, for a statistic of this skewness."""
    return replace(plain, curvature=skewness / 3, shift=skewness / 6)


def symmetric(t: float, curvature: float, shift: float) -> float:
    """The monotone cubic t + a t² + a² t³/3 + b of curvature a and shift b.

    With a = k/3 and b = k/6 this is Hall's t + k t²/3 + k² t³/27 + k/6, where k is the skewness of the difference.

    >>> round(skewed(symmetric(-2.5, 0.13, 0.07), 0.13, 0.07), 12)
    -2.5
    """
    return t + curvature * t**2 + curvature**2 * t**3 / 3 + shift


def skewed(y: float, curvature: float, shift: float) -> float:
    """The inverse of `symmetric`: (∛(1 + 3a(y − b)) − 1) / a."""
    if curvature == 0:
        return y - shift
    inner = 3 * curvature * (y - shift)
    root_less_one = math.expm1(math.log1p(inner) / 3) if inner > -0.5 else math.cbrt(1 + inner) - 1
    return root_less_one / curvature


def read_off(
    plain: Comparison, result: Studentised, control: Estimate, treatment: Estimate, *, what: str, untestable: str | None
) -> Comparison:
    """`plain` with the intervals of the difference and of the relative lift, and the p-value unless `untestable`.

    `what` names the quantity, "mean" or "ratio", in the reasons.
    """
    low, high = result.interval(plain.confidence)
    relative_low, relative_high, no_lift = _relative(control, treatment, result.bounds(plain.confidence), what)
    return replace(
        plain,
        low=low,
        high=high,
        relative_low=relative_low,
        relative_high=relative_high,
        p_value=None if untestable else result.tail.p_value,
        log10_p_value=None if untestable else result.tail.log10_p_value,
        reasons=tuple(reason for reason in (untestable, no_lift) if reason),
    )


def _relative(
    control: Estimate, treatment: Estimate, bounds: tuple[float, float], what: str
) -> tuple[float | None, float | None, str | None]:
    """Fieller's bounds of the relative lift, and why they cannot be given."""
    if control.value <= 0:
        return None, None, f"The control's {what} is not above zero, so a relative lift means nothing."
    low, high = (
        fieller_bound(treatment.value, treatment.variance, control.value, control.variance, errors)
        for errors in reversed(bounds)
    )
    reason = f"The control's {what} is too uncertain for bounds of the relative lift." if None in (low, high) else None
    return None if low is None else low - 1, None if high is None else high - 1, reason
