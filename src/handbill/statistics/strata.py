"""Whether rates differ when the arms' shares changed from wave to wave, or from stratum to stratum."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from handbill.statistics.proportions import difference_score
from handbill.statistics.roots import falling_crossing
from handbill.statistics.samples import Comparison, Proportion
from handbill.statistics.tails import normal_quantile, two_sided_normal

METHOD = "Cochran–Mantel–Haenszel test; post-stratified difference with a normal interval"
SOURCE = (
    "Mantel and Haenszel, Journal of the National Cancer Institute 22, 1959, 719–748; "
    "Miratrix, Sekhon and Yu, Journal of the Royal Statistical Society B 75, 2013, 369–396"
)

LEARNED_METHOD = (
    "score statistic of each wave, weighted by the wave's size and not by its shares; estimate in the middle"
)
LEARNED_SOURCE = (
    "Zhang, Janson and Murphy, Advances in Neural Information Processing Systems 33, 2020, 9818–9829; "
    "Miettinen and Nurminen, Statistics in Medicine 4, 1985, 213–226"
)


@dataclass(frozen=True)
class Stratum:
    """The two arms in one wave, in which everybody had the same chance of each arm."""

    control: Proportion
    treatment: Proportion


def compare_stratified(strata: Sequence[Stratum], *, confidence: float = 0.95) -> Comparison:
    """Difference between two rates, treatment minus control, within strata, weighted by the strata's size.

    Strata in which an arm is empty say nothing about a difference; they are left out, and named in `reasons`.
    """
    plain = Comparison(confidence=confidence, method=METHOD, source=SOURCE)
    useful = [one for one in strata if one.control.of and one.treatment.of]
    left_out = len(strata) - len(useful)
    reasons = (f"Left out: {left_out} of {len(strata)} strata, which lack an arm.",) if left_out else ()
    if not useful:
        return replace(plain, reasons=(*reasons, "No stratum has contacts in both arms."))
    difference, error = post_stratified(useful)
    if not error:
        return replace(plain, difference=difference, reasons=(*reasons, "Nothing varies in any stratum."))
    reach = normal_quantile(0.5 + confidence / 2) * error
    tail = two_sided_normal(mantel_haenszel_z(useful))
    return replace(
        plain,
        difference=difference,
        low=difference - reach,
        high=difference + reach,
        p_value=tail.p_value,
        log10_p_value=tail.log10_p_value,
        reasons=reasons,
    )


def compare_learned(waves: Sequence[Stratum], sizes: Sequence[int], *, confidence: float = 0.95) -> Comparison:
    """Difference between two rates where each wave's shares followed what the waves before had shown.

    `sizes` are all units of each wave, of other arms too. Waves with an even split would weigh most by the ordinary
    rules, and those are the ones before which chance had shown nothing: that claims differences in 6 to 7 % where
    there are none. Weights that were known beforehand do not.
    """
    plain = Comparison(confidence=confidence, method=LEARNED_METHOD, source=LEARNED_SOURCE)
    useful = [(one, size) for one, size in zip(waves, sizes, strict=True) if one.control.of and one.treatment.of]
    left_out = len(waves) - len(useful)
    reasons = (f"Left out: {left_out} of {len(waves)} strata, which lack an arm.",) if left_out else ()
    if not useful:
        return replace(plain, reasons=(*reasons, "No stratum has contacts in both arms."))
    if all(both.successes in (0, both.of) for both in (one.control + one.treatment for one, _ in useful)):
        return replace(plain, difference=0.0, reasons=(*reasons, "Nothing varies in any stratum."))

    def where_it_is(value: float) -> float:
        start = post_stratified([one for one, _ in useful])[0]
        return falling_crossing(lambda at: _score(useful, at) - value, start, 0.01, (-1.0, 1.0))

    reach = normal_quantile(0.5 + confidence / 2)
    tail = two_sided_normal(_score(useful, 0.0))
    return replace(
        plain,
        difference=where_it_is(0.0),
        low=where_it_is(reach),
        high=where_it_is(-reach),
        p_value=tail.p_value,
        log10_p_value=tail.log10_p_value,
        reasons=reasons,
    )


def mantel_haenszel_z(strata: Sequence[Stratum]) -> float:
    """The signed root of the Cochran–Mantel–Haenszel chi-square, without continuity correction; 0 where none varies.

    >>> z = mantel_haenszel_z([Stratum(Proportion(20, of=500), Proportion(30, of=500))])
    >>> round(z**2, 4)  # (30 − 25)² over the hypergeometric variance
    2.1032
    """
    excess = variance = 0.0
    for one in strata:
        both = one.control + one.treatment
        excess += one.treatment.successes - one.treatment.of * both.rate
        if both.of > 1:
            cells = one.treatment.of * one.control.of * both.successes * (both.of - both.successes)
            variance += cells / (both.of**2 * (both.of - 1))
    return excess / math.sqrt(variance) if variance else 0.0


def post_stratified(strata: Sequence[Stratum]) -> tuple[float, float]:
    """The difference with each stratum weighted by its share of all contacts, and its standard error."""
    total = sum(one.control.of + one.treatment.of for one in strata)
    difference = variance = 0.0
    for one in strata:
        weight = (one.control.of + one.treatment.of) / total
        difference += weight * (one.treatment.rate - one.control.rate)
        variance += weight**2 * sum(arm.rate * (1 - arm.rate) / arm.of for arm in (one.control, one.treatment))
    return difference, math.sqrt(variance)


def mantel_haenszel_difference(strata: Sequence[Stratum]) -> tuple[float, float]:
    """The Mantel–Haenszel risk difference and its standard error, which holds for many small strata too.

    Sato, Biometrics 45, 1989, 1323–1324.
    """
    weights = difference = first = second = 0.0
    for one in strata:
        x, n, y, m = one.treatment.successes, one.treatment.of, one.control.successes, one.control.of
        total = n + m
        weights += n * m / total
        difference += (x * m - y * n) / total
        first += (n * n * y - m * m * x + n * m * (m - n) / 2) / total**2
        second += (x * (m - y) + y * (n - x)) / (2 * total)
    estimate = difference / weights
    return estimate, math.sqrt((estimate * first + second) / weights**2)


def _score(waves: Sequence[tuple[Stratum, int]], difference: float) -> float:
    """The waves' score statistics for "the true difference is this", weighted so that the sum has variance 1."""
    each = (math.sqrt(size) * difference_score(one.control, one.treatment, difference) for one, size in waves)
    return sum(each) / math.sqrt(sum(size for _, size in waves))
