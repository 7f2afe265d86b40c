"""Several comparisons at once: the published constants, and adjusted p-values that match the intervals."""

import pytest

from handbill.statistics.simultaneous import adjust_together, confidence_of_each, critical_value, largest_tail

EVEN = dict.fromkeys("ABCDE", 1.0)
TO_CONTROL = [("A", "E"), ("B", "E"), ("C", "E"), ("D", "E")]
ALL_OF_THREE = [("A", "B"), ("B", "C"), ("A", "C")]


@pytest.mark.parametrize(("arms", "published"), [(1, 1.96), (2, 2.21), (3, 2.35), (4, 2.44)])
def test_critical_values_against_a_control_are_dunnetts(arms: int, published: float) -> None:
    """Dunnett, Biometrics 20, 1964, 482–491, table II, infinitely many degrees of freedom."""
    each = confidence_of_each(TO_CONTROL[:arms], EVEN)

    assert critical_value(each) == pytest.approx(published, abs=0.005)


def test_critical_values_of_all_pairs_are_tukeys() -> None:
    """The studentised range of three means, 3.314, over √2."""
    assert critical_value(confidence_of_each(ALL_OF_THREE, EVEN)) == pytest.approx(3.314493 / 2**0.5, abs=0.005)


def test_a_huge_control_leaves_the_arms_independent_and_a_tiny_one_makes_them_one() -> None:
    pairs = TO_CONTROL[:2]

    assert critical_value(confidence_of_each(pairs, {**EVEN, "E": 1e-9})) == pytest.approx(2.2365, abs=1e-4)
    assert critical_value(confidence_of_each(pairs, {**EVEN, "E": 1e9})) == pytest.approx(1.96, abs=0.001)


def test_one_comparison_keeps_its_confidence_and_its_p_value() -> None:
    assert confidence_of_each(TO_CONTROL[:1], EVEN, 0.9) == 0.9
    assert adjust_together([None, 0.03], TO_CONTROL[:2], EVEN) == [None, 0.03]


def test_an_adjusted_p_value_at_the_critical_value_is_the_level() -> None:
    each = confidence_of_each(TO_CONTROL, EVEN)

    adjusted = adjust_together([1 - each, 0.9, 0.8, 0.7], TO_CONTROL, EVEN)

    assert adjusted[0] == pytest.approx(0.05)


def test_pairs_that_share_no_arm_are_adjusted_all_the_same() -> None:
    adjusted = adjust_together([0.02, 0.5, None], ALL_OF_THREE, EVEN)
    all_three = adjust_together([0.02, 0.5, 0.9], ALL_OF_THREE, EVEN)

    assert adjusted[2] is None
    assert adjusted[0] is not None
    assert adjusted[0] == pytest.approx(0.0368, abs=0.001)
    assert all_three[0] == pytest.approx(0.0522, abs=0.002)  # Tukey's range: P(q ≥ 2.3263 √2)


def test_tiny_p_values_stay_above_zero_and_below_bonferronis_bound() -> None:
    for pairs in (TO_CONTROL[:3], ALL_OF_THREE):
        adjusted = adjust_together([1e-300, 0.5, 0.6], pairs, EVEN)
        assert adjusted[0] is not None
        assert 1e-300 <= adjusted[0] <= 3e-300


def test_one_sided_tails_are_smaller_than_two_sided_ones() -> None:
    loads = [0.5**0.5] * 3

    assert largest_tail(2.0, loads, sides=1) < largest_tail(2.0, loads) < 2.001 * largest_tail(2.0, loads, sides=1)
