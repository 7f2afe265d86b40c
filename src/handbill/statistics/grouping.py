"""The sums of one number a unit over each arm, for all arms at once."""

import numpy as np
from numpy.typing import NDArray

from handbill.statistics.joint import Joint
from handbill.statistics.samples import Sample

Floats = NDArray[np.float64]


def samples(place: NDArray[np.integer], x: Floats, arms: int) -> list[Sample]:
    """The sums of x over each arm, `place` being the arm of each unit."""
    counts = np.bincount(place, minlength=arms)
    sums = [np.bincount(place, weights=each, minlength=arms) for each in (x, x * x, x * x * x, x != 0)]
    return [
        Sample(int(counts[at]), *(float(each[at]) for each in sums[:3]), int(sums[3][at]))
        for at in range(arms)
    ]  # fmt: skip


def joints(place: NDArray[np.integer], y: Floats, x: Floats, arms: int) -> list[Joint]:
    """The sums of y and x over each arm, `place` being the arm of each unit."""
    yy, xx = y * y, x * x
    powers = (y, x, yy, y * x, xx, yy * y, yy * x, y * xx, xx * x)
    counts = np.bincount(place, minlength=arms)
    sums = [np.bincount(place, weights=each, minlength=arms) for each in (*powers, y != 0, x != 0)]
    return [
        Joint(int(counts[at]), *(float(each[at]) for each in sums[:9]), int(sums[9][at]), int(sums[10][at]))
        for at in range(arms)
    ]
