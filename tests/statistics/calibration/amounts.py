"""Skewed revenue, ratios, households and covariates: how often the truth is covered and nothing is found in nothing."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tests.statistics.calibration.scenes import Scene

from handbill.statistics.cuped import Covaried, compare_covaried
from handbill.statistics.joint import Joint
from handbill.statistics.means import compare_means
from handbill.statistics.ratios import compare_ratios
from handbill.statistics.samples import Comparison, Sample

Floats = NDArray[np.float64]


def _spending(random: Generator, n: int, rate: float = 0.05) -> tuple[Floats, Floats]:
    """Revenue and orders of those who bought anything, then zeros: lognormal orders, often more than one."""
    buyers = int(random.binomial(n, rate))
    revenue, orders = np.zeros(n), np.zeros(n)
    counts = random.geometric(0.7, buyers)
    starts = np.concatenate(([0], np.cumsum(counts)[:-1])).astype(np.intp)
    orders[:buyers] = counts
    revenue[:buyers] = np.add.reduceat(random.lognormal(3.5, 1.0, int(counts.sum())), starts)
    return revenue, orders


def _revenue(random: Generator, sizes: tuple[int, int]) -> Comparison:
    return compare_means(*(Sample.from_values(_spending(random, n)[0]) for n in sizes))


def _with_earlier(random: Generator, sizes: tuple[int, int]) -> Comparison:
    """Revenue with that of the year before taken out: four buyers in ten had bought before, as did others."""
    arms = []
    for n in sizes:
        y, before = _spending(random, n)[0], np.zeros(n)
        again = np.flatnonzero(y)
        again = again[random.random(again.size) < 0.4]
        before[again] = y[again] * random.lognormal(0, 0.7, again.size)
        others = np.flatnonzero((random.random(n) < 0.04) & (before == 0))
        before[others] = random.lognormal(3.5, 1.0, others.size)
        arms.append(Covaried(Joint.from_values(y, before), Sample()))
    return compare_covaried(*arms).result


def _order_value(random: Generator, sizes: tuple[int, int]) -> Comparison:
    return compare_ratios(*(Joint.from_values(*_spending(random, n)) for n in sizes))


def _households(random: Generator, sizes: tuple[int, int]) -> Comparison:
    """Homes of one to four members who share their mood; nobody was changed by anything."""
    arms = []
    for n in sizes:
        members = random.integers(1, 5, n)
        arms.append(Joint.from_values(random.binomial(members, random.beta(1, 9, n)), members))
    return compare_ratios(*arms)


def _covaried(random: Generator, sizes: tuple[int, int], effect: float) -> Comparison:
    """Spending that goes with earlier spending; a third is new."""
    arms = []
    for n, gain in zip(sizes, (0.0, effect), strict=True):
        before = random.exponential(10, n)
        y = 0.8 * before + random.exponential(6, n) + gain
        new = n // 3
        arms.append(Covaried(Joint.from_values(y[new:], before[new:]), Sample.from_values(y[:new])))
    return compare_covaried(*arms).result


def _uplift(result: Comparison) -> bool:
    """Whether a figure that is shown claims an uplift (one-sided, nominally 2.5 %)."""
    return result.low is not None and result.p_value is not None and result.low > 0


def _looks_like_uplift(result: Comparison) -> bool:
    """Whether even a rough interval lies above zero, though nothing is claimed of it."""
    return result.low is not None and result.low > 0


def _found(result: Comparison) -> bool:
    return result.p_value is not None and result.p_value < 0.05


def _covers(result: Comparison, truth: float) -> bool:
    return result.low is not None and result.high is not None and result.low <= truth <= result.high


SCENES = (
    Scene(
        "revenue, holdout of 2 % of 500,000: false uplift",
        "2.5 %",
        0.015,
        0.046,
        lambda random: _uplift(_revenue(random, (10_000, 490_000))),
        short=60,
        long=4000,
    ),
    Scene(
        "order value, holdout of 2 % of 500,000: false uplift",
        "2.5 %",
        0.015,
        0.046,
        lambda random: _uplift(_order_value(random, (10_000, 490_000))),
        short=60,
        long=4000,
    ),
    Scene(
        "revenue, holdout of 2 % of 100,000: rough interval above zero",
        "2.5 %",
        0.01,
        0.046,
        lambda random: _looks_like_uplift(_revenue(random, (2000, 98_000))),
        short=200,
        long=4000,
    ),
    Scene(
        "revenue, holdout of 10 % of 100,000: false uplift",
        "2.5 %",
        0.015,
        0.046,
        lambda random: _uplift(_revenue(random, (10_000, 90_000))),
        short=200,
        long=4000,
    ),
    Scene(
        "revenue, earlier revenue taken out, holdout of 2 % of 100,000: rough interval above zero",
        "2.5 %",
        0.01,
        0.046,
        lambda random: _looks_like_uplift(_with_earlier(random, (2000, 98_000))),
        short=100,
        long=4000,
    ),
    Scene(
        "revenue, earlier revenue taken out, holdout of 10 % of 100,000: false uplift",
        "2.5 %",
        0.015,
        0.046,
        lambda random: _uplift(_with_earlier(random, (10_000, 90_000))),
        short=100,
        long=4000,
    ),
    Scene(
        "revenue, holdout of 5 % of 100,000: false uplift",
        "2.5 %",
        0.015,
        0.046,
        lambda random: _uplift(_revenue(random, (5000, 95_000))),
        short=300,
    ),
    Scene(
        "revenue, 20,000 against 20,000: false finding",
        "5 %",
        0.035,
        0.06,
        lambda random: _found(_revenue(random, (20_000, 20_000))),
        short=300,
    ),
    Scene(
        "order value, holdout of 5 % of 100,000: false uplift",
        "2.5 %",
        0.015,
        0.046,
        lambda random: _uplift(_order_value(random, (5000, 95_000))),
        short=300,
    ),
    Scene(
        "order value, 20,000 against 20,000: false finding",
        "5 %",
        0.035,
        0.07,
        lambda random: _found(_order_value(random, (20_000, 20_000))),
        short=300,
    ),
    Scene(
        "buyers per person, 500 against 1,500 households: false finding",
        "5 %",
        0.04,
        0.06,
        lambda random: _found(_households(random, (500, 1500))),
        long=40_000,
    ),
    Scene(
        "CUPED, 1,000 against 1,000, a third of them new: coverage of an effect",
        "95 %",
        0.94,
        0.96,
        lambda random: _covers(_covaried(random, (1000, 1000), 1.0), 1.0),
        long=40_000,
    ),
    Scene(
        "CUPED, 400 against 4,000, a third of them new: coverage of an effect",
        "95 %",
        0.938,
        0.96,
        lambda random: _covers(_covaried(random, (400, 4000), 1.0), 1.0),
        long=40_000,
    ),
)
