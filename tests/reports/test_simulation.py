"""Intervals cover the true effect as often as they promise."""

import numpy as np
from sqlalchemy import Engine

from handbill.reports.compare import compare
from handbill.reports.measure import Measured, measure
from handbill.reports.money import contrast_of, range_of
from handbill.statistics.results import Arm
from handbill.statistics.samples import Proportion
from handbill.store.connection import writing
from tests.reports.factory import Cell, fill, members_of, order, registered_of

BASE, LIFT = 0.10, 0.08


def test_a_simulated_experiment_is_measured_around_its_truth(store: Engine) -> None:
    random = np.random.default_rng(20261201)
    cells = [Cell("nothing", 400, 0), Cell("email", 400, 0, ("email",))]
    value = 30.0
    with writing(store) as connection:
        registered = fill(connection, cells)
        for cell, rate in zip(cells, (BASE, BASE + LIFT), strict=True):
            for person in members_of(connection, cell.name):
                if random.random() < rate:
                    order(connection, person, total=round(random.exponential(value) * 1e6))
        results = compare(registered, measure(connection, registered, "GBP"))
    for metric, truth in (("conversion", LIFT), ("revenue", LIFT * value), ("margin", LIFT * value * 0.4)):
        effect = range_of(contrast_of(results, metric, "email", "nothing"))
        assert effect is not None
        assert effect.low <= truth <= effect.high


def test_of_many_intervals_nineteen_in_twenty_cover_the_truth() -> None:
    random = np.random.default_rng(20261202)
    units, runs = 2_000, 400
    registered = registered_of([Cell("nothing", units, 0), Cell("email", units, 0, ("email",))])
    covered = 0
    for _ in range(runs):
        arms = tuple(
            Arm(name, units, {"conversion": Proportion(int(random.binomial(units, rate)), of=units)})
            for name, rate in (("nothing", BASE), ("email", BASE + 0.01))
        )
        effect = range_of(contrast_of(compare(registered, Measured(arms, ())), "conversion", "email", "nothing"))
        assert effect is not None
        covered += effect.low <= 0.01 <= effect.high
    assert 0.93 <= covered / runs <= 0.97
