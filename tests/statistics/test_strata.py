"""Strata: waves with different shares do not pass their own differences off as the arms'."""

import pytest

from handbill.statistics.proportions import compare_proportions
from handbill.statistics.samples import Proportion
from handbill.statistics.strata import (
    Stratum,
    compare_learned,
    compare_stratified,
    mantel_haenszel_difference,
    mantel_haenszel_z,
)

RAMP = [
    Stratum(Proportion(900, of=9000), Proportion(100, of=1000)),  # a good day, with few in the new arm
    Stratum(Proportion(50, of=1000), Proportion(450, of=9000)),  # a bad one, with many
]


def test_a_ramp_over_unlike_days_shows_no_effect_where_there_is_none() -> None:
    assert compare_stratified(RAMP).difference == pytest.approx(0)
    naive = compare_proportions(RAMP[0].control + RAMP[1].control, RAMP[0].treatment + RAMP[1].treatment)
    assert naive.high is not None
    assert naive.high < -0.03


def test_one_stratum_is_nearly_the_plain_comparison() -> None:
    one = Stratum(Proportion(1000, of=20_000), Proportion(1100, of=20_000))

    stratified, plain = compare_stratified([one]), compare_proportions(one.control, one.treatment)

    assert (stratified.low, stratified.high) == pytest.approx((plain.low, plain.high), abs=2e-5)
    assert stratified.p_value == pytest.approx(plain.p_value, rel=1e-3)


def test_many_small_strata_agree_with_the_mantel_haenszel_difference() -> None:
    waves = [Stratum(Proportion(k % 3, of=40), Proportion(k % 4, of=40)) for k in range(60)]

    estimate, error = mantel_haenszel_difference(waves)

    result = compare_stratified(waves)
    assert result.difference == pytest.approx(estimate)
    assert result.low is not None
    assert result.high is not None
    assert (result.high - result.low) / 2 / 1.96 == pytest.approx(error, rel=0.05)


def test_a_stratum_that_lacks_an_arm_is_left_out_and_named() -> None:
    result = compare_stratified([*RAMP, Stratum(Proportion(3, of=10), Proportion())])

    assert result.difference == pytest.approx(0)
    assert result.reasons == ("Left out: 1 of 3 strata, which lack an arm.",)


def test_strata_without_both_arms_say_nothing() -> None:
    result = compare_stratified([Stratum(Proportion(3, of=10), Proportion())])

    assert (result.difference, result.p_value) == (None, None)
    assert result.reasons == ("Left out: 1 of 1 strata, which lack an arm.", "No stratum has contacts in both arms.")


def test_strata_without_conversions_have_nothing_to_test() -> None:
    result = compare_stratified([Stratum(Proportion(0, of=10), Proportion(0, of=10))])

    assert (result.difference, result.low, result.p_value) == (0, None, None)
    assert result.reasons == ("Nothing varies in any stratum.",)
    assert mantel_haenszel_z([Stratum(Proportion(0, of=10), Proportion(0, of=10))]) == 0


def test_one_wave_before_anything_was_learned_is_the_score_interval() -> None:
    one = Stratum(Proportion(48, of=80), Proportion(56, of=70))

    result = compare_learned([one], [150])

    assert result.difference == pytest.approx(0.2)
    assert (result.low, result.high) == pytest.approx((0.05283, 0.33817), abs=1e-5)


def test_a_wave_counts_by_its_size_and_not_by_the_shares_that_it_learned() -> None:
    """Where chance favoured an arm at first, the later waves' uneven shares must not make that wave count for more."""
    first, later = Stratum(Proportion(100, of=1000), Proportion(140, of=1000)), (Proportion(10, of=100), 1900)
    waves = [first, Stratum(later[0], Proportion(190, of=later[1]))]

    learned, stratified = compare_learned(waves, [2000, 2000]), compare_stratified(waves)

    assert learned.p_value is not None
    assert stratified.p_value is not None
    assert learned.p_value > stratified.p_value
    assert learned.low is not None
    assert (learned.low > 0) == (learned.p_value < 0.05)


def test_waves_that_lack_an_arm_are_left_out_with_their_size() -> None:
    wave = Stratum(Proportion(50, of=1000), Proportion(70, of=1000))

    result = compare_learned([wave, Stratum(Proportion(3, of=10), Proportion())], [2000, 10])

    assert result.p_value == compare_learned([wave], [2000]).p_value
    assert result.reasons == ("Left out: 1 of 2 strata, which lack an arm.",)


@pytest.mark.parametrize(
    ("waves", "difference", "reason"),
    [
        ([Stratum(Proportion(0, of=10), Proportion(0, of=10))], 0, "Nothing varies in any stratum."),
        ([Stratum(Proportion(10, of=10), Proportion(10, of=10))], 0, "Nothing varies in any stratum."),
        ([], None, "No stratum has contacts in both arms."),
    ],
)
def test_waves_without_anything_to_learn_from_say_so(
    waves: list[Stratum], difference: float | None, reason: str
) -> None:
    result = compare_learned(waves, [20] * len(waves))

    assert (result.difference, result.low, result.p_value) == (difference, None, None)
    assert result.reasons == (reason,)


def test_an_arm_that_nobody_answered_has_bounds_all_the_same() -> None:
    result = compare_learned([Stratum(Proportion(0, of=50), Proportion(20, of=400))], [450])

    assert result.low is not None
    assert result.high is not None
    assert -1 < result.low < 0.05 < result.high < 1
