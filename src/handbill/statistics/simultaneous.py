"""What intervals and p-values are worth when all comparisons of several arms must hold at once."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from handbill.statistics.roots import crossing
from handbill.statistics.tails import SMALLEST_P, normal_quantile

SOURCE = "Dunnett, Journal of the American Statistical Association 50, 1955, 1096–1121"

Pair = tuple[str, str]
"""Two arms that are compared."""

POINTS = 1 << 15
"""Of the lattice that stands in for an integral where the comparisons share no arm; good to two or three digits."""

CERTAIN = 1e-6
"""Least share of a comparison's variance that is its own; below it, comparisons cannot be told from one."""

Floats = NDArray[np.float64]


def confidence_of_each(pairs: Sequence[Pair], variances: Mapping[str, float], confidence: float = 0.95) -> float:
    """The confidence that each interval needs so that all of them hold together with `confidence`.

    `variances` are those of each arm's mean or rate. Exact for normal estimates: comparisons with one shared arm by
    quadrature (Dunnett), any others by a lattice of fixed points.

    >>> each = confidence_of_each([("A", "none"), ("B", "none")], {"A": 1.0, "B": 1.0, "none": 1.0})
    >>> round(critical_value(each), 3)  # Dunnett's table, two arms and a control: 2.21
    2.212
    """
    loads = _loads(pairs, variances)
    if len(pairs) == 1:
        return confidence
    if loads is None:
        critical = float(np.quantile(_largest(pairs, variances), confidence))
    else:
        critical = crossing(lambda z: largest_tail(z, loads) - (1 - confidence), 0.0, 40.0)
    return 2 * float(ndtr(critical)) - 1


def critical_value(confidence: float) -> float:
    """How many standard errors an interval of this confidence reaches to either side."""
    return normal_quantile(0.5 + confidence / 2)


def adjust_together(
    p_values: Sequence[float | None], pairs: Sequence[Pair], variances: Mapping[str, float]
) -> list[float | None]:
    """Two-sided p-values that keep the chance of any false claim at the level, matching `confidence_of_each`.

    The chance that the largest statistic of all comparisons is at least as large as this one's, were there no
    differences (single-step). Comparisons without a p-value (None) take no part.
    """
    given = [place for place, p_value in enumerate(p_values) if p_value is not None]
    adjusted = list[float | None](p_values)
    if len(given) < 2:
        return adjusted
    kept = [pairs[place] for place in given]
    loads = _loads(kept, variances)
    largest = _largest(kept, variances) if loads is None else np.empty(0)
    for place in given:
        p_value = p_values[place] or SMALLEST_P
        z, bound = -float(ndtri(p_value / 2)), min(1.0, len(given) * p_value)
        if loads is not None:
            together = largest_tail(z, loads)
        else:
            # The lattice knows nothing of rare events; Bonferroni's bound is close there.
            together = float((largest >= z).mean()) if bound > 0.001 else bound
        adjusted[place] = min(max(together, p_value), bound)
    return adjusted


def largest_tail(z: float, loads: Sequence[float], *, sides: int = 2) -> float:
    """Chance that the largest of several normal statistics is at least z, their correlations being products of loads.

    For comparisons with one control, an arm's load is the root of the control's share of the comparison's variance.

    >>> round(largest_tail(2.2414, [0.5**0.5, 0.5**0.5], sides=1), 4)
    0.0232
    """
    load = np.asarray(loads, dtype=np.float64)[:, None]
    own = np.sqrt(np.maximum(1 - load**2, CERTAIN))
    reach = 9.0 + abs(z)
    shared = np.arange(-reach, reach, min(0.05, float(own.min()) / 4))
    tails = ndtr((load * shared - z) / own)
    if sides == 2:
        tails = tails + ndtr((-load * shared - z) / own)
    with np.errstate(divide="ignore"):  # a tail of 1 has the logarithm −∞, which is right
        any_beyond = -np.expm1(np.log1p(-np.minimum(tails, 1.0)).sum(axis=0))
    weights = np.exp(-(shared**2) / 2)
    return max(float((weights * any_beyond).sum() / weights.sum()), SMALLEST_P)


def _loads(pairs: Sequence[Pair], variances: Mapping[str, float]) -> list[float] | None:
    """The loads on the one arm that all pairs share; None where there is no such arm."""
    shared = set(pairs[0]).intersection(*pairs[1:])
    if not shared:
        return None
    hub = min(shared)
    others = [first if second == hub else second for first, second in pairs]
    return [(variances[hub] / (variances[hub] + variances[other])) ** 0.5 for other in others]


def _largest(pairs: Sequence[Pair], variances: Mapping[str, float]) -> Floats:
    """The largest |z| of all pairs at the points of a lattice, were there no differences."""
    names = sorted({name for pair in pairs for name in pair})
    normals = _lattice(len(names)) * np.sqrt([variances[name] for name in names])
    at = {name: place for place, name in enumerate(names)}
    largest = np.zeros(len(normals))
    for first, second in pairs:
        error = (variances[first] + variances[second]) ** 0.5
        np.maximum(largest, np.abs(normals[:, at[first]] - normals[:, at[second]]) / error, out=largest)
    return largest


def _lattice(dimensions: int) -> Floats:
    """Independent normals at evenly spread points: Richtmyer's lattice of the roots of primes, folded to be smooth."""
    primes: list[int] = []
    number = 2
    while len(primes) < dimensions:
        if all(number % prime for prime in primes):
            primes.append(number)
        number += 1
    points = np.abs(2 * ((0.5 + np.arange(1, POINTS + 1)[:, None] * np.sqrt(primes)) % 1.0) - 1)
    return np.asarray(ndtri(np.clip(points, 1e-12, 1 - 1e-12)))
