"""Where the borders lie that an experiment must cross at a planned look, and how often it crosses them."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from handbill.statistics.roots import crossing
from handbill.statistics.tails import normal_quantile

SOURCE = "Lan and DeMets, Biometrika 70, 1983, 659–663"

ALPHA = 0.025
"""One-sided; borders on both sides make it 0.05, up to the negligible chance of crossing both."""

FARTHEST = 38.0
"""A border that nothing ever crosses: beyond it a normal tail is zero in floats."""

REACH = 9.0
"""Standard deviations around a statistic's mean that are integrated over."""

NODES = 12
"""Gauss–Legendre points a panel; a panel is at most two standard deviations of the next step wide."""

Floats = NDArray[np.float64]
Spending = Callable[[float, float], float]
"""What may have been spent at an information fraction, of a total one-sided error."""


def obrien_fleming_type(fraction: float, alpha: float = ALPHA) -> float:
    """The one-sided error that may have been spent by an information fraction: very little early, all at the end.

    2 (1 − Φ(z(1 − α/2) / √fraction)); Lan and DeMets, Biometrika 70, 1983, 659–663.

    >>> round(obrien_fleming_type(0.5), 6)
    0.001525
    """
    if fraction >= 1:
        return alpha
    return 2 * float(ndtr(normal_quantile(alpha / 2) / math.sqrt(fraction)))


def borders(
    fractions: Sequence[float], *, alpha: float = ALPHA, spend: Spending = obrien_fleming_type, final: bool = False
) -> tuple[float, ...]:
    """The z that a result must exceed at each look; the fractions of the planned information grow.

    A fraction of 1 or more spends all that is left, as does the last one if it is `final`. Fractions are those that
    came about, which need not be those planned.

    >>> [round(z, 4) for z in borders([0.5, 1.0])]
    [2.9626, 1.9686]
    """
    if not fractions or fractions[0] <= 0 or any(b <= a for a, b in pairwise(fractions)):
        raise ValueError(f"the information at the looks must grow from above zero: {list(fractions)}")
    found: list[float] = []
    spent = 0.0
    for place, at in enumerate(_arrivals(fractions, found, None, 0.0)):
        last = final and place == len(fractions) - 1
        allowed = (alpha if last else spend(fractions[place], alpha)) - spent

        def excess(z: float, at: "_Arrivals" = at, allowed: float = allowed) -> float:
            return at.above(z) - allowed

        found.append(crossing(excess, 0.0, FARTHEST) if excess(FARTHEST) < 0 else FARTHEST)
        spent += at.above(found[-1])
    return tuple(found)


def crossing_probabilities(
    fractions: Sequence[float], upper: Sequence[float], *, drift: float = 0.0, lower: Sequence[float] | None = None
) -> tuple[float, ...]:
    """Chance of crossing the upper border first at each look, and no `lower` one before where they are given.

    `drift` is what z is expected to be at a fraction of 1. Recursion of Armitage, McPherson and Rowe, Journal of the
    Royal Statistical Society A 132, 1969, 235–244.

    >>> round(sum(crossing_probabilities([0.5, 1.0], [1.959964, 1.959964])), 4)  # two careless looks, one side
    0.0416
    """
    walk = _arrivals(fractions, upper, lower, drift)
    return tuple(at.above(limit) for at, limit in zip(walk, upper, strict=True))


class _Arrivals:
    """Where z may stand at a look, given that no border was crossed before: a weighted set of starting points."""

    def __init__(self, mean: float, deviation: float, starts: Floats, weights: Floats) -> None:
        self._mean, self._deviation = mean, deviation
        self._starts, self._weights = starts, weights

    def above(self, z: float) -> float:
        """Chance of getting here and standing above z."""
        return float(self._weights @ ndtr((self._starts + self._mean - z) / self._deviation))

    def density(self, z: Floats) -> Floats:
        """Density of getting here and standing at z."""
        steps = (z[:, None] - self._starts[None, :] - self._mean) / self._deviation
        kernel = np.exp(-(steps**2) / 2) / (self._deviation * math.sqrt(2 * math.pi))
        return np.asarray(
            (kernel * self._weights).sum(axis=1)
        )  # no matrix product: its threads cost more than they save


def _arrivals(
    fractions: Sequence[float], upper: Sequence[float], lower: Sequence[float] | None, drift: float
) -> Iterator[_Arrivals]:
    """The distribution of z at each look, among the experiments that go on that far.

    Between looks z √fraction moves by a normal step with the fractions' difference as its variance. A look's borders
    are read only when the next look is asked for, so that they may be found on the way.
    """
    at = _Arrivals(drift * math.sqrt(fractions[0]), 1.0, np.zeros(1), np.ones(1))
    yield at
    for place, (before, now) in enumerate(pairwise(fractions)):
        mean, kept, own = drift * math.sqrt(before), math.sqrt(before / now), math.sqrt((now - before) / now)
        high = min(upper[place], mean + REACH)
        low = max(lower[place] if lower is not None else -math.inf, mean - REACH)
        points, weights = _panels(low, high, own / kept)
        at = _Arrivals(drift * (now - before) / math.sqrt(now), own, points * kept, weights * at.density(points))
        yield at


def _panels(low: float, high: float, width: float) -> tuple[Floats, Floats]:
    """Points and weights of Gauss–Legendre quadrature from low to high, in panels no wider than `width` or 2."""
    if high <= low:
        return np.zeros(1), np.zeros(1)
    edges = np.linspace(low, high, max(2, math.ceil((high - low) / min(2 * width, 2.0)) + 1))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges)[:, None] / 2
    points = edges[:-1, None] + half * (nodes[None, :] + 1)
    return points.ravel(), (half * weights[None, :]).ravel()
