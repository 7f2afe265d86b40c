"""Costs of extra buyers: bounded when an effect is shown, open above when it is not, absent when there is none."""

import numpy as np
import pytest

from handbill.statistics.economics import NO_EXTRA, cost_per_extra, uncertain_cost_per_extra
from handbill.statistics.joint import Joint
from handbill.statistics.proportions import compare_proportions
from handbill.statistics.samples import Comparison, Proportion

HOLDOUT, MAILED = Proportion(122, of=21_306), Proportion(189, of=21_387)


def test_a_shown_effect_bounds_the_cost_on_both_sides() -> None:
    each = cost_per_extra(0.45 * 21_387, 21_387, compare_proportions(HOLDOUT, MAILED))

    assert (each.estimate, each.low, each.high) == pytest.approx((144.645, 94.722, 298.545), abs=0.001)
    assert each.reasons == ()


def test_an_effect_that_is_not_shown_leaves_the_cost_open_above() -> None:
    each = cost_per_extra(1000, 2000, compare_proportions(Proportion(100, of=2000), Proportion(105, of=2000)))

    assert (each.estimate, each.high) == (None, None)
    assert each.low is not None
    assert each.reasons == ("No effect at all fits the data too.",)


def test_an_effect_that_is_certainly_not_above_zero_has_no_cost_each() -> None:
    each = cost_per_extra(1000, 2000, compare_proportions(Proportion(300, of=2000), Proportion(105, of=2000)))

    assert (each.low, each.reasons) == (None, (NO_EXTRA,))


def test_an_effect_that_cannot_be_given_hands_on_its_reason() -> None:
    each = cost_per_extra(1000, 2000, compare_proportions(Proportion(), Proportion(105, of=2000)))

    assert each.reasons == ("There are no contacts in the control.",)
    assert cost_per_extra(1, 1, Comparison(0.95, "", "")).reasons == ("The effect cannot be given.",)


def test_an_arm_that_cost_nothing_extra_has_no_cost_each() -> None:
    each = cost_per_extra(0, 2000, compare_proportions(HOLDOUT, MAILED))

    assert each.reasons == ("The arm cost no more than its control.",)


def _vouchers(n: int, buyers: int, redeemed: float) -> Joint:
    """A letter costs 0.5, a redeemed voucher 10 more."""
    bought = np.zeros(n)
    bought[:buyers] = 1
    cost = np.full(n, 0.5)
    cost[: int(redeemed * buyers)] += 10
    return Joint.from_values(cost, bought)


def test_vouchers_make_the_cost_uncertain_and_the_covariance_helps() -> None:
    control = Joint.from_values(np.zeros(9000), np.concatenate((np.ones(180), np.zeros(8820))))

    each = uncertain_cost_per_extra(control, _vouchers(9000, 360, 0.5))

    assert each.estimate == pytest.approx((0.5 + 10 * 0.02) / 0.02)
    assert each.low is not None
    assert each.high is not None
    assert each.low < 35 < each.high


def test_a_cost_that_never_varies_is_a_known_one() -> None:
    control = Joint.from_values(np.zeros(9000), np.concatenate((np.ones(180), np.zeros(8820))))

    each = uncertain_cost_per_extra(control, _vouchers(9000, 360, 0.0))

    known = cost_per_extra(4500, 9000, compare_proportions(Proportion(180, of=9000), Proportion(360, of=9000)))
    assert (each.low, each.high) == pytest.approx((known.low, known.high), rel=0.02)


def test_without_a_shown_effect_vouchers_cost_at_least_so_much_each() -> None:
    control = Joint.from_values(np.zeros(9000), np.concatenate((np.ones(180), np.zeros(8820))))

    each = uncertain_cost_per_extra(control, _vouchers(9000, 190, 0.0))

    known = cost_per_extra(4500, 9000, compare_proportions(Proportion(180, of=9000), Proportion(190, of=9000)))
    assert (each.high, each.reasons) == (None, ("No effect at all fits the data too.",))
    assert each.low == pytest.approx(known.low, rel=0.02)


def test_fewer_buyers_than_the_control_have_no_cost_each() -> None:
    control = Joint.from_values(np.zeros(9000), np.concatenate((np.ones(400), np.zeros(8600))))

    assert uncertain_cost_per_extra(control, _vouchers(9000, 190, 0.0)).reasons == (NO_EXTRA,)


def test_nothing_spent_and_nothing_gained_cannot_be_divided() -> None:
    arm = Joint.from_values(np.tile([0.0, 1.0], 50), np.tile([0.0, 1.0], 50))

    assert uncertain_cost_per_extra(arm, arm).reasons == (
        "Neither the extra cost nor the extra buyers can be told from nothing.",
    )
    assert uncertain_cost_per_extra(Joint(), arm).reasons == ("An arm has fewer than two contacts.",)
