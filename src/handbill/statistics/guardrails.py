"""Whether an arm does harm: no worse than a margin or a ceiling that was set beforehand allows."""

import math
from dataclasses import dataclass
from typing import Literal

from scipy.special import betainc, betaincc, ndtr

from handbill.statistics.means import compare_means, hall
from handbill.statistics.proportions import difference_score, miettinen_nurminen_interval
from handbill.statistics.roots import crossing
from handbill.statistics.samples import Proportion, Sample
from handbill.statistics.tails import SMALLEST_P, normal_quantile

Worse = Literal["higher", "lower"]
Outcome = Literal["safe", "harmful", "not shown"]

SCORE = "score test of non-inferiority, and its interval"
SCORE_SOURCE = "Farrington and Manning, Statistics in Medicine 9, 1990, 1447–1454"
EXACT = "exact binomial test, and its interval"
EXACT_SOURCE = "Clopper and Pearson, Biometrika 26, 1934, 404–413"
MEANS_SOURCE = "Hall, Journal of the Royal Statistical Society B 54, 1992, 221–228"


@dataclass(frozen=True)
class Guardrail:
    """Whether an arm is safe, harmful, or whether neither is shown.

    `harm` is how much worse the arm is than its reference (positive is worse), or its rate where the limit is a
    ceiling or a floor. "safe" and "harmful" are each claimed wrongly in at most (1 − confidence) / 2 of cases: safe
    means that the interval lies on the good side of `limit`, harmful that it lies on the bad side.
    """

    verdict: Outcome
    limit: float
    confidence: float
    method: str
    source: str
    harm: float | None = None
    low: float | None = None
    high: float | None = None
    p_safe: float | None = None
    p_harmful: float | None = None
    reasons: tuple[str, ...] = ()


def guard_rate(
    reference: Proportion, arm: Proportion, margin: float, *, worse: Worse = "higher", confidence: float = 0.95
) -> Guardrail:
    """Whether a rate, such as unsubscribes, is worse than a mailed reference arm's by more than `margin`.

    >>> fell = guard_rate(Proportion(1000, of=5000), Proportion(960, of=5000), 0.02, worse="lower")
    >>> fell.verdict, round(fell.p_safe, 4)
    ('not shown', 0.0654)
    """
    if not reference.of or not arm.of:
        names = [name for name, one in (("the reference arm", reference), ("this arm", arm)) if not one.of]
        reasons = (f"There are no contacts in {' and '.join(names)}.",)
        return Guardrail("not shown", margin, confidence, SCORE, SCORE_SOURCE, reasons=reasons)
    if worse == "lower":
        reference, arm = reference.complement, arm.complement  # fewer successes are more failures
    total = reference.of + arm.of
    z = difference_score(reference, arm, margin) * math.sqrt(total / (total - 1))
    each = 2 * float(ndtr(normal_quantile(0.5 + confidence / 2) * math.sqrt((total - 1) / total))) - 1
    interval = miettinen_nurminen_interval(reference, arm, each)
    harm = (arm.successes * reference.of - reference.successes * arm.of) / (arm.of * reference.of)
    p_values = float(ndtr(z)), float(ndtr(-z))
    return _judged(margin, confidence, (SCORE, SCORE_SOURCE), (harm, *interval), p_values)


def guard_ceiling(arm: Proportion, limit: float, *, worse: Worse = "higher", confidence: float = 0.95) -> Guardrail:
    """Whether a rate stays below an absolute ceiling, such as 0.1 % complaints (or above a floor: worse="lower").

    >>> guard_ceiling(Proportion(20, of=50_000), 0.001).verdict
    'safe'
    """
    if not arm.of:
        reasons = ("There are no contacts in this arm.",)
        return Guardrail("not shown", limit, confidence, EXACT, EXACT_SOURCE, reasons=reasons)
    if not 0 < limit < 1:
        raise ValueError(f"{limit:g} is not a rate that can be crossed")
    x, n, tail = arm.successes, arm.of, (1 - confidence) / 2
    at_most, at_least = _binomial_at_most(x, n, limit), _binomial_at_least(x, n, limit)
    low = crossing(lambda rate: _binomial_at_least(x, n, rate) - tail, 0.0, 1.0) if x else 0.0
    high = crossing(lambda rate: _binomial_at_most(x, n, rate) - tail, 0.0, 1.0) if x < n else 1.0
    p_values = (at_most, at_least) if worse == "higher" else (at_least, at_most)
    return _judged(limit, confidence, (EXACT, EXACT_SOURCE), (arm.rate, low, high), p_values)


def guard_mean(
    reference: Sample, arm: Sample, margin: float, *, worse: Worse = "lower", confidence: float = 0.95
) -> Guardrail:
    """Whether an amount per contact is worse than a reference arm's by more than `margin`, by Hall's method.

    The same rules as in `compare_means` say when this cannot be tested.
    """
    compared = compare_means(reference, arm, confidence=confidence)
    method = ("test of non-inferiority with Hall's transformation, and its interval", MEANS_SOURCE)
    sign = 1 if worse == "higher" else -1
    if compared.p_value is None:
        harm = None if compared.difference is None else sign * compared.difference
        return Guardrail("not shown", margin, confidence, *method, harm=harm, reasons=compared.reasons[:1])
    result = hall(reference, arm)
    bounds = sorted(sign * bound for bound in result.interval(confidence))
    z = result.against(sign * margin)
    p_values = float(ndtr(sign * z)), float(ndtr(-sign * z))
    return _judged(margin, confidence, method, (sign * result.difference, bounds[0], bounds[1]), p_values)


def _judged(
    limit: float,
    confidence: float,
    method: tuple[str, str],
    harm: tuple[float, float, float],
    p_values: tuple[float, float],
) -> Guardrail:
    p_safe, p_harmful = (min(max(p, SMALLEST_P), 1.0) for p in p_values)
    level = (1 - confidence) / 2
    verdict: Outcome = "safe" if p_safe <= level else "harmful" if p_harmful <= level else "not shown"
    return Guardrail(verdict, limit, confidence, *method, *harm, p_safe, p_harmful)


def _binomial_at_most(x: int, n: int, rate: float) -> float:
    return float(betaincc(x + 1, n - x, rate)) if x < n else 1.0


def _binomial_at_least(x: int, n: int, rate: float) -> float:
    return float(betainc(x, n - x + 1, rate)) if x else 1.0
