"""How each metric reads in a report: its title, its unit, and whether more of it is better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from handbill.definitions.metrics import METRICS, Metric

Scale = Literal["share", "count", "money"]
"""A share of the units, a number of things for each unit, or an amount of money for each unit."""


@dataclass(frozen=True)
class Own:
    """A metric of the project's own, as it was sealed. `cap` is in the property's unit, `margin` in the metric's."""

    name: str
    event: str
    of_property: str | None
    aggregation: Literal["happened", "count", "sum", "average", "min", "max"]
    within: timedelta | None
    cap: float | None
    more_is_better: bool
    margin: float | None

    @property
    def reading(self) -> "Reading":
        """How it reads: by its own name."""
        kind: Literal["rate", "amount"] = "rate" if self.aggregation == "happened" else "amount"
        words = self.name.replace("_", " ")
        meaning = f"{self.aggregation} of {self.of_property or self.event}."
        return Reading(
            Metric(self.name, kind, "outcome", meaning), words[:1].upper() + words[1:],
            "share" if kind == "rate" else "count", words, words, self.more_is_better,
        )  # fmt: skip


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
        _reading("revenue_per_order", "Revenue per order", "money", "revenue per order", "revenue per order"),
        _reading("delivered", "Delivered", "share", "delivery", "deliveries"),
        _reading("bounces", "Bounces", "share", "bounce", "bounces", more_is_better=False),
        _reading("opens", "Opens", "share", "opener", "openers"),
        _reading("clicks", "Clicks", "share", "clicker", "clickers"),
        _reading("unsubscribes", "Unsubscribes", "share", "unsubscriber", "unsubscribers", more_is_better=False),
        _reading("complaints", "Complaints", "share", "complaint", "complaints", more_is_better=False),
        _reading("scans", "Scans", "share", "scanner", "scanners"),
        _reading("codes", "Codes", "share", "user of the code", "users of the code"),
        _reading("orders_per_click", "Orders per click", "count", "order per click", "orders per click"),
    )
}
"""Every metric of `handbill.definitions.metrics`, in the order of a report."""

OUTCOMES = tuple(name for name, reading in READINGS.items() if reading.metric.of == "outcome")
MESSAGES = tuple(name for name, reading in READINGS.items() if reading.metric.of == "message")


def readings(own: Sequence[Own]) -> Mapping[str, Reading]:
    """The metrics that every project has, and those of its own, by name."""
    return {**READINGS, **{each.name: each.reading for each in own}}
