"""Explanations of revenue: parts that add up, caps that tame, shuffles that never give zero."""

import numpy as np
import pytest

from handbill.errors import NotMeasurable
from handbill.statistics.means import welch
from handbill.statistics.revenue_parts import compare_winsorised, permutation_p_value, split_revenue, winsor_cap
from handbill.statistics.samples import Sample

CONTROL = np.concatenate((np.zeros(900), np.linspace(10, 50, 100)))
TREATMENT = np.concatenate((np.zeros(870), np.linspace(12, 60, 130)))


def test_the_parts_add_up_to_the_difference() -> None:
    arms = Sample.from_values(CONTROL), Sample.from_values(TREATMENT)

    parts = split_revenue(*arms)

    assert parts.via_conversion + parts.via_value == pytest.approx(arms[1].mean - arms[0].mean)
    assert parts.via_conversion == pytest.approx(0.03 * 33)
    assert parts.per_buyer.difference == pytest.approx(6)


def test_revenue_without_buyers_cannot_be_split() -> None:
    with pytest.raises(NotMeasurable, match=r"^Revenue cannot be split where an arm has no buyers\.$"):
        split_revenue(Sample.from_values(np.zeros(5)), Sample.from_values(TREATMENT))


def test_one_huge_order_no_longer_decides() -> None:
    rich = np.append(CONTROL, 1e6)

    result = compare_winsorised(np.append(CONTROL, 40.0), rich, 50.0)

    assert result.difference == pytest.approx(10 / 1001)


def test_a_cap_lies_above_nearly_everybody() -> None:
    assert winsor_cap(np.arange(1001.0), 0.99) == 990
    with pytest.raises(NotMeasurable, match=r"^A cap cannot be found without values\.$"):
        winsor_cap(np.array([]))


def test_shuffling_agrees_with_welch_where_nothing_is_extreme() -> None:
    p_value = permutation_p_value(CONTROL, TREATMENT, np.random.default_rng(1), shuffles=4000)

    expected = welch(Sample.from_values(CONTROL), Sample.from_values(TREATMENT)).tail.p_value
    assert p_value == pytest.approx(expected, abs=0.01)


def test_shuffling_never_gives_zero() -> None:
    sure = permutation_p_value(np.zeros(500), np.full(500, 9.0), np.random.default_rng(1), shuffles=99)

    assert sure == 0.01


def test_equal_arms_are_as_extreme_as_can_be() -> None:
    assert permutation_p_value(CONTROL, CONTROL, np.random.default_rng(1), shuffles=99) == 1


def test_nothing_to_shuffle_is_said() -> None:
    random = np.random.default_rng(1)
    with pytest.raises(NotMeasurable, match=r"^Nobody bought anything, so there is nothing to shuffle\.$"):
        permutation_p_value(np.zeros(5), np.zeros(5), random)
    with pytest.raises(NotMeasurable, match=r"^There are no contacts in an arm\.$"):
        permutation_p_value(np.zeros(0), np.zeros(5), random)
