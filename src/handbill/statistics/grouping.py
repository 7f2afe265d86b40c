"""The sums of one number a unit over each arm, for all arms at once."""

import numpy as np
from numpy.typing import NDArray

from handbill.statistics.joint import Joint, joint_of
from handbill.statistics.samples import Sample

Floats = NDArray[np.float64]


def samples(place: NDArray[np.integer], x: Floats, arms: int) -> list[Sample]:
    """The sums of x over each arm, `place` being the arm of each unit."""
    counts = np.bincount(place, minlength=arms)
    sums = [np.bincount(place, weights=each, minlength=arms) for each in (x, x * x, x * x * x, x != 0)]
    totals, squares, cubes, buyers = (each.tolist() for each in sums)
    return [Sample(int(counts[at]), totals[at], squares[at], cubes[at], int(buyers[at])) for at in range(arms)]


def joints(place: NDArray[np.integer], y: Floats, x: Floats, arms: int) -> list[Joint]:
    """The sums of y and x over each arm, `place` being the arm of each unit."""
    yy, xx = y * y, x * x
    powers = (y, x, yy, y * x, xx, yy * y, yy * x, y * xx, xx * x)
    counts = np.bincount(place, minlength=arms)
    sums = [np.bincount(place, weights=each, minlength=arms) for each in (*powers, y != 0, x != 0)]
    names = ("y", "x", "yy", "yx", "xx", "yyy", "yyx", "yxx", "xxx")
    found = []
    for at in range(arms):
        by_name = {name: float(each[at]) for name, each in zip(names, sums, strict=False)}
        found.append(joint_of(int(counts[at]), by_name, buyers=int(sums[9][at]), active=int(sums[10][at])))
    return found
