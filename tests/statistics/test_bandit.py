"""Bandit shares: they add up, nobody is starved, and the evenly dealt part stays."""

import pytest

from handbill.statistics.bandit import bandit_shares, probabilities_of_being_best
from handbill.statistics.bayesian import rates_verdict
from handbill.statistics.samples import Proportion

ARMS = {"A": Proportion(5, of=1000), "B": Proportion(90, of=1000), "C": Proportion(7, of=1000)}


def test_shares_add_up_to_one() -> None:
    shares = bandit_shares(ARMS)

    assert sum(shares.total.values()) == pytest.approx(1)
    assert sum(shares.best.values()) == pytest.approx(1)
    assert sum(shares.uniform.values()) == pytest.approx(0.1)


def test_a_hopeless_version_keeps_its_floor_and_its_even_part() -> None:
    assert bandit_shares(ARMS).total["A"] == pytest.approx(0.1 / 3 + 0.9 * 0.01)


def test_versions_nobody_has_seen_yet_share_evenly() -> None:
    assert list(bandit_shares(dict.fromkeys("ABCD", Proportion())).total.values()) == pytest.approx([0.25] * 4)


def test_two_versions_agree_with_the_verdict_of_two() -> None:
    one, other = Proportion(50, of=1000), Proportion(60, of=1000)

    best = probabilities_of_being_best({"one": one, "other": other})

    assert best["other"] == pytest.approx(rates_verdict(one, other).probability_to_beat_control)


def test_a_single_version_gets_everything() -> None:
    assert bandit_shares({"A": Proportion(3, of=9)}).total == {"A": pytest.approx(1)}


def test_a_billion_contacts_are_decided() -> None:
    arms = {"A": Proportion(10**7, of=10**9), "B": Proportion(10**7 + 50_000, of=10**9)}

    assert probabilities_of_being_best(arms)["B"] == pytest.approx(1)


def test_floors_that_cannot_be_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"^3 versions cannot have 0\.5 each beside 0\.1 dealt evenly$"):
        bandit_shares(ARMS, floor=0.5)
    with pytest.raises(ValueError, match=r"^the parameters of a beta prior must be at least 0\.5 here$"):
        bandit_shares(ARMS, prior=(0.1, 1))
