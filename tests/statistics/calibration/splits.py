"""Splits, segments, waves, 2×2 designs and costs: alarms that are false, and truths that are covered."""

from numpy.random import Generator
from tests.statistics.calibration.scenes import Scene

from handbill.statistics.balance import check_balance, check_running_balance
from handbill.statistics.economics import cost_per_extra
from handbill.statistics.factorial import factorial_effects
from handbill.statistics.heterogeneity import Effect, compare_segments
from handbill.statistics.proportions import compare_proportions
from handbill.statistics.samples import Proportion
from handbill.statistics.strata import Stratum, compare_stratified

SHARES = {"A": 0.5, "B": 0.4, "holdout": 0.1}


def _alarm(random: Generator) -> bool:
    counts = random.multinomial(20_000, list(SHARES.values()))
    return check_balance(dict(zip(SHARES, counts.tolist(), strict=True)), SHARES).ok is False


def _running_alarm(random: Generator) -> bool:
    """50 looks while 20,000 arrive."""
    counts = random.multinomial(400, list(SHARES.values()), size=50).cumsum(axis=0)
    looks = (dict(zip(SHARES, row.tolist(), strict=True)) for row in counts)
    return any(check_running_balance(units, SHARES).ok is False for units in looks)


def _difference_found(random: Generator) -> bool:
    """Eight segments with the same effect."""
    errors = [0.002 * (1 + place) for place in range(8)]
    return compare_segments([Effect(random.normal(0.01, error), error) for error in errors]).p_value < 0.05


def _segment_covered(random: Generator, between: float, errors: list[float]) -> bool:
    """Segments whose effects truly vary; whether the interval of one, picked by chance, holds its own effect."""
    truth = random.normal(0.01, between, len(errors))
    segments = compare_segments(
        [Effect(random.normal(effect, error), error) for effect, error in zip(truth, errors, strict=True)]
    ).segments
    one = int(random.integers(len(errors)))
    return bool(segments[one].low <= truth[one] <= segments[one].high)


def _rate(random: Generator, n: int, rate: float) -> Proportion:
    return Proportion(int(random.binomial(n, rate)), of=n)


def _ramp_covered(random: Generator) -> bool:
    """Three waves in which the base rate falls while the new arm's share grows; a true effect of 1 point."""
    waves = ((9000, 1000, 0.09), (5000, 5000, 0.06), (1000, 9000, 0.03))
    strata = [Stratum(_rate(random, n, base), _rate(random, m, base + 0.01)) for n, m, base in waves]
    result = compare_stratified(strata)
    return result.low is not None and result.high is not None and result.low <= 0.01 <= result.high


def _interaction_found(random: Generator) -> bool:
    """Channels that add up, in arms of unequal sizes."""
    cells = ((2000, 0.02), (4000, 0.03), (3000, 0.04), (5000, 0.05))
    return factorial_effects(*(_rate(random, n, rate) for n, rate in cells)).interaction.tail.p_value < 0.05


def _cost_covered(random: Generator) -> bool:
    """A letter at 0.45 that wins 1 of 100: 45 each."""
    result = compare_proportions(_rate(random, 5000, 0.02), _rate(random, 20_000, 0.03))
    each = cost_per_extra(9000, 20_000, result)
    return each.low is not None and each.low <= 45 and (each.high is None or each.high >= 45)


SCENES = (
    Scene("split of three arms as declared: alarm", "0.1 %", 0.0005, 0.0015, _alarm, long=100_000),
    Scene("the same at 50 looks: alarm ever", "0.1 %", 0.0, 0.001, _running_alarm, short=100),
    Scene("eight segments alike: said to differ", "5 %", 0.045, 0.055, _difference_found, short=200, long=5000),
    Scene(
        "12 segments, differing more than their noise: a segment's interval covers",
        "95 %",
        0.935,
        0.965,
        lambda random: _segment_covered(random, 0.008, [0.005] * 12),
        short=200,
        long=4000,
    ),
    Scene(
        "12 segments, differing as much as their noise: a segment's interval covers",
        "95 %",
        0.935,
        0.965,
        lambda random: _segment_covered(random, 0.005, [0.005] * 12),
        short=200,
        long=4000,
    ),
    Scene(
        "6 segments of unequal sizes: a segment's interval covers",
        "95 %",
        0.935,
        0.97,
        lambda random: _segment_covered(random, 0.005, [0.002, 0.004, 0.01] * 2),
        short=200,
        long=4000,
    ),
    Scene("ramp over three waves, an effect of 1 point: coverage", "95 %", 0.943, 0.957, _ramp_covered, long=40_000),
    Scene("2×2, channels that add up: interaction found", "5 %", 0.043, 0.057, _interaction_found, long=40_000),
    Scene("cost of an extra buyer: covered", "95 %", 0.943, 0.957, _cost_covered, short=300),
)
