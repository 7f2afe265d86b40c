"""Planned looks: published borders, the whole error spent and no more, and results that know when they were taken."""

import math

import numpy as np
import pytest

from handbill.statistics.sequential import Look, decide, drift_for, expected_share, inflation
from handbill.statistics.spending import FARTHEST, borders, crossing_probabilities, obrien_fleming_type


def test_two_looks_have_the_published_borders() -> None:
    assert borders([0.5, 1.0]) == pytest.approx((2.9626, 1.9686), abs=5e-5)


def test_one_look_is_no_look() -> None:
    assert borders([1.0]) == pytest.approx((1.959964,))
    assert inflation([1.0]) == pytest.approx(1)
    assert expected_share([1.0]) == pytest.approx(1)


@pytest.mark.parametrize("fractions", [[0.1, 0.5, 0.55, 1.0], [0.01, 1.0], [0.9, 0.95, 1.3]])
def test_the_whole_error_is_spent_at_the_end_whenever_the_looks_were(fractions: list[float]) -> None:
    assert sum(crossing_probabilities(fractions, borders(fractions))) == pytest.approx(0.025)


def test_a_last_look_before_the_planned_end_spends_what_is_left() -> None:
    limits = borders([0.5, 0.8], final=True)

    assert limits[0] == borders([0.5, 1.0])[0]
    assert sum(crossing_probabilities([0.5, 0.8], limits)) == pytest.approx(0.025)


def test_a_look_at_next_to_nothing_cannot_end_the_experiment() -> None:
    assert borders([1e-5, 1.0])[0] == FARTHEST


def test_twenty_looks_agree_with_simulated_walks() -> None:
    fractions = [k / 20 for k in range(1, 21)]
    steps = np.random.default_rng(2).normal(0, math.sqrt(1 / 20), (20_000, 20))
    z = steps.cumsum(axis=1) / np.sqrt(fractions)

    crossed = (z >= borders(fractions)).any(axis=1).mean()

    assert crossed == pytest.approx(0.025, abs=0.004)


def test_almost_nothing_is_spent_early() -> None:
    assert obrien_fleming_type(0.2) == pytest.approx(5.39e-7, rel=1e-3)
    assert obrien_fleming_type(1.2) == 0.025


def test_looks_must_bring_new_information() -> None:
    with pytest.raises(ValueError, match=r"must grow from above zero: \[0\.5, 0\.5\]$"):
        borders([0.5, 0.5])


def test_an_experiment_that_crossed_no_border_goes_on() -> None:
    decision = decide([Look(0.5, 2.0)], 0.01)

    assert (decision.ended, decision.significant, decision.p_value) == (False, False, None)
    assert decision.reasons == ("The experiment goes on: |z| is 2.00, and ending now would take 2.96.",)


def test_a_crossed_border_ends_it() -> None:
    decision = decide([Look(0.5, 3.5)], 0.01)

    assert (decision.ended, decision.significant) == (True, True)
    assert decision.p_value == pytest.approx(math.erfc(3.5 / math.sqrt(2)))
    assert decision.estimate == pytest.approx(0.035)
    assert (decision.low, decision.high) == pytest.approx((0.035 - 0.0196, 0.035 + 0.0196), abs=1e-5)


def test_a_result_at_the_end_remembers_that_it_could_have_ended_before() -> None:
    decision = decide([Look(0.5, 2.5), Look(1.0, 2.5)], 0.01)

    assert decision.significant
    assert decision.p_value is not None
    assert decision.estimate is not None
    assert decision.p_value > math.erfc(2.5 / math.sqrt(2))
    assert decision.estimate < 0.025


def test_harm_mirrors_gain() -> None:
    up, down = (decide([Look(0.5, sign), Look(1.0, 2.2 * sign)], 0.01) for sign in (1, -1))

    assert up.p_value == down.p_value
    assert (up.low, up.estimate, up.high) == pytest.approx((-(down.high or 0), -(down.estimate or 0), -(down.low or 0)))


def test_the_interval_excludes_zero_exactly_when_the_border_is_crossed() -> None:
    for z in np.linspace(1.9, 2.05, 16):
        decision = decide([Look(0.5, 1.0), Look(1.0, float(z))], 0.01)
        assert decision.low is not None
        assert decision.significant == (decision.low > 0)


def test_an_experiment_that_has_ended_has_no_further_look() -> None:
    with pytest.raises(ValueError, match=r"^the experiment ended at look 1, so there is no look 2$"):
        decide([Look(0.5, 3.5), Look(1.0, 3.6)], 0.01)


def test_looks_cost_few_units_at_most_and_save_many_on_average() -> None:
    assert inflation([0.5, 1.0]) == pytest.approx(1.0037, abs=1e-4)
    assert expected_share([0.5, 1.0]) == pytest.approx(0.918, abs=0.001)


def test_the_drift_has_the_power_that_it_is_for() -> None:
    fractions = [0.3, 0.7, 1.0]

    drift = drift_for(fractions, power=0.9)

    assert sum(crossing_probabilities(fractions, borders(fractions), drift=drift)) == pytest.approx(0.9)
