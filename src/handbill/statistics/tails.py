"""How improbable a test statistic is, with tails that never vanish into zero."""

import math
import sys
from typing import NamedTuple

from scipy.special import betaln, log_ndtr, ndtri, stdtr, stdtrit

SMALLEST_P = sys.float_info.min
"""The floor of every p-value (2.2e-308): a smaller one is given by its logarithm only, never as zero."""


class Tail(NamedTuple):
    """A two-sided p-value and its decimal logarithm, which stays exact below the smallest float."""

    p_value: float
    log10_p_value: float


def from_logarithm(log_p: float) -> Tail:
    """The p-value whose natural logarithm is `log_p`, floored at `SMALLEST_P`."""
    log_p = min(log_p, 0.0)
    return Tail(max(math.exp(log_p), SMALLEST_P), log_p / math.log(10))


def two_sided_normal(z: float) -> Tail:
    """P(|Z| ≥ |z|) for a standard normal Z.

    >>> round(two_sided_normal(1.959964).p_value, 6)
    0.05
    >>> round(two_sided_normal(1000.0).log10_p_value)
    -217150
    """
    log_p = math.log(2) + float(log_ndtr(-abs(z)))
    exact = math.erfc(abs(z) / math.sqrt(2))
    return from_logarithm(log_p) if exact < SMALLEST_P else Tail(exact, min(log_p, 0.0) / math.log(10))


def two_sided_t(t: float, df: float) -> Tail:
    """P(|T| ≥ |t|) for Student's T with `df` degrees of freedom, which need not be whole.

    >>> round(two_sided_t(1.860813, 17.77647).p_value, 5)  # Student's sleep data
    0.07939
    """
    p_value = 2 * float(stdtr(df, -abs(t)))
    if p_value > SMALLEST_P / sys.float_info.epsilon:
        return Tail(min(p_value, 1.0), math.log10(min(p_value, 1.0)))
    return from_logarithm(_log_t_tail(abs(t), df))


def normal_quantile(probability: float) -> float:
    """The value that a standard normal stays below with this probability."""
    return float(ndtri(probability))


def t_quantile(probability: float, df: float) -> float:
    """The value that Student's T stays below with this probability."""
    return float(stdtrit(df, probability))


def _log_t_tail(t: float, df: float) -> float:
    """Natural logarithm of P(|T| ≥ t) = I_x(df/2, 1/2), x = df/(df + t²), by its continued fraction (DLMF 8.17.22)."""
    a, b = df / 2, 0.5
    log_x = -math.log1p(t * t / df)
    x, one_less_x = math.exp(log_x), t * t / (df + t * t)
    front = a * log_x + b * math.log(one_less_x) - math.log(a) - float(betaln(a, b))
    return front + math.log(_continued_fraction(a, b, x))


def _continued_fraction(a: float, b: float, x: float) -> float:
    """The fraction of DLMF 8.17.22 by Lentz's method; far in a tail it settles within some dozens of steps."""
    value, c, d = 1.0, 1.0, 0.0
    for step in range(1, 10_000):
        m = step // 2
        if step % 2:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        c, d = 1 + term / c, 1 / (1 + term * d)
        value *= c * d
        if abs(c * d - 1) < sys.float_info.epsilon:
            break
    return 1 / value
