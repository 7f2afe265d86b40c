"""Guardrails: safe only when the margin is shown to hold, harmful only when it is shown to be broken."""

import numpy as np
import pytest

from handbill.statistics.guardrails import guard_ceiling, guard_mean, guard_rate
from handbill.statistics.samples import Proportion, Sample


def test_many_contacts_without_harm_are_safe() -> None:
    result = guard_rate(Proportion(200, of=50_000), Proportion(205, of=50_000), 0.001)

    assert result.verdict == "safe"
    assert result.harm == pytest.approx(0.0001)
    assert result.high is not None
    assert result.high < 0.001


def test_far_more_unsubscribes_than_allowed_are_harmful() -> None:
    result = guard_rate(Proportion(200, of=50_000), Proportion(400, of=50_000), 0.001)

    assert result.verdict == "harmful"
    assert result.low is not None
    assert result.low > 0.001


def test_few_contacts_show_neither() -> None:
    assert guard_rate(Proportion(2, of=500), Proportion(2, of=500), 0.001).verdict == "not shown"


@pytest.mark.parametrize("more", range(0, 250, 10))
def test_the_verdict_agrees_with_the_interval(more: int) -> None:
    result = guard_rate(Proportion(200, of=20_000), Proportion(120 + more, of=20_000), 0.002)

    assert result.low is not None
    assert result.high is not None
    assert (result.verdict == "safe") == (result.high < 0.002)
    assert (result.verdict == "harmful") == (result.low > 0.002)


def test_a_rate_that_must_not_fall_is_its_complement_that_must_not_rise() -> None:
    fall = guard_rate(Proportion(4800, of=5000), Proportion(4700, of=5000), 0.01, worse="lower")
    rise = guard_rate(Proportion(200, of=5000), Proportion(300, of=5000), 0.01)

    assert (fall.harm, fall.low, fall.high, fall.p_harmful) == (rise.harm, rise.low, rise.high, rise.p_harmful)
    assert fall.harm == pytest.approx(0.02)


def test_an_empty_arm_shows_nothing_and_says_why() -> None:
    result = guard_rate(Proportion(), Proportion(3, of=50), 0.01)

    assert (result.verdict, result.harm, result.p_safe) == ("not shown", None, None)
    assert result.reasons == ("There are no contacts in the reference arm.",)


def test_a_ceiling_needs_no_other_arm() -> None:
    assert guard_ceiling(Proportion(120, of=50_000), 0.001).verdict == "harmful"
    assert guard_ceiling(Proportion(45, of=50_000), 0.001).verdict == "not shown"
    assert guard_ceiling(Proportion(20, of=50_000), 0.001).verdict == "safe"


def test_no_complaints_among_few_do_not_show_safety() -> None:
    """The rule of three, at 2.5 %: 0 of n leaves up to 3.69/n possible."""
    result = guard_ceiling(Proportion(0, of=1000), 0.001)

    assert (result.verdict, result.low) == ("not shown", 0)
    assert result.high == pytest.approx(0.003682, abs=1e-6)


def test_a_floor_is_a_ceiling_from_below() -> None:
    assert guard_ceiling(Proportion(9900, of=10_000), 0.97, worse="lower").verdict == "safe"
    assert guard_ceiling(Proportion(9500, of=10_000), 0.97, worse="lower").verdict == "harmful"
    assert guard_ceiling(Proportion(10, of=10), 0.97, worse="lower").high == 1


def test_a_ceiling_of_an_empty_arm_shows_nothing() -> None:
    assert guard_ceiling(Proportion(), 0.001).reasons == ("There are no contacts in this arm.",)


def test_a_ceiling_that_nothing_can_cross_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^1 is not a rate that can be crossed$"):
        guard_ceiling(Proportion(1, of=5), 1.0)


def test_revenue_may_be_guarded_too() -> None:
    values = np.concatenate((np.zeros(5000), np.linspace(5, 80, 5000)))
    reference, same = Sample.from_values(values), Sample.from_values(values[::-1])

    assert guard_mean(reference, same, 2.0).verdict == "safe"
    assert guard_mean(reference, Sample.from_values(0.7 * values), 2.0).verdict == "harmful"
    worse = guard_mean(reference, Sample.from_values(0.9 * values), 2.0)
    assert worse.verdict == "not shown"
    assert worse.low is not None
    assert worse.high is not None
    assert worse.low < 2.0 < worse.high


def test_revenue_of_few_buyers_cannot_be_guarded() -> None:
    few = Sample.from_values(np.concatenate((np.zeros(900), np.full(50, 20.0))))

    result = guard_mean(few, few, 1.0)

    assert (result.verdict, result.harm) == ("not shown", 0)
    assert result.reasons[0].startswith("Revenue is not testable with under 200 buyers in an arm")
