"""Means: skew, unequal arms, few buyers and every degenerate sample."""

import math

import numpy as np
import pytest

from handbill.errors import NotMeasurable
from handbill.statistics.fieller import fieller_bound
from handbill.statistics.means import HALL, WELCH, compare_means, hall, variance_of_mean, welch
from handbill.statistics.samples import Sample
from handbill.statistics.studentised import Studentised, skewed, symmetric, without_skew

_FEW_BUYERS = (
    "Revenue is not testable with under 200 buyers in an arm (the control has {}, this arm {}): "
    "use conversion. The interval is only rough."
)


def test_a_comparison_of_many_buyers_has_an_interval_and_a_p_value() -> None:
    random = np.random.default_rng(1)
    control, treatment = (_orders(random, 5000, 0.1, 50 + more) for more in (0, 5))

    result = compare_means(control, treatment)

    assert result.method == WELCH
    assert result.low is not None
    assert result.difference is not None
    assert result.high is not None
    assert result.low < result.difference < result.high
    assert result.p_value is not None
    assert result.reasons == ()


def test_fewer_than_two_hundred_buyers_give_a_rough_interval_but_no_p_value() -> None:
    result = compare_means(
        Sample.from_values(np.array([50.0, 70.0] * 251 + [0.0] * 4498)),
        Sample.from_values(np.array([60.0] * 199 + [0.0] * 4801)),
    )

    assert result.low is not None
    assert (result.p_value, result.log10_p_value) == (None, None)
    assert result.reasons == (_FEW_BUYERS.format(502, 199),)


def test_a_metric_without_zeros_is_tested_whatever_the_number_of_contacts() -> None:
    result = compare_means(Sample.from_values(np.array([10.0, 12.0])), Sample.from_values(np.array([15.0, 11.0, 13.0])))

    assert result.p_value == pytest.approx(0.285, abs=1e-3)


def test_arms_of_different_sizes_are_compared_by_halls_transformation() -> None:
    random = np.random.default_rng(3)

    result = compare_means(_orders(random, 4000, 0.1, 50), _orders(random, 40_000, 0.1, 50))

    assert result.method == HALL


def test_skew_that_does_not_cancel_calls_for_halls_transformation() -> None:
    control = Sample.from_values(np.repeat([10.0, 12.0], 500))
    treatment = Sample.from_values(np.array([10.0, 12.0] * 497 + [500.0] * 6))

    assert hall(control, treatment).is_skewed
    assert compare_means(control, treatment).method == HALL


def test_without_asymmetry_halls_method_is_welchs() -> None:
    values = np.array([1.0, 2.0, 3.0, 4.0])
    control, treatment = Sample.from_values(values), Sample.from_values(values + 1)

    assert hall(control, treatment).interval(0.95) == pytest.approx(welch(control, treatment).interval(0.95))


@pytest.mark.parametrize("skewness", [-2.0, -0.3, -1e-9, 0.0, 1e-9, 0.05, 1.0, 3.0])
def test_halls_transformation_can_be_undone(skewness: float) -> None:
    cubic = skewness / 3, skewness / 6
    for t in (-30.0, -4.0, -0.1, 0.0, 1.96, 12.0):
        assert skewed(symmetric(t, *cubic), *cubic) == pytest.approx(t, abs=1e-7)


def test_halls_cubic_is_the_published_one() -> None:
    k, t = 0.4, 1.7

    assert without_skew(Studentised(t, 1.0, 50), k).t == pytest.approx(t + k * t**2 / 3 + k**2 * t**3 / 27 + k / 6)


def test_the_p_value_is_below_five_percent_exactly_when_the_interval_excludes_zero() -> None:
    random = np.random.default_rng(4)
    control = _orders(random, 2000, 0.2, 50)

    for more in range(20):
        result = compare_means(control, _orders(random, 9000, 0.2, 50 + more))
        assert result.p_value is not None
        assert result.low is not None
        assert result.high is not None
        assert result.relative_low is not None
        assert (result.p_value < 0.05) == (result.low > 0 or result.high < 0)
        assert (result.low > 0) == (result.relative_low > 0)


def test_an_empty_arm_gives_no_number_and_says_why() -> None:
    result = compare_means(Sample(), Sample.from_values(np.array([1.0, 2.0])))

    assert (result.difference, result.low, result.p_value, result.relative) == (None, None, None, None)
    assert result.reasons == ("There are no contacts in the control.",)


def test_one_contact_in_an_arm_gives_the_difference_only() -> None:
    result = compare_means(Sample.from_values(np.array([5.0])), Sample.from_values(np.array([7.0])))

    assert (result.difference, result.low, result.p_value) == (2, None, None)
    assert result.relative == pytest.approx(0.4)
    assert result.reasons == (
        "There is only one contact in the control and this arm, so nothing is known about how values vary.",
    )


@pytest.mark.parametrize("value", [0.0, 0.1, 19.99, 1e12])
def test_the_same_value_for_everybody_gives_the_difference_only(value: float) -> None:
    result = compare_means(Sample.from_values(np.full(1000, value)), Sample.from_values(np.full(900, value + 1)))

    assert result.difference == pytest.approx(1)
    assert (result.low, result.high, result.p_value) == (None, None, None)
    assert result.reasons == ("The value is the same for every contact of each arm, so there is nothing to test with.",)


def test_a_spread_that_drowns_in_the_rounding_of_the_other_arm_is_not_believed() -> None:
    control = Sample.from_values(np.full(1000, 1e9) + np.arange(1000) * 1e-6)
    treatment = Sample.from_values(np.arange(1000) * 1e-6)

    assert compare_means(control, treatment).low is None


def test_all_revenue_by_one_buyer_shows_nothing() -> None:
    result = compare_means(Sample.from_values(np.zeros(1000)), Sample.from_values(np.array([10_000.0] + [0.0] * 999)))

    assert result.difference == 10
    assert result.low is not None
    assert result.low < 10
    assert result.p_value is None
    assert result.reasons == (
        _FEW_BUYERS.format(0, 1),
        "The control's mean is not above zero, so a relative lift means nothing.",
    )


def test_a_losing_control_has_no_relative_lift() -> None:
    result = compare_means(
        Sample.from_values(np.array([-5.0, -1.0, -3.0, -2.0])), Sample.from_values(np.array([1.0, 2.0, 4.0, 1.0]))
    )

    assert (result.relative, result.relative_low, result.relative_high) == (None, None, None)
    assert result.reasons == ("The control's mean is not above zero, so a relative lift means nothing.",)


def test_an_uncertain_control_has_a_relative_lift_without_bounds() -> None:
    control = Sample.from_values(np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.1, 2.0]))
    treatment = Sample.from_values(np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]))

    result = compare_means(control, treatment)

    assert result.relative is not None
    assert (result.relative_low, result.relative_high) == (None, None)
    assert result.reasons == ("The control's mean is too uncertain for bounds of the relative lift.",)


def test_fiellers_bounds_agree_with_the_statistic_that_they_invert() -> None:
    control = Sample.from_values(np.array([10.0, 12.0, 9.0, 11.0]))
    treatment = Sample.from_values(np.array([15.0, 11.0, 13.0]))

    variances = variance_of_mean(treatment), variance_of_mean(control)
    ratio = fieller_bound(treatment.mean, variances[0], control.mean, variances[1], 2.5)

    assert ratio is not None
    spread = math.sqrt(4 / 3 + ratio**2 * (5 / 3) / 4)
    assert (treatment.mean - ratio * control.mean) / spread == pytest.approx(2.5)


def test_sums_of_a_billion_contacts_and_of_huge_amounts_stay_exact_as_integers() -> None:
    """Revenue of 10¹² minor units for 1 % of a billion contacts, against 1.001 times as much."""
    n, buyers, amount = 10**9, 10**7, 10**12
    control = Sample(n, buyers * amount, buyers * amount**2, buyers * amount**3, buyers)
    more = amount + amount // 1000
    treatment = Sample(n, buyers * more, buyers * more**2, buyers * more**3, buyers)

    result = compare_means(control, treatment)

    assert result.difference == pytest.approx(10**7)
    assert result.relative == pytest.approx(0.001)
    spread = math.sqrt(0.01 * 0.99 * (amount**2 + more**2) / n)
    assert result.low == pytest.approx(10**7 - 1.959964 * spread, rel=1e-3)
    assert result.p_value is not None
    assert 0 < result.p_value < 1


def test_parts_of_an_arm_add_up() -> None:
    values = np.array([0.0, 3.5, 0.0, 12.25, 1.0])

    assert Sample.from_values(values[:2]) + Sample.from_values(values[2:]) == Sample.from_values(values)
    assert Sample() + Sample.from_values(values) == Sample.from_values(values)


def test_an_empty_arm_has_no_mean() -> None:
    with pytest.raises(NotMeasurable, match=r"^An arm without contacts has no mean\.$"):
        _ = Sample().mean


def test_welch_refuses_arms_without_spread() -> None:
    with pytest.raises(NotMeasurable, match=r"^There are no contacts in the control and this arm\.$"):
        welch(Sample(), Sample())


def test_a_small_holdout_claims_false_uplift_less_often_than_with_welch() -> None:
    """The same skewed revenue in both arms, 2 % held out: how often does each one-sided 2.5 % test claim an uplift?"""
    random = np.random.default_rng(20260102)
    mailed = [_orders(random, 98_000, 0.1, 40, sigma=1.0) for _ in range(50)]
    claims = {"welch": 0, "hall": 0}
    for trial in range(1500):
        holdout = _orders(random, 2000, 0.1, 40, sigma=1.0)
        claims["welch"] += welch(holdout, mailed[trial % 50]).interval(0.95)[0] > 0
        claims["hall"] += hall(holdout, mailed[trial % 50]).interval(0.95)[0] > 0

    assert claims["welch"] / 1500 > 0.04
    assert claims["hall"] / 1500 < 0.035


def _orders(random: np.random.Generator, n: int, rate: float, amount: float, *, sigma: float = 0.8) -> Sample:
    """Revenue of `n` contacts of whom a share `rate` buys, for lognormal amounts around `amount`."""
    amounts = amount * random.lognormal(0, sigma, random.binomial(n, rate))
    sums = Sample.from_values(amounts)
    return Sample(n, sums.total, sums.squares, sums.cubes, sums.buyers)
