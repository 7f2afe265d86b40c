"""Posteriors: exact at every size, symmetric, and consistent with their own means."""

import math

import pytest

from handbill.statistics.bayesian import effect_verdict, posterior_effect, rates_verdict
from handbill.statistics.samples import Proportion


def test_identical_arms_beat_each_other_half_the_time() -> None:
    verdict = rates_verdict(Proportion(50, of=1000), Proportion(50, of=1000))

    assert verdict.probability_to_beat_control == pytest.approx(0.5, abs=1e-13)
    assert verdict.expected_loss == pytest.approx(verdict.expected_loss_of_control)


def test_two_empty_arms_beat_each_other_half_the_time() -> None:
    verdict = rates_verdict(Proportion(), Proportion())

    assert verdict.probability_to_beat_control == pytest.approx(0.5)
    assert verdict.expected_loss == pytest.approx(1 / 6)


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (Proportion(0, of=10), Proportion(1, of=10)),
        (Proportion(45, of=5000), Proportion(1140, of=95_000)),
        (Proportion(10**6, of=10**9), Proportion(10**6 + 1000, of=10**9)),
        (Proportion(0, of=10**9), Proportion(10**9, of=10**9)),
        (Proportion(3, of=4), Proportion(10**5, of=10**9)),
    ],
)
def test_the_losses_differ_by_the_difference_of_the_posterior_means(control: Proportion, treatment: Proportion) -> None:
    """E[max(B − A, 0)] − E[max(A − B, 0)] = E[B] − E[A], exactly."""
    verdict = rates_verdict(control, treatment)

    mean_a, mean_b = ((arm.successes + 1) / (arm.of + 2) for arm in (control, treatment))
    assert verdict.expected_loss_of_control - verdict.expected_loss == pytest.approx(mean_b - mean_a, rel=1e-7)
    assert 0 <= verdict.probability_to_beat_control <= 1
    assert verdict.expected_loss >= 0


def test_a_billion_contacts_agree_with_the_normal_limit() -> None:
    n, x, y = 10**9, 3 * 10**8, 3 * 10**8 + 20_000

    verdict = rates_verdict(Proportion(x, of=n), Proportion(y, of=n))

    z = (y - x) / math.sqrt(x * (n - x) / n + y * (n - y) / n)
    assert verdict.probability_to_beat_control == pytest.approx(0.5 * math.erfc(-z / math.sqrt(2)), abs=1e-8)


def test_jeffreys_prior_with_no_conversions_stays_exact() -> None:
    """With posteriors Beta(½, ½): two arcsine laws, symmetric."""
    verdict = rates_verdict(Proportion(), Proportion(), prior=(0.5, 0.5))

    assert verdict.probability_to_beat_control == pytest.approx(0.5)
    assert verdict.expected_loss == pytest.approx(2 / math.pi**2, rel=1e-9)  # ½ E|A − B| of two arcsine laws


def test_a_prior_with_a_pole_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^the parameters of a beta prior must be at least 0\.5 here$"):
        rates_verdict(Proportion(), Proportion(), prior=(0.1, 1))


def test_an_effect_of_nothing_is_a_coin_toss() -> None:
    verdict = effect_verdict(0.0, 2.0)

    assert verdict.probability_to_beat_control == 0.5
    assert verdict.expected_loss == pytest.approx(2 / math.sqrt(2 * math.pi))


@pytest.mark.parametrize("mean", [-500.0, -3.0, 0.2, 40.0, 1e6])
def test_the_losses_of_an_effect_differ_by_its_mean(mean: float) -> None:
    verdict = effect_verdict(mean, 1.0)

    assert verdict.expected_loss_of_control - verdict.expected_loss == pytest.approx(mean)
    assert min(verdict.expected_loss, verdict.expected_loss_of_control) >= 0


def test_a_prior_pulls_the_effect_towards_itself() -> None:
    assert posterior_effect(4.0, 1.0, prior=(0.0, 1.0)) == pytest.approx((2.0, math.sqrt(0.5)))
