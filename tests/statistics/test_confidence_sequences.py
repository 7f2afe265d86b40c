"""Looking at any time: wider than a fixed interval, narrowest where planned, silent while too few converted."""

import numpy as np
import pytest

from handbill.statistics.confidence_sequences import any_time_tail, compare_any_time, half_width, tuned
from handbill.statistics.proportions import compare_proportions
from handbill.statistics.samples import Proportion, Sample


def test_the_interval_is_wider_than_one_for_a_single_look() -> None:
    arms = Proportion(1000, of=20_000), Proportion(1150, of=20_000)

    any_time, fixed = compare_any_time(*arms, 40_000), compare_proportions(*arms)

    assert any_time.low is not None
    assert fixed.low is not None
    assert any_time.low < fixed.low
    assert any_time.difference == fixed.difference


def test_the_interval_and_the_p_value_agree() -> None:
    arms = Proportion(1000, of=20_000), Proportion(1150, of=20_000)
    p_value = compare_any_time(*arms, 40_000).p_value
    assert p_value is not None

    at_p = compare_any_time(*arms, 40_000, confidence=1 - p_value)

    z_at = compare_any_time(*arms, 40_000)
    assert z_at.low is not None
    assert (z_at.low > 0) == (p_value < 0.05)
    assert at_p.low is not None


def test_the_interval_is_narrowest_relative_to_a_single_look_where_planned() -> None:
    rho2 = tuned(5000)
    relative = {n: half_width(n, rho2) * n**0.5 for n in (500, 2500, 5000, 10_000, 50_000)}

    assert min(relative, key=lambda n: relative[n]) == 5000


def test_overwhelming_evidence_keeps_its_logarithm() -> None:
    tail = any_time_tail(100.0, 10**6, tuned(10**6))

    assert tail.p_value > 0
    assert tail.log10_p_value < -1000


def test_amounts_may_be_looked_at_too() -> None:
    values = np.concatenate((np.zeros(500), np.linspace(1, 90, 500)))

    result = compare_any_time(Sample.from_values(values), Sample.from_values(values + 1), 4000)

    assert result.difference == pytest.approx(1)
    assert result.low is not None
    assert result.low < 0


def test_nine_converters_are_too_few_to_look_at() -> None:
    result = compare_any_time(Proportion(9, of=500), Proportion(40, of=500), 5000)

    assert (result.difference, result.low, result.p_value) == (None, None, None)
    assert result.reasons == (
        "Too early to look: each arm needs 10 contacts who converted and who did not, and one has 9.",
    )  # fmt: skip


def test_few_buyers_are_too_few_to_look_at_their_revenue() -> None:
    few = Sample.from_values(np.concatenate((np.zeros(900), np.full(50, 20.0))))

    assert compare_any_time(few, few, 5000).reasons == (
        "Too early to look: each arm needs 200 contacts who bought, and one has 50.",
    )


def test_amounts_without_spread_say_so() -> None:
    same = Sample.from_values(np.full(300, 2.0))

    assert compare_any_time(same, same, 5000).reasons == (
        "The value is the same for every contact of each arm, so there is nothing to test with.",
    )


def test_a_rate_is_not_compared_with_an_amount() -> None:
    with pytest.raises(TypeError, match=r"^one arm is a proportion and the other a mean$"):
        compare_any_time(Proportion(50, of=500), Sample.from_values(np.linspace(1, 2, 400)), 5000)
