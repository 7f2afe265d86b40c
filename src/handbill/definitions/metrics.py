"""Which metrics an experiment may name, and what each one counts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from handbill.definitions.definition import Definition
from handbill.definitions.values import Line, MinimumEffect, Money, Window


@dataclass(frozen=True)
class Metric:
    """A number for every unit. `rate` is a share of the units, `amount` a mean for each of them, `ratio` one of sums.

    `outcome` metrics exist for everybody, `message` metrics only for units that were sent something.
    """

    name: str
    kind: Literal["rate", "amount", "ratio"]
    of: Literal["outcome", "message"]
    meaning: str


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("conversion", "rate", "outcome", "Share of units that reached the goal at least once."),
        Metric("orders", "amount", "outcome", "Orders for each unit."),
        Metric("revenue", "amount", "outcome", "What each unit paid: after discount, less refunds."),
        Metric("margin", "amount", "outcome", "What each unit's orders left after the cost of goods and the discount."),
        Metric("revenue_per_order", "ratio", "outcome", "What was paid for each order."),
        Metric("delivered", "rate", "message", "Share of units whose message arrived."),
        Metric("bounces", "rate", "message", "Share of units whose message came back."),
        Metric(
            "opens", "rate", "message", "Share of units that opened; machines open mail too, so it decides nothing."
        ),
        Metric("clicks", "rate", "message", "Share of units that clicked a link."),
        Metric("unsubscribes", "rate", "message", "Share of units that unsubscribed."),
        Metric("complaints", "rate", "message", "Share of units that reported spam."),
        Metric("scans", "rate", "message", "Share of units that scanned the code of their printed piece."),
        Metric("codes", "rate", "message", "Share of units whose printed code came with a paid order."),
        Metric("orders_per_click", "ratio", "message", "Orders of those who clicked, for each of their clicks."),
    )
}


class OwnMetric(Definition):
    """A number of the project's own for every unit, made from its events."""

    event: Line = Field(description="The event that is counted or added up, such as product_view or order.")
    property: Line | None = Field(None, description="What of the event is added up, such as minutes.")
    aggregation: Literal["happened", "count", "sum", "average", "min", "max"] = Field(
        "happened", description="happened (a rate) or count; of a property: sum, average, min or max."
    )
    window: Window | None = Field(None, description="Window after the planned contact. Default: that of the goal.")
    cap: Money | None = Field(None, description="What is above it counts as this much, so that nobody outweighs all.")
    direction: Literal["up", "down"] = Field("up", description="Whether more of it is better, or less.")
    margin: MinimumEffect | None = Field(None, description="As a guardrail: how much worse is harmless.")

    def as_metric(self, name: str) -> Metric:
        """What an experiment needs to know to name it."""
        kind: Literal["rate", "amount"] = "rate" if self.aggregation == "happened" else "amount"
        return Metric(name, kind, "outcome", f"{self.aggregation} of {self.event}.")


def compared_arms(pair: str) -> tuple[str, str] | None:
    """`discount - plain` → (discount, plain): the first less the second; None when it is no such pair."""
    first, minus, second = (part.strip() for part in pair.partition(" - "))
    return (first, second) if first and minus and second else None
