"""The true effects that the simulation names are the ones that it works with."""

import numpy as np

from handbill.demo.effects import TRUE_EFFECTS
from handbill.demo.shop import CLOCK_AT, make_customers, products
from handbill.demo.simulate import Crowd
from handbill.operations.simulation import AssignedUnit, Truth

EFFECTS = TRUE_EFFECTS["spring-sale"]
CUSTOMERS = list(make_customers(np.random.default_rng(7), 1500))


def drawn_units(seed: int) -> list[AssignedUnit]:
    arms = np.random.default_rng(seed).integers(2, size=len(CUSTOMERS))
    return [
        AssignedUnit(customer.external_id, ("nothing", "discount")[arm], CLOCK_AT, (customer.external_id,), ())
        for customer, arm in zip(CUSTOMERS, arms, strict=True)
    ]


def observed_difference(seed: int) -> tuple[float, float]:
    """Buyers and revenue a unit, discount minus nothing."""
    units = drawn_units(seed)
    spent = dict.fromkeys((unit.unit_id for unit in units), 0.0)
    for line in Crowd(CUSTOMERS, list(products()), seed).respond(units, EFFECTS).lines:
        spent[str(line["external_id"])] += float(line["price"] or 0) * float(line["quantity"] or 0)
    by_arm = {
        arm: np.array([spent[unit.unit_id] for unit in units if unit.arm == arm]) for arm in ("nothing", "discount")
    }
    buyers = {arm: float((values > 0).mean()) for arm, values in by_arm.items()}
    revenue = {arm: float(values.mean()) for arm, values in by_arm.items()}
    return buyers["discount"] - buyers["nothing"], revenue["discount"] - revenue["nothing"]


def test_over_many_draws_the_observed_effect_is_the_true_one() -> None:
    truths = Crowd(CUSTOMERS, list(products()), 0).respond(drawn_units(0), EFFECTS).truths
    true = {truth.metric: truth.difference for truth in truths if (truth.arm, truth.control) == ("discount", "nothing")}
    seen = np.array([observed_difference(seed) for seed in range(60)])
    for column, metric in enumerate(("conversion", "revenue")):
        error = abs(seen[:, column].mean() - true[metric])
        assert error < 3 * seen[:, column].std() / np.sqrt(len(seen)), metric


def test_buyers_in_the_discount_arm_pay_less_and_order_in_the_window() -> None:
    units = drawn_units(1)
    lines = Crowd(CUSTOMERS, list(products()), 1).respond(units, EFFECTS).lines
    arm = {unit.unit_id: unit.arm for unit in units}
    listed = {row["sku"]: float(row["price"] or 0) for row in products()}
    for line in lines:
        expected = listed[line["sku"]] * (0.85 if arm[str(line["external_id"])] == "discount" else 1)
        assert float(line["price"] or 0) == round(expected, 2)
        assert CLOCK_AT.isoformat() <= str(line["ordered_at"]) < (CLOCK_AT + EFFECTS.window).isoformat()


def test_households_that_an_earlier_campaign_moved_lower_the_true_effect_of_a_later_one() -> None:
    units = drawn_units(2)
    crowd = Crowd(CUSTOMERS, list(products()), 2)

    def conversion(truths: list[Truth]) -> float:
        return next(t.difference for t in truths if (t.metric, t.arm) == ("conversion", "discount"))

    first = conversion(crowd.respond(units, EFFECTS).truths)
    second = conversion(crowd.respond(units, EFFECTS).truths)
    assert 0 < second < first
