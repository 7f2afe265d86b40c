"""Where a statistic reaches a value: the ends of the intervals that have no closed form."""

import math
from collections.abc import Callable

STEPS = 200
"""More than plain halving needs to bring any bracket down to the spacing of floats."""


def crossing(function: Callable[[float], float], start: float, end: float) -> float:
    """A point between `start` and `end` where `function` changes its sign, to the precision of floats.

    The function must have opposite signs at the two ends (either may be infinite there). False position in the
    Illinois variant (Dowell and Jarratt, BIT 11, 1971, 168–174) with every third step a halving, so that it is
    fast on smooth functions and cannot stall on others.
    """
    a, b = start, end
    at_a, at_b = function(a), function(b)
    if at_a == 0 or at_b == 0:
        return a if at_a == 0 else b
    if (at_a > 0) == (at_b > 0):
        raise ValueError(f"no change of sign between {start} and {end}")
    for step in range(STEPS):
        halve = step % 3 == 2 or math.isinf(at_a) or math.isinf(at_b)
        middle = (a + b) / 2 if halve else b - at_b * (b - a) / (at_b - at_a)
        if not min(a, b) < middle < max(a, b):
            middle = (a + b) / 2
        value = function(middle)
        if value == 0 or middle in (a, b) or abs(b - a) <= 1e-15 * abs(middle) + 1e-19:
            return middle
        if (value > 0) == (at_b > 0):
            b, at_b, at_a = middle, value, at_a if halve else at_a / 2
        else:
            a, at_a, b, at_b = b, at_b, middle, value
    return (a + b) / 2
