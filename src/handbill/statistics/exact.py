"""Whether two rates differ, computed from the probability of every table where counts are too small for a curve."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, logsumexp

from handbill.statistics.samples import Proportion
from handbill.statistics.tails import Tail, from_logarithm

Alternative = Literal["two-sided", "greater", "less"]
Floats = NDArray[np.float64]

TIE = 1e-7
"""Tables whose probabilities differ relatively by less than this count as equally probable, as in R's fisher.test."""

GRID = 600
"""Points of the first search for the worst common rate; the best of them are then looked at closely."""

EDGE = 1e-6
"""How near to a common rate of 0 or 1 that search goes; at the edge itself nothing can be significant."""


def fisher(control: Proportion, treatment: Proportion, alternative: Alternative = "two-sided") -> Tail:
    """Fisher's exact test: given both totals, how probable is a table at most as probable as this one.

    "greater" asks for more successes in the treatment. Sums in logarithms, so no p-value underflows.
    Fisher, Statistical Methods for Research Workers, 5th edition, 1934, section 21.02.

    >>> round(fisher(Proportion(3, of=4), Proportion(1, of=4)).p_value, 4)  # the lady tasting tea
    0.4857
    """
    log_p, first = _hypergeometric(control.of, treatment.of, control.successes + treatment.successes)
    at = treatment.successes - first
    chosen = {
        "two-sided": log_p[log_p <= log_p[at] + TIE],
        "greater": log_p[at:],
        "less": log_p[: at + 1],
    }[alternative]
    return from_logarithm(float(logsumexp(chosen)))


def boschloo(control: Proportion, treatment: Proportion) -> Tail:
    """Boschloo's exact test: Fisher's p-value as the statistic, at the least favourable common rate.

    Two-sided as twice the smaller one-sided p-value. Uniformly more powerful than Fisher's test; needs memory and
    time for every table, so it is meant for up to about 500 × 500 contacts.
    Boschloo, Statistica Neerlandica 24, 1970, 1–35.

    >>> round(boschloo(Proportion(3, of=10), Proportion(9, of=10)).p_value, 6)
    0.007956
    """
    greater = _worst_case(_critical_counts(control, treatment), control.of, treatment.of)
    less = _worst_case(_critical_counts(control.complement, treatment.complement), control.of, treatment.of)
    return from_logarithm(float(np.log(2) + np.log(min(greater, less))))


def _hypergeometric(n_control: int, n_treatment: int, successes: int) -> tuple[Floats, int]:
    """Log-probabilities of each possible number of the treatment's successes, and the least such number.

    By ratios of neighbours rather than by gamma functions, which would leave 5 digits at 10^9 contacts.
    """
    first, last = max(0, successes - n_control), min(n_treatment, successes)
    k = np.arange(first, last, dtype=np.float64)
    ratios = np.log((successes - k) * (n_treatment - k)) - np.log((k + 1) * (n_control - successes + k + 1))
    log_p = np.concatenate(([0.0], np.cumsum(ratios)))
    return log_p - logsumexp(log_p), first


def _critical_counts(control: Proportion, treatment: Proportion) -> NDArray[np.intp]:
    """For each number of control successes the least number of treatment successes as extreme as what was seen."""
    n_control, n_treatment = control.of, treatment.of
    log_ways = _log_choose(n_control)[:, None] + _log_choose(n_treatment)[None, :]
    observed, least = 0.0, np.full(n_control + 1, n_treatment + 1, dtype=np.intp)
    upper_tails = []
    for total in range(n_control + n_treatment + 1):
        i = np.arange(max(0, total - n_treatment), min(n_control, total) + 1)
        log_p = log_ways[i, total - i]
        ways = np.exp(log_p - log_p.max())
        upper_tails.append((i, np.cumsum(ways) / ways.sum()))  # P(control ≤ i), so P(treatment ≥ total − i)
        if total == control.successes + treatment.successes:
            observed = float(upper_tails[-1][1][control.successes - i[0]])
    for total, (i, tail) in enumerate(upper_tails):
        extreme = i[tail <= observed * (1 + TIE)]
        least[extreme] = np.minimum(least[extreme], total - extreme)
    return least


def _worst_case(least: NDArray[np.intp], n_control: int, n_treatment: int) -> float:
    """The largest probability, over all common rates, that the treatment reaches `least[control successes]`."""
    angles = np.linspace(0.0, np.pi / 2, GRID + 2)[1:-1]  # on this scale the curve is about equally wavy everywhere
    step = angles[1] - angles[0]
    values = _rejection(least, n_control, n_treatment, angles)
    best = float(values.max())
    for angle in angles[np.argsort(values)[-5:]]:
        near, width = angle, step
        for _ in range(8):
            fine = np.clip(np.linspace(near - width, near + width, 17), EDGE, np.pi / 2 - EDGE)
            found = _rejection(least, n_control, n_treatment, fine)
            near, width, best = fine[found.argmax()], width / 6, max(best, float(found.max()))
    return min(best, 1.0)


def _rejection(least: NDArray[np.intp], n_control: int, n_treatment: int, angles: Floats) -> Floats:
    rates = np.sin(angles) ** 2
    control, treatment = _binomial(n_control, rates), _binomial(n_treatment, rates)
    at_least = np.cumsum(treatment[:, ::-1], axis=1)[:, ::-1]
    reached = np.concatenate((at_least, np.zeros((len(rates), 1))), axis=1)[:, least]
    return np.asarray((control * reached).sum(axis=1))


def _binomial(n: int, rates: Floats) -> Floats:
    """Probabilities of 0…n successes, one row a rate."""
    k = np.arange(n + 1)
    logs = _log_choose(n) + k * np.log(rates)[:, None] + (n - k) * np.log1p(-rates)[:, None]
    return np.asarray(np.exp(logs))


def _log_choose(n: int) -> Floats:
    k = np.arange(n + 1)
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))
