"""Where a rate probably lies, as points and weights to integrate over."""

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py

Floats = NDArray[np.float64]

REACH = 10
"""Standard deviations, on the angular scale, to either side of a posterior's centre that are integrated over."""

NODES = 16
"""Gauss–Legendre points between two breakpoints, which lie two standard deviations apart at most."""


def breakpoints(a: float, b: float) -> Floats:
    """Angles every two standard deviations around the posterior's centre."""
    centre, sd = math.atan2(math.sqrt(a), math.sqrt(b)), 0.5 / math.sqrt(a + b + 1)
    return np.asarray(centre + sd * np.arange(-REACH, REACH + 1, 2.0))


def grid(*breakpoints: Floats) -> tuple[Floats, Floats]:
    """Points and weights of Gauss–Legendre quadrature between all neighbouring breakpoints."""
    edges = np.unique(np.clip(np.concatenate(breakpoints), 0.0, np.pi / 2))
    nodes, weights = _legendre()[:2]
    half = np.diff(edges)[:, None] / 2
    points = edges[:-1, None] + half * (nodes[None, :] + 1)
    return points.ravel(), (half * weights[None, :]).ravel()


def density(angles: Floats, a: float, b: float) -> Floats:
    """The posterior's density on the angular scale, up to a factor; relative to its centre, so that digits survive."""
    centre = math.atan2(math.sqrt(a), math.sqrt(b))
    above = np.sin(angles - centre) * np.sin(angles + centre)  # rate − mean
    up, down = np.maximum(above * (a + b) / a, -1.0), np.maximum(-above * (a + b) / b, -1.0)
    return np.asarray(np.exp(xlog1py(a - 0.5, up) + xlog1py(b - 0.5, down)))


def cumulative(values: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """The integral of a function, given at the grid's points, up to each point and from each point on.

    Between two breakpoints it is that of the polynomial through the points there; both tails keep their digits.
    """
    nodes, unit_weights, below = _legendre()
    pieces = values.reshape(-1, nodes.size)
    half = weights.reshape(-1, nodes.size)[:, :1] / unit_weights[0]
    whole = half[:, 0] * (pieces @ unit_weights)
    before = np.concatenate(([0.0], np.cumsum(whole)[:-1]))
    after = np.concatenate((np.cumsum(whole[::-1])[::-1][1:], [0.0]))
    # By the symmetry of the points, what lies above a point is what lies below its mirror image.
    up_to = before[:, None] + half * (pieces @ below.T)
    beyond = after[:, None] + half * (pieces[:, ::-1] @ below.T)[:, ::-1]
    return np.maximum(up_to, 0.0).ravel(), np.maximum(beyond, 0.0).ravel()


@cache
def _legendre() -> tuple[Floats, Floats, Floats]:
    """Points and weights between −1 and 1, and the matrix that integrates from −1 up to each point."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    polynomials = np.polynomial.legendre.legvander(nodes, NODES)
    integrals = [nodes + 1]
    integrals += [(polynomials[:, k + 1] - polynomials[:, k - 1]) / (2 * k + 1) for k in range(1, NODES)]
    factors = (np.arange(NODES) + 0.5)[:, None] * polynomials[:, :NODES].T * weights
    return nodes, weights, np.stack(integrals, axis=1) @ factors
