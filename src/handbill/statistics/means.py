"""Whether revenue or another amount per contact differs, by how much, and how sure that is."""

from dataclasses import replace

from handbill.errors import NotMeasurable
from handbill.statistics.samples import Comparison, Sample
from handbill.statistics.studentised import Estimate, Studentised, read_off, studentised, without_skew

FEWEST_BUYERS = 200
"""With fewer buyers in an arm a test of revenue claims far more uplifts than it should: test conversion instead."""

LARGEST_SAFE_RATIO = 1.5
"""Arms more unequal than this do not cancel each other's skew, so Hall's transformation is used at once."""

SMALLEST_VARIANCE = 1e-12
"""Variance as a share of the mean square below which sums in floats cannot tell it from none."""

WELCH = "Welch's t test and interval; Fieller's interval for the relative lift"
HALL = "Hall's transformation of Welch's t test and interval; Fieller's interval for the relative lift, likewise"
FIELLER_SOURCE = "Fieller, Journal of the Royal Statistical Society B 16, 1954, 175–185"
WELCH_SOURCE = f"Welch, Biometrika 34, 1947, 28–35; {FIELLER_SOURCE}"
HALL_SOURCE = f"Hall, Journal of the Royal Statistical Society B 54, 1992, 221–228; {FIELLER_SOURCE}"


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
    few = _too_few_buyers(control, treatment, fewest_buyers)
    return read_off(plain, result, _mean(control), _mean(treatment), what="mean", untestable=few)


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
    return studentised(_mean(control), _mean(treatment))


def hall(control: Sample, treatment: Sample) -> Studentised:
    """Welch's t made symmetric by Hall's monotone cubic, with the third moments of both arms.

    Raises:
        NotMeasurable: an arm has fewer than two contacts, or nothing varies in either.
    """
    plain = welch(control, treatment)
    third = third_moment_of_mean(treatment) - third_moment_of_mean(control)
    return without_skew(plain, third / plain.standard_error**3)


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
    return unequal or hall(control, treatment).is_skewed


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


def _too_few_buyers(control: Sample, treatment: Sample, fewest: int) -> str | None:
    zeros = control.buyers < control.n or treatment.buyers < treatment.n
    if not zeros or min(control.buyers, treatment.buyers) >= fewest:
        return None
    return (
        f"Revenue is not testable with under {fewest} buyers in an arm (the control has {control.buyers}, "
        f"this arm {treatment.buyers}): use conversion. The interval is only rough."
    )


def _mean(sample: Sample) -> Estimate:
    return Estimate(sample.mean, variance_of_mean(sample), sample.n)
