"""Where a statistic reaches a value: the ends of the intervals that have no closed form."""

import math
from collections.abc import Callable

STEPS = 200
"""More than plain halving needs to bring any bracket down to the spacing of floats."""

NOISE = 1e-13
"""What rounding leaves of a test statistic that should be zero."""


def crossing(function: Callable[[float], float], start: float, end: float) -> float:
    """A point between `start` and `end` where `function` changes its sign, to the precision of floats.

    The function must have opposite signs at the two ends (either may be infinite there). False position in the
    Illinois variant (Dowell and Jarratt, BIT 11, 1971, 168–174), with a halving wherever three steps have not
    halved the bracket, so that it is fast on smooth functions and cannot stall on others.
    """
    at_start, at_end = function(start), function(end)
    if at_start == 0 or at_end == 0:
        return start if at_start == 0 else end
    if (at_start > 0) == (at_end > 0):
        raise ValueError(f"no change of sign between {start} and {end}")
    return _between(function, (start, at_start), (end, at_end))


def falling_crossing(
    function: Callable[[float], float], guess: float, step: float, limits: tuple[float, float]
) -> float:
    """Where a falling function becomes negative, which is probably near `guess`: the limit, if it never does so.

    Steps away from the guess double until the function has changed its sign. Meant for test statistics: values
    below `NOISE` are zero.
    """
    at = min(max(guess, limits[0]), limits[1])
    value = function(at)
    while True:
        limit = limits[1] if value > 0 else limits[0]
        if at == limit or value == 0:
            return at
        beyond = min(at + step, limit) if value > 0 else max(at - step, limit)
        there = function(beyond)
        if (there > 0) != (value > 0):
            return _between(function, (at, value), (beyond, there), NOISE) if there else beyond
        at, value, step = beyond, there, 2 * step


def _between(
    function: Callable[[float], float], start: tuple[float, float], end: tuple[float, float], noise: float = 0.0
) -> float:
    """The crossing between two points at which the function's values have opposite signs."""
    (a, at_a), (b, at_b) = start, end
    width = math.inf
    for step in range(STEPS):
        halve = math.isinf(at_a) or math.isinf(at_b)
        if step % 3 == 2:
            halve, width = halve or abs(b - a) > width / 2, abs(b - a)
        middle = (a + b) / 2 if halve else b - at_b * (b - a) / (at_b - at_a)
        if not min(a, b) < middle < max(a, b):
            middle = (a + b) / 2
        value = function(middle)
        if abs(value) <= noise or middle in (a, b) or abs(b - a) <= 1e-15 * abs(middle) + 1e-19:
            return middle
        if (value > 0) == (at_b > 0):
            b, at_b, at_a = middle, value, at_a if halve else at_a / 2
        else:
            a, at_a, b, at_b = b, at_b, middle, value
    return (a + b) / 2
