"""Several arms and guardrails: how often anything is claimed that is not so."""

from numpy.random import Generator
from tests.statistics.calibration.scenes import Scene

from handbill.statistics.guardrails import guard_ceiling, guard_rate
from handbill.statistics.proportions import compare_proportions
from handbill.statistics.rollout import Stage, claim_winner
from handbill.statistics.samples import Proportion
from handbill.statistics.simultaneous import adjust_together, confidence_of_each

PAIRS = [("A", "none"), ("B", "none"), ("C", "none")]
SIZES = {"A": 8000, "B": 4000, "C": 4000, "none": 2000}
RATES = {"A": 0.06, "B": 0.05, "C": 0.055, "none": 0.05}


def _arms(random: Generator, rates: dict[str, float]) -> dict[str, Proportion]:
    return {name: Proportion(int(random.binomial(n, rates[name])), of=n) for name, n in SIZES.items()}


def _any_claim(random: Generator) -> bool:
    arms = _arms(random, dict.fromkeys(SIZES, 0.05))
    p_values = [compare_proportions(arms[control], arms[arm]).p_value for arm, control in PAIRS]
    adjusted = adjust_together(p_values, PAIRS, {name: 1 / n for name, n in SIZES.items()})
    return min(p for p in adjusted if p is not None) < 0.05


def _all_covered(random: Generator) -> bool:
    arms = _arms(random, RATES)
    variances = {name: arm.rate * (1 - arm.rate) / arm.of for name, arm in arms.items()}
    each = confidence_of_each(PAIRS, variances)
    for arm, control in PAIRS:
        result = compare_proportions(arms[control], arms[arm], confidence=each)
        assert result.low is not None
        assert result.high is not None
        if not result.low <= RATES[arm] - RATES[control] <= result.high:
            return False
    return True


def _unsubscribes(random: Generator, rate: float) -> str:
    """Against a reference of 20,000 with 0.3 % unsubscribes, a margin of 0.1 points."""
    reference, arm = (Proportion(int(random.binomial(20_000, p)), of=20_000) for p in (0.003, rate))
    return guard_rate(reference, arm, 0.001).verdict


def _complaints(random: Generator) -> bool:
    return guard_ceiling(Proportion(int(random.binomial(30_000, 0.001)), of=30_000), 0.001).verdict != "not shown"


def _winner_claimed(random: Generator) -> bool:
    """Three versions with 20 % of 40,000, a holdout of 10 %; the best is sent to the rest. Nothing has an effect."""

    def arm(n: int) -> Proportion:
        return Proportion(int(random.binomial(n, 0.03)), of=n)

    versions = {name: arm(2400) for name in "ABC"}
    winner = max("ABC", key=lambda name: versions[name].rate)
    return claim_winner(winner, Stage(arm(800), versions), Stage(arm(3200), {winner: arm(28_800)})).proven is True


SCENES = (
    Scene("roll-out of the best of three: false claim", "2.5 %", 0.015, 0.031, _winner_claimed, long=20_000),
    Scene("three arms, unequal: any false claim after Dunnett", "5 %", 0.042, 0.056, _any_claim, short=300),
    Scene("three arms, unequal: all intervals cover at once", "95 %", 0.944, 0.957, _all_covered, short=300),
    Scene(
        "guardrail: called safe right at the margin",
        "2.5 %",
        0.018,
        0.031,
        lambda random: _unsubscribes(random, 0.004) == "safe",
        long=40_000,
    ),
    Scene(
        "guardrail: called harmful right at the margin",
        "2.5 %",
        0.018,
        0.031,
        lambda random: _unsubscribes(random, 0.004) == "harmful",
        long=40_000,
    ),
    Scene("ceiling: called safe or harmful right at it", "5 %", 0.025, 0.05, _complaints, long=40_000),
)
