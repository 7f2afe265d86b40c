"""Where a difference in revenue comes from: more buyers or larger orders, and whether shuffled arms show it too."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from handbill.reports.families import families_of
from handbill.reports.registered import Registered
from handbill.statistics.results import Arm
from handbill.statistics.revenue_parts import RevenueParts, permutation_p_value, split_revenue
from handbill.statistics.samples import Sample

REVENUE = "revenue"
MOST_SHUFFLES = 2000
MOST_DRAWN = 20_000_000
"""Buyers times shuffles: about a second."""
FEWEST_SHUFFLES = 199


@dataclass(frozen=True)
class Explained:
    """One deciding comparison: its revenue per unit in two parts, and the p-value of so many shuffles, where there are
    few enough buyers to shuffle them.
    """

    arm: str
    control: str
    parts: RevenueParts
    p_value: float | None
    shuffles: int


def explained(
    connection: Connection, registered: Registered, arms: tuple[Arm, ...], currency: str
) -> tuple[Explained, ...]:
    """The deciding comparisons whose arms both have buyers; the same report is shuffled the same way again."""
    sums = {arm.name: sample for arm in arms if isinstance(sample := arm.metrics.get(REVENUE), Sample)}
    pairs = [pair for pair in registered.deciding if all(name in sums and sums[name].buyers for name in pair)]
    if not pairs:
        return ()
    buyers = sum(sample.buyers for sample in sums.values())
    shuffles = min(MOST_SHUFFLES, MOST_DRAWN // buyers)
    values = _values(connection, registered, currency, sums) if shuffles >= FEWEST_SHUFFLES else {}
    random = default_rng(list(registered.digest.encode()))
    return tuple(
        Explained(
            arm, control, split_revenue(sums[control], sums[arm]), _shuffled(values, arm, control, random, shuffles),
            shuffles,
        )
        for arm, control in pairs
    )  # fmt: skip


def _values(
    connection: Connection, registered: Registered, currency: str, sums: dict[str, Sample]
) -> dict[str, NDArray[np.float64]]:
    """Revenue of every unit by arm; those who bought nothing are zeros."""
    sales = next(family for family in families_of(connection, registered, currency) if family.name == "sales")
    rows = sales.rows.subquery()
    found: dict[str, list[float]] = {}
    for arm, revenue in connection.execute(select(rows.c.arm, rows.c.revenue)).tuples():
        if revenue:
            found.setdefault(arm, []).append(float(revenue))
    return {
        name: np.concatenate((np.array(found.get(name, [])), np.zeros(sample.n - len(found.get(name, [])))))
        for name, sample in sums.items()
    }


def _shuffled(
    values: dict[str, NDArray[np.float64]], arm: str, control: str, random: Generator, shuffles: int
) -> float | None:
    if not values:
        return None
    return permutation_p_value(values[control], values[arm], random, shuffles=shuffles)
