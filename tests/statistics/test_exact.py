"""Exact tests: small tables against published values, extreme ones without underflow."""

import itertools
import math

import pytest

from handbill.statistics.exact import boschloo, fisher
from handbill.statistics.samples import Proportion


def test_the_lady_tasting_tea() -> None:
    assert fisher(Proportion(1, of=4), Proportion(3, of=4), "greater").p_value == pytest.approx(17 / 70)


def test_fishers_probabilities_of_a_far_tail_do_not_underflow() -> None:
    result = fisher(Proportion(1000, of=1000), Proportion(10**6, of=10**9))

    assert result.log10_p_value == pytest.approx(-2999.7829, abs=1e-3)
    assert result.p_value > 0


def test_fishers_test_keeps_ties_at_a_billion_contacts() -> None:
    """Four successes that all fell into one of two equal arms: 2/2⁴, both extreme tables."""
    result = fisher(Proportion(0, of=10**9), Proportion(4, of=10**9))

    assert result.p_value == pytest.approx(2 / 2**4, rel=1e-8)


def test_nothing_to_tell_apart_has_probability_one() -> None:
    assert fisher(Proportion(0, of=10), Proportion(0, of=10)).p_value == 1


def test_boschloos_test_never_gives_more_than_twice_fishers_one_sided_probability() -> None:
    for x, y in itertools.product(range(6), (0, 2, 5, 7)):
        control, treatment = Proportion(x, of=5), Proportion(y, of=7)
        one_sided = min(fisher(control, treatment, side).p_value for side in ("greater", "less"))
        assert boschloo(control, treatment).p_value <= min(1.0, 2 * one_sided) + 1e-12


def test_boschloos_test_finds_the_worst_common_rate() -> None:
    """All of 2 against none of 2: only two tables are as extreme, each (rate(1−rate))², at most 1/16."""
    assert boschloo(Proportion(0, of=2), Proportion(2, of=2)).p_value == pytest.approx(2 / 16)


def test_boschloos_test_treats_both_directions_alike() -> None:
    one, other = Proportion(2, of=30), Proportion(9, of=33)

    assert boschloo(one, other).p_value == pytest.approx(boschloo(other, one).p_value, rel=1e-9)


def test_boschloos_test_keeps_its_level() -> None:
    """Over all tables of 9 against 7 contacts and several common rates, p ≤ 5 % happens at most 5 % of the time."""
    rejected = [
        (x, y)
        for x, y in itertools.product(range(10), range(8))
        if boschloo(Proportion(x, of=9), Proportion(y, of=7)).p_value <= 0.05
    ]
    for rate in (0.05, 0.2, 0.37, 0.5, 0.8):
        chance = sum(
            math.comb(9, x) * math.comb(7, y) * rate ** (x + y) * (1 - rate) ** (16 - x - y) for x, y in rejected
        )
        assert chance <= 0.05
