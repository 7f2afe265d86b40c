"""Ratios: with a denominator of one they are means, with households they know who lives together."""

import numpy as np
import pytest

from handbill.errors import NotMeasurable
from handbill.statistics.joint import Joint
from handbill.statistics.means import compare_means, hall
from handbill.statistics.ratios import PLAIN, SYMMETRIC, compare_ratios, delta, symmetric_delta
from handbill.statistics.samples import Comparison, Sample


def _orders(n: int, buyers: int, amount: float = 20.0) -> Joint:
    """`buyers` of n contacts with one or two orders of varying amounts."""
    y, x = np.zeros(n), np.zeros(n)
    x[:buyers] = 1 + np.arange(buyers) % 2
    y[:buyers] = x[:buyers] * (amount + np.arange(buyers) % 7)
    return Joint.from_values(y, x)


def test_a_denominator_of_one_makes_it_a_mean_with_halls_transformation_and_all() -> None:
    random = np.random.default_rng(4)
    control, treatment = random.exponential(3, 900), random.exponential(3.4, 400)

    ratio = compare_ratios(*(Joint.from_values(y, np.ones_like(y)) for y in (control, treatment)))

    mean = compare_means(*(Sample.from_values(y) for y in (control, treatment)))
    assert (ratio.low, ratio.high, ratio.p_value, ratio.relative_low, ratio.relative_high) == pytest.approx(
        (mean.low, mean.high, mean.p_value, mean.relative_low, mean.relative_high)
    )


def test_the_symmetric_statistic_of_a_mean_is_halls() -> None:
    y = np.array([0.0, 0.0, 1.0, 9.0, 2.0])
    one, other = y, np.append(y, 30.0)

    ours = symmetric_delta(*(Joint.from_values(values, np.ones_like(values)) for values in (one, other)))

    theirs = hall(Sample.from_values(one), Sample.from_values(other))
    assert ours.t == pytest.approx(theirs.t)
    assert ours.bounds(0.9) == pytest.approx(theirs.bounds(0.9))


def test_the_bounds_are_where_the_statistic_reaches_the_quantile() -> None:
    result = compare_ratios(_orders(5000, 300), _orders(20_000, 1400, 20.5))

    assert result.method == SYMMETRIC
    assert result.p_value is not None
    assert result.low is not None
    at_p = compare_ratios(_orders(5000, 300), _orders(20_000, 1400, 20.5), confidence=1 - result.p_value)
    assert at_p.low == pytest.approx(0, abs=1e-9)
    assert at_p.relative_low == pytest.approx(0, abs=1e-9)


def test_equal_arms_without_skew_keep_the_plain_delta_method() -> None:
    random = np.random.default_rng(8)
    arms = [Joint.from_values(random.normal(5, 1, 9000), random.integers(1, 3, 9000)) for _ in range(2)]

    assert compare_ratios(*arms).method == PLAIN


def test_members_of_a_household_who_act_alike_widen_the_interval() -> None:
    homes = np.repeat([0.0, 3.0], 300)
    together = Joint.from_values(homes, np.full(600, 3.0))
    apart = Joint.from_values(np.repeat([0.0, 1.0], 900), np.ones(1800))

    error, naive = delta(together, together).standard_error, delta(apart, apart).standard_error

    assert error / naive == pytest.approx(np.sqrt(3), rel=0.01)


def test_few_units_with_a_denominator_give_a_rough_interval_and_no_p_value() -> None:
    result = compare_ratios(_orders(5000, 199), _orders(5000, 250))

    assert result.p_value is None
    assert result.low is not None
    assert " ".join(result.reasons) == (
        "A ratio is not testable with under 200 units that have a denominator in an arm "
        "(the control has 199, this arm 250). The interval is only rough."
    )


def test_an_arm_without_denominator_has_no_ratio() -> None:
    result = compare_ratios(Joint(), _orders(500, 0))

    assert _numbers(result) == [None] * 4
    assert result.reasons == ("The denominator is zero in the control and this arm, so there is no ratio.",)


def test_one_unit_an_arm_has_a_difference_only() -> None:
    result = compare_ratios(Joint.from_values(np.array([4.0]), np.array([2.0])), _orders(500, 300))

    assert (result.difference is not None, result.low) == (True, None)
    assert result.reasons == (
        "There is only one unit in the control, so nothing is known about how ratios vary.",
    )  # fmt: skip


def test_one_buyer_of_everything_leaves_nothing_to_test_with() -> None:
    alone = Joint.from_values(np.array([0.0, 0.0, 1e12]), np.array([0.0, 0.0, 3.0]))

    result = compare_ratios(alone, alone)

    assert (result.difference, result.p_value) == (0, None)
    assert result.reasons == ("The ratio is the same for every unit of each arm, so there is nothing to test with.",)
    with pytest.raises(NotMeasurable, match=r"^The ratio is the same for every unit of each arm"):
        delta(alone, alone)


def test_nothing_earned_by_the_control_leaves_no_relative_lift() -> None:
    zero = Joint.from_values(np.tile([1.0, -1.0], 300), np.ones(600))

    result = compare_ratios(zero, _orders(800, 700))

    assert (result.relative, result.relative_low, result.relative_high) == (None, None, None)
    assert result.reasons == ("The control's ratio is not above zero, so a relative lift means nothing.",)


def test_an_uncertain_control_leaves_the_relative_lift_without_bounds() -> None:
    noisy = Joint.from_values(np.tile([10.1, -10.0], 300), np.ones(600))

    result = compare_ratios(noisy, _orders(800, 700))

    assert None in (result.relative_low, result.relative_high)
    assert result.reasons == ("The control's ratio is too uncertain for bounds of the relative lift.",)


def _numbers(result: Comparison) -> list[float | None]:
    return [result.difference, result.low, result.p_value, result.relative]
