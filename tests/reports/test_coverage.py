"""From drawn arms and imported orders to the printed interval: it holds the truth as often as it says."""

import numpy as np
from sqlalchemy import Engine

from handbill.store.connection import writing
from tests.reports.simulated import simulate

CAMPAIGNS, FEWEST = 40, 34
"""Of 40 intervals of 95 %, fewer than 34 hold the truth once in 300 times, if all is well."""

METRICS = ("conversion", "orders", "revenue", "margin")


def test_intervals_hold_the_truth_of_simulated_campaigns(store: Engine) -> None:
    with writing(store) as connection:
        simulated = list(simulate(connection, np.random.default_rng(11), CAMPAIGNS, 1_500))
    covered = {metric: sum(each.covers(metric) for each in simulated) for metric in METRICS}
    assert all(count >= FEWEST for count in covered.values()), covered
