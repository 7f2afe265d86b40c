"""What each unit did in its window, one row a unit, from each place where that is kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, Select, and_, case, cast, func, literal, select

from handbill.definitions.values import MILLIONTHS
from handbill.planning.attributes import json_value
from handbill.reports.metrics import Own
from handbill.reports.registered import Registered
from handbill.responses.attribution import goal_events, goal_orders, in_window, whose
from handbill.responses.events import ANSWERS
from handbill.store.tables import assignment, assignment_member, event, orders, outbox, run

MACHINES = ("machine", "proxy")
"""Verdicts of opens and clicks that no person made."""
DOUBTFUL = (*MACHINES, "unknown")
"""Verdicts of answers that are not a person's for certain: an experiment is not decided by them."""

FLAWS = ("lines", "foreign", "uncosted")
"""Orders in all, in another currency than the project's, and without the cost of their goods."""


@dataclass(frozen=True)
class Family:
    """Units that did something of one sort: `rows` has `unit`, `arm`, and a column for each of `rates` and `amounts`.

    Units that did nothing have no row. A rate is the share of units whose column is above zero. `ratios` are pairs
    of columns; `counters` are added up as they are.
    """

    name: str
    rows: Select[Any]
    rates: tuple[str, ...] = ()
    amounts: tuple[str, ...] = ()
    ratios: Mapping[str, tuple[str, str]] | None = None
    counters: tuple[str, ...] = ()


def families_of(connection: Connection, registered: Registered, currency: str) -> list[Family]:
    """Every family that this experiment needs."""
    found = [_sales(registered, currency)]
    if registered.goal_event != "order":
        found.append(_goals(registered))
    runs = list(connection.scalars(select(run.c.id).where(run.c.campaign == registered.campaign)))
    channels = {channel for arm in registered.arms for channel in arm.channels}
    if runs and channels:
        found.append(_answers(registered, runs))
    if runs and "direct_mail" in channels:
        found.append(_codes(registered, runs))
    found += [_own(registered, kind) for kind in dict.fromkeys(own.event for own in registered.own)]
    return found


def _sales(registered: Registered, currency: str) -> Family:
    """What each unit that ordered bought: paid orders, and money over all of them (cancellations are negative)."""
    order = goal_orders(registered.units, registered.within)
    total, discount = cast(order.c.total, Double), cast(order.c.discount, Double)
    margin: ColumnElement[float] = total - cast(order.c.cost, Double)
    if registered.margin_rate is not None:
        declared = literal(registered.margin_rate, Double) * (total + discount) - discount
        margin = case((order.c.cost.is_not(None), margin), else_=declared)
    rows = select(
        order.c.unit,
        func.max(order.c.arm).label("arm"),
        func.sum(case((order.c.total > 0, 1), else_=0)).label("orders"),
        (func.sum(total) / float(MILLIONTHS)).label("revenue"),
        (func.sum(func.coalesce(margin, 0.0)) / float(MILLIONTHS)).label("margin"),
        func.count().label("lines"),
        func.sum(case((order.c.currency != currency, 1), else_=0)).label("foreign"),
        func.sum(case((order.c.cost.is_(None), 1), else_=0)).label("uncosted"),
    ).group_by(order.c.unit)
    rates = ("conversion",) if registered.goal_event == "order" else ()
    if rates:
        rows = rows.add_columns(func.sum(case((order.c.total > 0, 1), else_=0)).label("conversion"))
    return Family(
        "sales", rows, rates, ("orders", "revenue", "margin"), {"revenue_per_order": ("revenue", "orders")}, FLAWS
    )


def _goals(registered: Registered) -> Family:
    reached = goal_events(registered.units, registered.within, registered.goal_event)
    rows = select(reached.c.unit, func.max(reached.c.arm).label("arm"), func.count().label("conversion"))
    return Family("goals", rows.group_by(reached.c.unit), ("conversion",))


def _answers(registered: Registered, runs: list[int]) -> Family:
    """How often each unit answered a message of this campaign, by the kind of answer; and only people's count."""
    kind = event.c.kind
    counts = [func.sum(case((kind.in_(sorted(kinds)), 1), else_=0)).label(name) for name, kinds in ANSWERS.items()]
    rows = (
        select(assignment.c.id.label("unit"), assignment.c.arm, *counts)
        .join(assignment_member, assignment_member.c.assignment_id == assignment.c.id)
        .join(outbox, (outbox.c.contact_id == assignment_member.c.contact_id) & outbox.c.run_id.in_(runs))
        .join(event, event.c.outbox_id == outbox.c.id)
        .where(
            registered.units.chosen,
            event.c.verdict.is_(None) | event.c.verdict.not_in(DOUBTFUL),
        )
        .group_by(assignment.c.id)
    )
    return Family("answers", rows, tuple(ANSWERS))


def _codes(registered: Registered, runs: list[int]) -> Family:
    """Which units' printed codes came with a paid order."""
    rows = (
        select(assignment.c.id.label("unit"), assignment.c.arm, func.count().label("codes"))
        .join(assignment_member, assignment_member.c.assignment_id == assignment.c.id)
        .join(outbox, (outbox.c.contact_id == assignment_member.c.contact_id) & outbox.c.run_id.in_(runs))
        .join(orders, orders.c.code == outbox.c.code)
        .where(registered.units.chosen, outbox.c.code.is_not(None), orders.c.total > 0)
        .group_by(assignment.c.id)
    )
    return Family("codes", rows, ("codes",))


def _own(registered: Registered, kind: str) -> Family:
    """The project's own metrics of one event; of orders, the properties are their columns."""
    mine = [own for own in registered.own if own.event == kind]
    source, at, where = (orders, orders.c.ordered_at, orders.c.total > 0) if kind == "order" else (
        event, event.c.occurred_at,
        and_(event.c.kind == kind, event.c.verdict.is_(None) | event.c.verdict.not_in(MACHINES)),
    )  # fmt: skip
    longest = max(_window(registered, own) for own in mine)
    rows = (
        select(
            assignment.c.id.label("unit"),
            assignment.c.arm,
            *(_value(own, in_window(at, _window(registered, own))).label(own.name) for own in mine),
        )
        .join(assignment_member, assignment_member.c.assignment_id == assignment.c.id)
        .join(source, source.c.contact_id == whose())
        .where(registered.units.chosen, where, in_window(at, longest))
        .group_by(assignment.c.id)
    )
    rates = tuple(own.name for own in mine if own.aggregation == "happened")
    return Family(f"own {kind}", rows, rates, tuple(own.name for own in mine if own.name not in rates))


def _value(own: Own, inside: ColumnElement[bool]) -> ColumnElement[Any]:
    """The metric over the unit's events inside its window, no more than its cap."""
    if own.aggregation in ("happened", "count"):
        value: ColumnElement[Any] = func.sum(case((inside, 1), else_=0))
    else:
        found = case((inside, _property(own)))
        joined = getattr(func, {"average": "avg"}.get(own.aggregation, own.aggregation))(found)
        value = func.coalesce(cast(joined, Double), 0.0)
    return value if own.cap is None else case((value > own.cap, literal(own.cap, Double)), else_=value)


def _property(own: Own) -> ColumnElement[Any]:
    if own.event != "order":
        return cast(json_value(event.c.properties, own.of_property or "", "number").value, Double)
    return cast(orders.c[own.of_property or "total"], Double) / float(MILLIONTHS)


def _window(registered: Registered, own: Own) -> timedelta:
    return own.within or registered.within
