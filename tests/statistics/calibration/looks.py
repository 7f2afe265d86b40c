"""Looking early: how often careless looks, planned looks and looks at any time find what is not there."""

import math
from functools import cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from tests.statistics.calibration.scenes import Scene

from handbill.statistics.confidence_sequences import compare_any_time
from handbill.statistics.proportions import pooled_z
from handbill.statistics.samples import Proportion
from handbill.statistics.sequential import Decision, Look, decide
from handbill.statistics.spending import borders

Counts = NDArray[np.int64]


def _growing(random: Generator, looks: int, per_look: tuple[int, int], rates: tuple[float, float]) -> list[Counts]:
    """Converters of control and treatment up to each look."""
    return [random.binomial(n, rate, looks).cumsum() for n, rate in zip(per_look, rates, strict=True)]


def _arms(counts: list[Counts], look: int, per_look: tuple[int, int]) -> tuple[Proportion, Proportion]:
    first, second = (Proportion(int(count[look]), of=n * (look + 1)) for count, n in zip(counts, per_look, strict=True))
    return first, second


def _careless(random: Generator) -> bool:
    """100 looks at the plain test."""
    per_look, counts = (200, 200), _growing(random, 100, (200, 200), (0.05, 0.05))
    arms = (_arms(counts, look, per_look) for look in range(100))
    return any(abs(pooled_z(*pair) or 0.0) > 1.96 for pair in arms if pair[0].successes > 9)


def _any_time(random: Generator, per_look: tuple[int, int], truth: float = 0.0) -> bool:
    """100 looks at the confidence sequence: whether it ever excluded the truth."""
    counts = _growing(random, 100, per_look, (0.05, 0.05 + truth))
    for look in range(100):
        result = compare_any_time(*_arms(counts, look, per_look), 100 * sum(per_look))
        if result.low is not None and result.high is not None and not result.low <= truth <= result.high:
            return True
    return False


def _false_finding(random: Generator, looks: int, per_look: tuple[int, int]) -> bool:
    """Whether a border was crossed at any of the planned looks."""
    counts, limits = _growing(random, looks, per_look, (0.05, 0.05)), _borders(looks)
    return any(abs(pooled_z(*_arms(counts, look, per_look)) or 0.0) >= limits[look] for look in range(looks))


@cache
def _borders(looks: int) -> tuple[float, ...]:
    return borders([(look + 1) / looks for look in range(looks)])


def _planned(random: Generator, looks: int, per_look: tuple[int, int], truth: float = 0.0) -> Decision:
    counts = _growing(random, looks, per_look, (0.05, 0.05 + truth))
    seen: list[Look] = []
    for look in range(looks):
        arms = _arms(counts, look, per_look)
        seen.append(Look((look + 1) / looks, pooled_z(*arms) or 0.0))
        error = math.sqrt(sum(arm.rate * (1 - arm.rate) / arm.of for arm in arms))
        decision = decide(seen, error)
        if decision.ended:
            break
    return decision


def _covered(decision: Decision, truth: float) -> bool:
    return decision.low is not None and decision.high is not None and decision.low <= truth <= decision.high


SCENES = (
    Scene("100 careless looks, 200 a look and arm: false alarm", "5 %", 0.33, 0.42, _careless, short=100, long=4000),
    Scene(
        "100 looks at any time, 200 a look and arm: false alarm ever",
        "5 %",
        0.005,
        0.05,
        lambda random: _any_time(random, (200, 200)),
        short=200,
        long=4000,
    ),
    Scene(
        "100 looks at any time, 100 against 900 a look: false alarm ever",
        "5 %",
        0.005,
        0.05,
        lambda random: _any_time(random, (100, 900)),
        short=100,
        long=4000,
    ),
    Scene(
        "100 looks at any time, an effect of 1 point: truth ever left out",
        "5 %",
        0.005,
        0.05,
        lambda random: _any_time(random, (200, 200), 0.01),
        short=100,
        long=4000,
    ),
    Scene(
        "2 planned looks, 5,000 a look and arm: false finding",
        "5 %",
        0.044,
        0.056,
        lambda random: _false_finding(random, 2, (5000, 5000)),
        long=40_000,
    ),
    Scene(
        "4 planned looks, 1,000 against 4,000 a look: false finding",
        "5 %",
        0.043,
        0.057,
        lambda random: _false_finding(random, 4, (1000, 4000)),
        long=40_000,
    ),
    Scene(
        "2 planned looks, an effect of 1 point: coverage",
        "95 %",
        0.942,
        0.957,
        lambda random: _covered(_planned(random, 2, (5000, 5000), 0.01), 0.01),
        short=100,
    ),
    Scene(
        "2 planned looks, an effect of 1 point: estimate above the truth",
        "50 %",
        0.48,
        0.52,
        lambda random: (_planned(random, 2, (5000, 5000), 0.01).estimate or 0.0) > 0.01,
        short=100,
    ),
)
