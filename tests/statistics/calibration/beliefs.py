"""Beliefs: how often posteriors hold the truth, and what shares that follow the clicks find that is not there."""

from numpy.random import Generator
from tests.statistics.calibration.scenes import Scene

from handbill.statistics.bandit import bandit_shares
from handbill.statistics.contrasts import compare_aggregates
from handbill.statistics.posteriors import Prior, compare_believed
from handbill.statistics.samples import Comparison, Proportion
from handbill.statistics.strata import Stratum, compare_learned

PRIOR = Prior(effect=0.002, spread=0.005)


def _arm(random: Generator, n: int, rate: float) -> Proportion:
    return Proportion(int(random.binomial(n, rate)), of=n)


def _learned(random: Generator, effect: float, base: float = 0.10) -> Comparison:
    """Six waves of 2,000 whose shares follow all clicks before, read within waves; the base rate falls from each."""
    seen = {"A": Proportion(), "B": Proportion()}
    waves = []
    for wave in range(6):
        share = bandit_shares(seen).total["B"] if wave else 0.5
        many = int(random.binomial(2000, share))
        rate = base * (1 - 0.05 * wave)
        found = Stratum(_arm(random, 2000 - many, rate), _arm(random, many, rate + effect))
        waves.append(found)
        seen = {"A": seen["A"] + found.control, "B": seen["B"] + found.treatment}
    return compare_learned(waves, [2000] * 6)


def _false_difference(random: Generator) -> bool:
    p_value = _learned(random, 0.0).p_value
    return p_value is not None and p_value < 0.05


def _believed(random: Generator, base: float, effect: float, prior: Prior | None) -> Comparison:
    control, arm = _arm(random, 4000, base), _arm(random, 6000, base + effect)
    plain = compare_aggregates(control, arm, confidence=0.95)
    return compare_believed(control, arm, plain, confidence=0.95, prior=prior)


def _from_the_prior(random: Generator) -> bool:
    effect = random.normal(PRIOR.effect, PRIOR.spread)
    return _covers(_believed(random, 0.08, effect, PRIOR), effect)


def _from_anywhere(random: Generator) -> bool:
    base, other = random.random(2)
    return _covers(_believed(random, base, other - base, None), other - base)


def _better_as_often_as_said(random: Generator) -> bool:
    """Where the chance to be better was called 80 to 90 %: whether it was. Draws until there is such a case."""
    while True:
        effect = random.normal(PRIOR.effect, PRIOR.spread)
        chance = _believed(random, 0.08, effect, PRIOR).probability_to_beat_control
        if chance is not None and 0.8 <= chance <= 0.9:
            return bool(effect > 0)


def _covers(result: Comparison, truth: float) -> bool:
    return result.low is not None and result.high is not None and result.low <= truth <= result.high


SCENES = (
    Scene("a bandit's six waves, versions alike: false finding", "5 %", 0.043, 0.057, _false_difference, short=100),
    Scene(
        "a bandit's six waves, an effect of 2 points: coverage",
        "95 %",
        0.943,
        0.957,
        lambda random: _covers(_learned(random, 0.02), 0.02),
        short=100,
    ),
    Scene("effects as the prior says: a belief's interval covers", "95 %", 0.944, 0.956, _from_the_prior, short=200),
    Scene("any two rates: a belief's interval covers", "95 %", 0.944, 0.956, _from_anywhere, short=20, long=2000),
    Scene(
        "chance to be better of 80 to 90 %: it is better",
        "80 to 90 %",
        0.8,
        0.9,
        _better_as_often_as_said,
        short=60,
        long=2000,
    ),
)
