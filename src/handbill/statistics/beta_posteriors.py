"""Where a rate probably lies, as points and weights to integrate over."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlog1py

Floats = NDArray[np.float64]

REACH = 14
"""Standard deviations, on the angular scale, to either side of a posterior's centre that are integrated over."""

NODES = 20
"""Gauss–Legendre points between two breakpoints, which lie two standard deviations apart at most."""


def breakpoints(a: float, b: float) -> Floats:
    """Angles every two standard deviations around the posterior's centre."""
    centre, sd = math.atan2(math.sqrt(a), math.sqrt(b)), 0.5 / math.sqrt(a + b + 1)
    return np.asarray(centre + sd * np.arange(-REACH, REACH + 1, 2.0))


def grid(*breakpoints: Floats) -> tuple[Floats, Floats]:
    """Points and weights of Gauss–Legendre quadrature between all neighbouring breakpoints."""
    edges = np.unique(np.clip(np.concatenate(breakpoints), 0.0, np.pi / 2))
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges)[:, None] / 2
    points = edges[:-1, None] + half * (nodes[None, :] + 1)
    return points.ravel(), (half * weights[None, :]).ravel()


def density(angles: Floats, a: float, b: float) -> Floats:
    """The posterior's density on the angular scale, up to a factor; relative to its centre, so that digits survive."""
    centre = math.atan2(math.sqrt(a), math.sqrt(b))
    above = np.sin(angles - centre) * np.sin(angles + centre)  # rate − mean
    up, down = np.maximum(above * (a + b) / a, -1.0), np.maximum(-above * (a + b) / b, -1.0)
    return np.asarray(np.exp(xlog1py(a - 0.5, up) + xlog1py(b - 0.5, down)))
