"""Sample sizes and detectable differences: published examples, round trips and the impossible."""

import pytest

from handbill.statistics.power import (
    design_effect,
    detectable_difference,
    detectable_rate,
    power_for_means,
    power_for_rates,
    sample_size_for_means,
    sample_size_for_rates,
)


def test_five_against_five_and_a_half_percent_takes_31234_contacts_an_arm() -> None:
    size = sample_size_for_rates(0.05, 0.055)

    assert (size.control, size.treatment) == (31_234, 31_234)


def test_unequal_arms_have_the_power_that_they_were_sized_for() -> None:
    size = sample_size_for_rates(0.009, 0.012, power=0.9, ratio=19)

    assert size.exact_treatment == pytest.approx(19 * size.exact_control)
    power = power_for_rates(0.009, 0.012, size.exact_control, size.exact_treatment)
    assert power == pytest.approx(0.9)


def test_households_need_more_contacts() -> None:
    plain, clustered = sample_size_for_rates(0.05, 0.06), sample_size_for_rates(0.05, 0.06, design_effect=1.3)

    assert clustered.exact_control == pytest.approx(1.3 * plain.exact_control)


def test_households_of_different_sizes_need_more_contacts_still() -> None:
    assert design_effect(2.0, 0.3, size_variation=0.5) == pytest.approx(1.45)


def test_persons_who_answer_independently_cost_nothing() -> None:
    assert design_effect(3.0, 0.0) == 1


@pytest.mark.parametrize("increase", [True, False])
def test_the_detectable_rate_is_found_with_the_power_asked_for(increase: bool) -> None:
    rate = detectable_rate(0.05, 2000, 8000, increase=increase)

    assert rate is not None
    assert (rate > 0.05) == increase
    assert power_for_rates(0.05, rate, 2000, 8000) == pytest.approx(0.8)


def test_a_rate_of_zero_still_has_a_detectable_rate() -> None:
    rate = detectable_rate(0.0, 1000, 1000)

    assert rate == pytest.approx(0.0078, abs=1e-4)


def test_a_handful_of_contacts_can_show_nothing() -> None:
    assert detectable_rate(0.5, 3, 3) is None
    assert detectable_rate(0.5, 0, 100) is None
    assert detectable_rate(1.0, 100, 100) is None
    assert detectable_difference(14, 1, 100) is None
    assert detectable_difference(0, 100, 100) is None


def test_means_of_unequal_arms_have_the_power_that_they_were_sized_for() -> None:
    size = sample_size_for_means(2, 14, power=0.9, ratio=4)

    assert power_for_means(2, 14, size.exact_control, size.exact_treatment) == pytest.approx(0.9)


def test_an_obvious_difference_takes_two_contacts_an_arm() -> None:
    size = sample_size_for_means(1000, 1)

    assert (size.control, size.treatment) == (2, 2)


def test_the_detectable_difference_of_means_has_the_power_asked_for() -> None:
    difference = detectable_difference(14, 5000, 95_000)

    assert difference is not None
    assert power_for_means(difference, 14, 5000, 95_000) == pytest.approx(0.8)


def test_a_billion_contacts_are_counted_as_well() -> None:
    difference = detectable_difference(14, 10**9, 10**9)

    assert difference == pytest.approx(2.8016 * 14 * (2 / 10**9) ** 0.5, rel=1e-4)


def test_nothing_is_sized_for_no_difference() -> None:
    with pytest.raises(ValueError, match=r"^equal rates cannot be told apart with any number of contacts$"):
        sample_size_for_rates(0.05, 0.05)
    with pytest.raises(ValueError, match=r"^a sample size needs a difference and a standard deviation$"):
        sample_size_for_means(0, 14)
