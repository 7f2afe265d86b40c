"""What an experiment takes: looks, days and money, with published figures where there are any."""

import pytest

from handbill.statistics.effort import days_needed, price_of, size_with_looks
from handbill.statistics.power import SampleSize, sample_size_for_rates


def test_one_look_is_the_size_itself() -> None:
    size = sample_size_for_rates(0.05, 0.055)

    looks = size_with_looks(size, [1.0])

    assert looks.at_most == 62_467
    assert looks.on_average == pytest.approx(62_466.88, abs=0.01)


def test_more_looks_cost_a_little_more_and_save_more() -> None:
    size = sample_size_for_rates(0.05, 0.055)

    two, five = size_with_looks(size, [0.5, 1.0]), size_with_looks(size, [0.2, 0.4, 0.6, 0.8, 1.0])

    assert two.exact < five.exact < 1.03 * two.exact
    assert five.on_average < two.on_average


def test_the_last_window_counts() -> None:
    assert days_needed(0, per_day=100, window_days=14) == 14


def test_an_experiment_without_contacts_a_day_never_ends() -> None:
    with pytest.raises(ValueError, match=r"^an experiment needs contacts a day and a window$"):
        days_needed(100, per_day=0, window_days=14)


def test_holding_out_costs_nothing_where_the_letter_does_not_pay() -> None:
    price = price_of(SampleSize(1000, 1000), cost_per_contact=1.0, effect=0.01, value_of_effect=20)

    assert (price.forgone, price.total) == (0, 1000)
