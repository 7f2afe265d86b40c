"""Campaigns with known effects, through a real store: who was drawn, what they ordered, what was truly caused."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.random import Generator
from sqlalchemy import Connection, Table, insert

from handbill.reports.compare import compare
from handbill.reports.measure import measure
from handbill.statistics.results import Results
from handbill.store.tables import assignment, assignment_member, contact, definition, experiment, orders, run
from tests.conftest import NOW
from tests.reports.factory import WITHIN, Cell, registered_of

BASELINE, MORE_ORDERS = 0.08, 0.15
SPREAD = 0.7
"""Of the logarithm of what an order is worth."""

SHARES = ((0.5, 0.5), (0.2, 0.8))
"""Of holdout and mailed arm; each campaign in turn has another pair."""

LIFTS = (0.0, 0.02, -0.02, 0.04)
"""What the arms truly add to the share of buyers; each campaign in turn has another one."""

BATCH = 5_000


@dataclass(frozen=True)
class Simulated:
    """One campaign's comparison of arm and control, and the true differences by metric."""

    results: Results
    truths: dict[str, float]

    def covers(self, metric: str) -> bool:
        """Whether the interval holds the truth."""
        (found,) = (one for one in self.results.comparisons if one.metric == metric)
        result = found.result
        assert result.low is not None
        assert result.high is not None
        return result.low <= self.truths[metric] <= result.high


def simulate(connection: Connection, random: Generator, campaigns: int, units: int) -> Iterator[Simulated]:
    """Campaigns one after the other to the same people, each far enough from the last one to be alone in its window."""
    connection.execute(insert(definition).values(digest="d", campaign="c", content={}, first_seen_at=NOW))
    people = [
        {"id": number, "external_id": f"c{number}", "household_key": f"h{number}", "created_at": NOW, "updated_at": NOW}
        for number in range(1, units + 1)
    ]
    _insert(connection, contact, people)
    for number in range(campaigns):
        yield _campaign(connection, random, number, units, SHARES[number % 2], LIFTS[number // 2 % len(LIFTS)])


def _campaign(
    connection: Connection, random: Generator, number: int, units: int, shares: Sequence[float], lift: float
) -> Simulated:
    origin = NOW + number * (WITHIN + timedelta(days=1))
    name = f"c{number}"
    cells = [Cell("nothing", 1, 0, share=shares[0]), Cell("email", 1, 0, ("email",), share=shares[1])]
    registered = registered_of(cells, campaign=name, experiment_id=number + 1, margin_rate=0.4)
    connection.execute(
        insert(experiment).values(
            id=number + 1, campaign=name, salt=name, unit="contact", registration={}, registration_digest=name,
            sealed_at=NOW,
        )
    )  # fmt: skip
    connection.execute(
        insert(run).values(
            id=number + 1, campaign=name, wave="once", state="finished", definition_digest="d", plan_digest="p",
            plan={}, scheduled_at=origin, started_at=origin,
        )
    )  # fmt: skip
    mailed = random.random(units) < shares[1]
    drawn = [
        {
            "id": number * units + place + 1, "experiment_id": number + 1, "unit_id": f"c{place + 1}", "epoch": 0,
            "arm": "email" if mailed[place] else "nothing", "propensity": 0.5, "run_id": number + 1,
            "eligible_at": origin, "origin_at": origin,
        }
        for place in range(units)
    ]  # fmt: skip
    _insert(connection, assignment, drawn)
    members = [{"assignment_id": each["id"], "contact_id": place + 1} for place, each in enumerate(drawn)]
    _insert(connection, assignment_member, members)
    _insert(connection, orders, list(_orders(random, name, origin, mailed, lift)))
    return Simulated(compare(registered, measure(connection, registered, "GBP", messages=False)), _truths(lift))


def _orders(random: Generator, name: str, origin: Any, mailed: Any, lift: float) -> Iterator[dict[str, Any]]:
    chance = np.where(mailed, BASELINE + lift, BASELINE)
    for place in np.flatnonzero(random.random(mailed.size) < chance):
        for further in range(1 + int(random.poisson(MORE_ORDERS))):
            at = origin + (WITHIN - timedelta(hours=1)) * float(random.random())
            yield {
                "external_id": f"{name}-{place}-{further}", "contact_id": int(place) + 1, "ordered_at": at,
                "received_at": at, "total": round(1e6 * float(random.lognormal(3.5, SPREAD))), "discount": 0,
                "currency": "GBP", "source": "shop",
            }  # fmt: skip


def _truths(lift: float) -> dict[str, float]:
    """Over all people that there might have been, not only these."""
    each = (1 + MORE_ORDERS) * float(np.exp(3.5 + SPREAD**2 / 2))
    return {
        "conversion": lift,
        "orders": lift * (1 + MORE_ORDERS),
        "revenue": lift * each,
        "margin": 0.4 * lift * each,
    }


def _insert(connection: Connection, table: Table, rows: list[dict[str, Any]]) -> None:
    for start in range(0, len(rows), BATCH):
        connection.execute(insert(table), rows[start : start + BATCH])
