"""Several comparisons: adjusted p-values in the order given, and false claims kept at the level."""

import numpy as np

from handbill.statistics.multiplicity import benjamini_hochberg, holm


def test_holm_adjusts_in_the_order_given() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == [0.03, 0.06, 0.06, 0.02]


def test_one_comparison_needs_no_adjustment() -> None:
    assert holm([0.03]) == [0.03]


def test_no_adjusted_p_value_exceeds_one() -> None:
    assert holm([0.7, 0.9]) == [1.0, 1.0]


def test_a_comparison_without_p_value_takes_no_part() -> None:
    assert holm([None, 0.03, 0.02]) == [None, 0.04, 0.04]
    assert benjamini_hochberg([None, 0.03, 0.02]) == [None, 0.03, 0.03]


def test_no_comparisons_are_no_adjusted_p_values() -> None:
    assert holm([]) == []
    assert benjamini_hochberg([]) == []


def test_holm_keeps_the_chance_of_any_false_claim() -> None:
    random = np.random.default_rng(5)
    trials = random.random((2000, 4))

    claims = sum(min(p for p in holm(list(row)) if p is not None) < 0.05 for row in trials)

    assert claims / 2000 < 0.06
