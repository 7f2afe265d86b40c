"""How each metric reads in a report: its title, its unit, and whether more of it is better."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from handbill.definitions.metrics import METRICS, Metric

Scale = Literal["share", "count", "money"]
"""A share of the units, a number of things for each unit, or an amount of money for each unit."""


@dataclass(frozen=True)
class Reading:
    """How a metric is said. `one` and `many` name what is gained: a buyer, buyers."""

    metric: Metric
    title: str
    scale: Scale
    one: str
    many: str
    more_is_better: bool = True

    @property
    def name(self) -> str:
        """The name that campaigns.yaml uses."""
        return self.metric.name


def _reading(name: str, title: str, scale: Scale, one: str, many: str, *, more_is_better: bool = True) -> Reading:
    return Reading(METRICS[name], title, scale, one, many, more_is_better)


READINGS: Mapping[str, Reading] = {
    reading.name: reading
    for reading in (
        _reading("conversion", "Conversion", "share", "buyer", "buyers"),
        _reading("orders", "Orders", "count", "order", "orders"),
        _reading("revenue", "Revenue", "money", "revenue", "revenue"),
        _reading("margin", "Margin", "money", "margin", "margin"),
        _reading("delivered", "Delivered", "share", "delivery", "deliveries"),
        _reading("bounces", "Bounces", "share", "bounce", "bounces", more_is_better=False),
        _reading("opens", "Opens", "share", "opener", "openers"),
        _reading("clicks", "Clicks", "share", "clicker", "clickers"),
        _reading("unsubscribes", "Unsubscribes", "share", "unsubscriber", "unsubscribers", more_is_better=False),
        _reading("complaints", "Complaints", "share", "complaint", "complaints", more_is_better=False),
    )
}
"""Every metric of `handbill.definitions.metrics`, in the order of a report."""

OUTCOMES = tuple(name for name, reading in READINGS.items() if reading.metric.of == "outcome")
MESSAGES = tuple(name for name, reading in READINGS.items() if reading.metric.of == "message")
