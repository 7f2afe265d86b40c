"""Posteriors of a difference: what draws from them say, at every size, and right as often as promised."""

import math

import numpy as np
import pytest

from handbill.statistics.contrasts import Aggregate, compare_aggregates
from handbill.statistics.posteriors import Prior, compare_believed, rates_interval, ratio_interval
from handbill.statistics.samples import Comparison, Proportion, Sample
from handbill.statistics.tails import normal_quantile

ARMS = [
    (Proportion(16, of=94), Proportion(25, of=96)),
    (Proportion(0, of=10), Proportion(3, of=12)),
    (Proportion(10, of=10), Proportion(0, of=10)),
    (Proportion(3, of=2_000), Proportion(1_000, of=95_000)),
    (Proportion(1, of=10), Proportion(10**6, of=10**9)),
    (Proportion(), Proportion()),
]


def _believed(
    control: Aggregate, treatment: Aggregate, *, confidence: float = 0.95, prior: Prior | None = None
) -> Comparison:
    plain = compare_aggregates(control, treatment, confidence=confidence)
    return compare_believed(control, treatment, plain, confidence=confidence, prior=prior)


@pytest.mark.parametrize(("control", "treatment"), ARMS)
def test_the_interval_of_two_rates_is_that_of_draws_from_their_posteriors(
    control: Proportion, treatment: Proportion
) -> None:
    random = np.random.default_rng(7)
    base, other = (random.beta(arm.successes + 1, arm.of - arm.successes + 1, 400_000) for arm in (control, treatment))

    low, high = rates_interval(control, treatment, 0.9)
    below, above = ((other - base <= bound).mean() for bound in (low, high))
    assert (below, above) == pytest.approx((0.05, 0.95), abs=0.0025)

    low, high = ratio_interval(control, treatment, 0.9)
    below, above = ((other / base <= bound).mean() for bound in (low, high))
    assert (below, above) == pytest.approx((0.05, 0.95), abs=0.0025)


@pytest.mark.parametrize(("control", "treatment"), ARMS)
def test_arms_that_change_places_turn_the_interval_round(control: Proportion, treatment: Proportion) -> None:
    low, high = rates_interval(control, treatment, 0.95)

    assert rates_interval(treatment, control, 0.95) == pytest.approx((-high, -low), abs=1e-9)


def test_the_interval_leaves_out_zero_where_the_chance_is_beyond_its_tail() -> None:
    """So the interval and the probability always say the same."""
    control = Proportion(500, of=10_000)
    for successes in range(530, 600, 5):
        found = _believed(control, Proportion(successes, of=10_000))
        assert found.low is not None
        assert found.probability_to_beat_control is not None
        assert (found.low > 0) == (found.probability_to_beat_control > 0.975)
        assert found.p_value is None


def test_a_billion_contacts_with_hardly_a_conversion_have_an_answer() -> None:
    found = _believed(Proportion(0, of=10**9), Proportion(0, of=10))

    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.high < 0.3
    assert found.relative_high is not None
    assert math.isfinite(found.relative_high)


def test_rates_drawn_from_the_prior_lie_in_the_interval_as_often_as_it_says() -> None:
    random = np.random.default_rng(11)
    covered = 0
    for _ in range(500):
        base, other = random.random(2)
        control, treatment = (Proportion(int(random.binomial(40, rate)), of=40) for rate in (base, other))
        low, high = rates_interval(control, treatment, 0.8)
        covered += low <= other - base <= high

    assert covered == pytest.approx(400, abs=3 * math.sqrt(500 * 0.8 * 0.2))


def test_effects_drawn_from_a_declared_prior_lie_in_the_interval_as_often_as_it_says() -> None:
    random, prior = np.random.default_rng(12), Prior(effect=0.5, spread=1.0)
    covered = 0
    for _ in range(400):
        effect = random.normal(prior.effect, prior.spread)
        base, other = (Sample.from_values(random.normal(mean, 10, 300)) for mean in (20, 20 + effect))
        found = _believed(base, other, confidence=0.8, prior=prior)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= effect <= found.high

    assert covered == pytest.approx(320, abs=3 * math.sqrt(400 * 0.8 * 0.2))


def test_a_sceptical_prior_draws_the_effect_towards_nothing() -> None:
    control, treatment = Proportion(500, of=10_000), Proportion(600, of=10_000)
    flat, declared = _believed(control, treatment), _believed(control, treatment, prior=Prior(0.0, 0.005))

    assert flat.difference == pytest.approx(0.01, rel=1e-3)
    error = math.sqrt(0.05 * 0.95 / 10_000 + 0.06 * 0.94 / 10_000)
    weight = 0.005**2 / (0.005**2 + error**2)
    sd = math.sqrt(weight) * error
    reach = normal_quantile(0.975) * sd
    expected = (0.01 * weight, 0.01 * weight - reach, 0.01 * weight + reach)
    assert (declared.difference, declared.low, declared.high) == pytest.approx(expected, rel=2e-2)
    assert declared.relative_low is None


def test_what_cannot_be_tested_is_not_believed_either() -> None:
    few = Sample(n=1_000, total=200.0, squares=9_000.0, cubes=400_000.0, buyers=5)
    plain = compare_aggregates(few, few)
    found = compare_believed(few, few, plain, confidence=0.95)

    assert plain.reasons
    assert found.reasons == plain.reasons
    assert found.probability_to_beat_control is None


def test_an_empty_arm_has_no_difference() -> None:
    found = _believed(Proportion(), Proportion(3, of=10))

    assert found.difference is None
    assert found.reasons


def test_arms_that_did_alike_are_drawn_to_what_the_prior_says() -> None:
    found = _believed(Proportion(30, of=1000), Proportion(30, of=1000), prior=Prior(0.005, 0.002))

    assert found.difference is not None
    assert 0 < found.difference < 0.005
    assert found.relative == pytest.approx(found.difference / 0.03)
