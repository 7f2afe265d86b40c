"""How the shop's customers respond: with known true effects, so that a report can be held against the truth."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from handbill.demo.shop import Customer, Row, order_lines
from handbill.operations.simulation import AssignedUnit, Truth

MORE_ORDERS = 0.15
"""A buyer's further orders in the window: Poisson with this mean."""
MEAN_LINES = 0.6 * 1 + 0.3 * 2 + 0.1 * 3
MEAN_QUANTITY = 0.85 * 1 + 0.15 * 2
CODE_TYPED_RATE = 0.6
"""Share of the buyers with a piece who type its code."""


@dataclass(frozen=True)
class Effects:
    """What a campaign truly does.

    `lift` is the rise of the probability of buying, by arm; `discount` what buyers in the arm pay less;
    `baseline` what share would buy anyway; `mean_delay` when buyers buy, after the origin.
    """

    control: str
    window: timedelta
    baseline: float
    mean_delay: timedelta
    lift: Mapping[str, float]
    discount: Mapping[str, float] = field(default_factory=dict)


@dataclass
class Responses:
    """What came back for one campaign: order lines to import, and the true effects behind them."""

    lines: list[Row]
    truths: list[Truth]


class Crowd:
    """The customers, with the chance that each has already bought in answer to an earlier campaign."""

    def __init__(self, customers: Iterable[Customer], products: Sequence[Row], seed: int) -> None:
        self._customers = {customer.external_id: customer for customer in customers}
        self._products = list(products)
        self._random = np.random.default_rng(seed)
        self._bought: dict[str, float] = {}
        self._orders = 0

    def respond(self, units: Sequence[AssignedUnit], effects: Effects) -> Responses:
        """Draws each unit's orders in the window, and works out the true effects over exactly these units."""
        own = self._baselines(units, effects)
        lines: list[Row] = []
        for unit, baseline in zip(units, own, strict=True):
            chance = _chance(baseline, effects.lift.get(unit.arm, 0.0))
            if self._random.random() < chance:
                lines.extend(self._orders_of(unit, effects))
        truths = list(self._truths(units, own, effects))
        for unit, baseline in zip(units, own, strict=True):
            for member in unit.members:
                spread = _chance(baseline, effects.lift.get(unit.arm, 0.0)) / len(unit.members)
                self._bought[member] = 1 - (1 - self._bought.get(member, 0.0)) * (1 - spread)
        return Responses(lines, truths)

    def _baselines(self, units: Sequence[AssignedUnit], effects: Effects) -> list[float]:
        """Who buys anyway: those who have bought more often, scaled to the campaign's baseline."""
        eager = np.array([sum(self._customers[m].daily_orders for m in unit.members) for unit in units])
        scaled = effects.baseline * eager / max(float(eager.mean()), 1e-12)
        return [float(chance) for chance in np.clip(scaled, effects.baseline / 4, 0.5)]

    def _orders_of(self, unit: AssignedUnit, effects: Effects) -> Iterator[Row]:
        for _ in range(1 + int(self._random.poisson(MORE_ORDERS))):
            self._orders += 1
            delay = effects.mean_delay * float(self._random.exponential())
            at = unit.origin_at + min(delay, effects.window - timedelta(hours=1))
            member = unit.members[self._random.integers(len(unit.members))]
            typed = unit.codes[0] if unit.codes and self._random.random() < CODE_TYPED_RATE else None
            discount = effects.discount.get(unit.arm, 0.0)
            order_id = f"R-{self._orders:07d}"
            for line in order_lines(self._random, self._products, order_id, member, at, discount=discount):
                yield line | {"code": typed}

    def _truths(self, units: Sequence[AssignedUnit], own: Sequence[float], effects: Effects) -> Iterator[Truth]:
        """Averages over the units of what each would do in the arm, less what it would do in the control."""
        free = [self._free_chance(unit) for unit in units]
        order_value = MEAN_LINES * MEAN_QUANTITY * float(np.mean([float(p["price"] or 0) for p in self._products]))

        def buyers(arm: str) -> float:
            chances = [_chance(base, effects.lift.get(arm, 0.0)) for base in own]
            return float(np.mean([chance * none for chance, none in zip(chances, free, strict=True)]))

        def revenue(arm: str) -> float:
            chances = [_chance(base, effects.lift.get(arm, 0.0)) for base in own]
            paid = order_value * (1 - effects.discount.get(arm, 0.0))
            return float(np.mean(chances)) * (1 + MORE_ORDERS) * paid

        arms = sorted({unit.arm for unit in units} - {effects.control})
        pairs = [(arm, effects.control) for arm in arms] + [(b, a) for a in arms for b in arms if a != b]
        for arm, control in pairs:
            yield Truth("conversion", arm, control, buyers(arm) - buyers(control))
            yield Truth("revenue", arm, control, revenue(arm) - revenue(control))

    def _free_chance(self, unit: AssignedUnit) -> float:
        """The chance that nobody in the unit has already bought because of another campaign."""
        return float(np.prod([1 - self._bought.get(member, 0.0) for member in unit.members]))


def _chance(baseline: float, lift: float) -> float:
    return min(max(baseline + lift, 0.0), 1.0)
