"""Rates: every edge has a defined answer or a reason, and intervals cover what they promise."""

import math

import numpy as np
import pytest

from handbill.errors import NotMeasurable
from handbill.statistics.proportions import (
    compare_proportions,
    difference_score,
    miettinen_nurminen_interval,
    newcombe_interval,
    ratio_score_interval,
    wilson_interval,
)
from handbill.statistics.samples import Comparison, Proportion

BILLION = 10**9


def test_the_interval_agrees_with_the_published_one() -> None:
    low, high = miettinen_nurminen_interval(Proportion(48, of=80), Proportion(56, of=70))

    assert (round(low, 5), round(high, 5)) == (0.05283, 0.33817)


def test_both_ends_of_the_interval_are_just_not_rejected() -> None:
    control, treatment = Proportion(3, of=40), Proportion(11, of=35)

    low, high = miettinen_nurminen_interval(control, treatment)

    assert difference_score(control, treatment, low) == pytest.approx(1.959964, abs=1e-6)
    assert difference_score(control, treatment, high) == pytest.approx(-1.959964, abs=1e-6)


def test_swapping_the_arms_mirrors_the_interval() -> None:
    one, other = Proportion(3, of=40), Proportion(11, of=35)

    low, high = miettinen_nurminen_interval(one, other)

    assert miettinen_nurminen_interval(other, one) == pytest.approx((-high, -low), abs=1e-14)


def test_an_empty_arm_gives_no_number_and_says_why() -> None:
    result = compare_proportions(Proportion(5, of=100), Proportion())

    assert _numbers(result) == [None] * 8
    assert result.reasons == ("There are no contacts in this arm.",)


def test_two_empty_arms_are_both_named() -> None:
    assert compare_proportions(Proportion(), Proportion()).reasons == (
        "There are no contacts in the control and this arm.",
    )


def test_no_conversions_at_all_leave_an_interval_but_no_p_value() -> None:
    result = compare_proportions(Proportion(0, of=500), Proportion(0, of=400))

    assert result.difference == 0
    assert result.low == pytest.approx(-0.00763, abs=1e-5)
    assert result.high == pytest.approx(0.00952, abs=1e-5)
    assert (result.p_value, result.log10_p_value, result.relative, result.relative_low) == (None, None, None, None)
    assert result.reasons == (
        "Nobody in either arm converted, so there is nothing to test.",
        "Nobody in the control converted, so a relative lift cannot be given: it has no upper bound.",
    )


def test_conversions_of_everybody_leave_an_interval_but_no_p_value() -> None:
    result = compare_proportions(Proportion(100, of=100), Proportion(100, of=100))

    assert (result.difference, result.relative, result.p_value) == (0, 0, None)
    assert result.low == pytest.approx(-0.0371725, abs=1e-7)
    assert result.reasons == ("Everybody in both arms converted, so there is nothing to test.",)


def test_no_conversions_in_the_control_leave_the_relative_lift_without_upper_bound() -> None:
    result = compare_proportions(Proportion(0, of=1000), Proportion(5, of=1000))

    assert result.relative is None
    assert result.relative_low == pytest.approx(0.30377, abs=1e-5)
    assert result.relative_high is None


def test_one_contact_an_arm_can_be_compared() -> None:
    result = compare_proportions(Proportion(0, of=1), Proportion(1, of=1))

    assert result.p_value == pytest.approx(0.5)
    assert result.low == pytest.approx(-0.5869, abs=1e-4)
    assert result.high == 1


def test_many_contacts_are_compared_by_pooled_z() -> None:
    result = compare_proportions(Proportion(48, of=80), Proportion(56, of=70))

    assert result.method == ("pooled z test; Miettinen–Nurminen score intervals for the difference and for the ratio")


def test_few_expected_conversions_are_compared_by_boschloos_test() -> None:
    result = compare_proportions(Proportion(3, of=10), Proportion(9, of=10))

    assert result.method.startswith("Boschloo's exact test; ")
    assert result.p_value == pytest.approx(0.0079556, abs=1e-7)


def test_few_expected_conversions_among_many_contacts_are_compared_by_fishers_test() -> None:
    result = compare_proportions(Proportion(1, of=2000), Proportion(6, of=3000))

    assert result.method.startswith("Fisher's exact test; ")
    assert result.p_value == pytest.approx(0.25455, abs=1e-5)


def test_a_p_value_below_the_smallest_float_is_never_zero() -> None:
    result = compare_proportions(Proportion(0, of=BILLION), Proportion(BILLION // 2, of=BILLION))

    assert result.p_value == pytest.approx(2.2e-308, rel=0.02)
    assert result.log10_p_value == pytest.approx(-144_764_831, abs=1)


@pytest.mark.parametrize(
    ("control", "treatment"),
    [
        (Proportion(3, of=BILLION), Proportion(5, of=BILLION)),
        (Proportion(BILLION - 3, of=BILLION), Proportion(BILLION, of=BILLION)),
        (Proportion(0, of=5), Proportion(0, of=BILLION)),
        (Proportion(5, of=5), Proportion(10, of=BILLION)),
        (Proportion(1000, of=10**6), Proportion(1000, of=BILLION)),
        (Proportion(BILLION // 3, of=BILLION), Proportion(BILLION // 3 + 1, of=BILLION)),
    ],
)
def test_a_billion_contacts_keep_the_digits(control: Proportion, treatment: Proportion) -> None:
    result = compare_proportions(control, treatment)

    assert result.low is not None
    assert result.high is not None
    assert result.difference is not None
    assert -1 <= result.low <= result.difference <= result.high <= 1
    low, high = newcombe_interval(control, treatment)
    assert result.high - result.low == pytest.approx(high - low, rel=0.3)
    assert all(math.isfinite(value) for value in _numbers(result) if value is not None)


def test_rare_events_of_a_billion_agree_with_the_limit_of_poisson_counts() -> None:
    """For 0 of n against 5 of n the ratio's interval must not depend on n when n is large."""
    small = ratio_score_interval(Proportion(2, of=10**7), Proportion(5, of=10**7))
    large = ratio_score_interval(Proportion(2, of=10**12), Proportion(5, of=10**12))

    assert small == pytest.approx(large, rel=1e-5)


def test_nobody_converting_with_the_treatment_means_a_lift_of_minus_one_hundred_percent() -> None:
    result = compare_proportions(Proportion(40, of=100), Proportion(0, of=100))

    assert (result.relative, result.relative_low) == (-1, -1)
    assert result.relative_high == pytest.approx(-0.9069, abs=1e-4)


def test_the_relative_lift_excludes_zero_exactly_when_the_difference_does() -> None:
    for successes in range(20, 60):
        result = compare_proportions(Proportion(30, of=100), Proportion(successes, of=120))
        assert result.low is not None
        assert result.relative_low is not None
        assert (result.low > 0) == (result.relative_low > 0)


def test_wilsons_interval_stays_within_zero_and_one() -> None:
    assert wilson_interval(Proportion(0, of=10))[0] == 0
    assert wilson_interval(Proportion(10, of=10))[1] == 1


def test_an_interval_of_an_empty_arm_is_refused() -> None:
    with pytest.raises(NotMeasurable, match=r"^An arm without contacts has no rate\.$"):
        wilson_interval(Proportion())


def test_more_successes_than_contacts_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^6 of 5 is not a proportion$"):
        Proportion(6, of=5)


def test_the_interval_covers_the_true_difference_as_often_as_it_says() -> None:
    random = np.random.default_rng(20260101)
    controls, treatments = random.binomial(400, 0.03, 1000), random.binomial(1600, 0.05, 1000)

    covered = 0
    for x, y in zip(controls, treatments, strict=True):
        low, high = miettinen_nurminen_interval(Proportion(int(x), of=400), Proportion(int(y), of=1600))
        covered += low <= 0.02 <= high

    assert covered / 1000 == pytest.approx(0.95, abs=0.02)


def _numbers(result: Comparison) -> list[float | None]:
    return [
        result.difference,
        result.low,
        result.high,
        result.relative,
        result.relative_low,
        result.relative_high,
        result.p_value,
        result.log10_p_value,
    ]
