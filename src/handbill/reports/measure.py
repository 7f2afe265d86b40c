"""What each arm did in its window: one grouped statement for all metrics, over all assigned units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Connection, Double, Row, Subquery, case, cast, func, literal, select
from sqlalchemy.sql.selectable import FromClause

from handbill.definitions.values import MILLIONTHS
from handbill.reports.metrics import MESSAGES, READINGS
from handbill.reports.registered import Registered
from handbill.responses.attribution import goal_events, goal_orders
from handbill.responses.events import ANSWERS, MAILBOX_WATERMARK
from handbill.statistics.results import Aggregate, Arm, Gap
from handbill.statistics.samples import Proportion, Sample
from handbill.store.tables import assignment, assignment_member, event, outbox, run, source_watermark

MACHINES = ("machine", "proxy")
"""Verdicts of opens and clicks that no person made."""


@dataclass(frozen=True)
class Measured:
    """The sums of every metric by arm, in the order of the registration, and what could not be measured."""

    arms: tuple[Arm, ...]
    gaps: tuple[Gap, ...]


def measure(connection: Connection, registered: Registered, currency: str) -> Measured:
    """Sums over all assigned units, by intention to treat, in the window after each unit's origin.

    Money is in `currency`, not in millionths: squares and cubes of millionths do not fit in 64 bits.
    """
    row_of = {row.arm: row for row in connection.execute(_statement(registered, currency))}
    found = [row_of[arm.name] for arm in registered.arms if arm.name in row_of]
    gaps = [*_money_gaps(found, registered, currency), *_unheard(connection, found)]
    missing = {gap.metric for gap in gaps}
    arms = []
    for arm in registered.arms:
        row = row_of.get(arm.name)
        metrics = {} if row is None else _aggregates(row, missing, with_messages=bool(arm.channels))
        arms.append(Arm(arm.name, row.units if row else 0, metrics))
    return Measured(tuple(arms), tuple(gaps))


def _statement(registered: Registered, currency: str) -> Any:
    """One row an arm: `units`, and for each metric `…_count` or `…_buyers`, `…_sum`, `…_squares`, `…_cubes`."""
    unit = assignment.alias("unit")
    sale, answer = _sales(registered, currency), _answers(registered)
    source: FromClause = unit.outerjoin(sale, sale.c.unit == unit.c.id).outerjoin(answer, answer.c.unit == unit.c.id)
    reached = sale.c.orders > 0
    if registered.goal_event != "order":
        goal = _goals(registered)
        source = source.outerjoin(goal, goal.c.unit == unit.c.id)
        reached = goal.c.unit.is_not(None)
    columns: list[ColumnElement[Any]] = [unit.c.arm, func.count().label("units"), _count(reached, "conversion")]
    for name in ("orders", "revenue", "margin"):
        columns += _sums(sale.c[name], name)
    columns += [_count(answer.c[name] > 0, name) for name in MESSAGES]
    columns += [cast(func.coalesce(func.sum(sale.c[name]), 0), BigInteger).label(name) for name in _FLAWS]
    return (
        select(*columns)
        .select_from(source)
        .where(unit.c.experiment_id == registered.experiment_id)
        .group_by(unit.c.arm)
    )


_FLAWS = ("lines", "foreign", "uncosted")
"""Orders in all, in another currency than the project's, and without the cost of their goods."""


def _sales(registered: Registered, currency: str) -> Subquery:
    """What each unit that ordered bought: paid orders, and money over all of them (cancellations are negative)."""
    order = goal_orders(registered.experiment_id, registered.within)
    total, discount = cast(order.c.total, Double), cast(order.c.discount, Double)
    margin: ColumnElement[float] = total - cast(order.c.cost, Double)
    if registered.margin_rate is not None:
        declared = literal(registered.margin_rate, Double) * (total + discount) - discount
        margin = case((order.c.cost.is_not(None), margin), else_=declared)
    return (
        select(
            order.c.unit,
            func.sum(case((order.c.total > 0, 1), else_=0)).label("orders"),
            (func.sum(total) / float(MILLIONTHS)).label("revenue"),
            (func.sum(func.coalesce(margin, 0.0)) / float(MILLIONTHS)).label("margin"),
            func.count().label("lines"),
            func.sum(case((order.c.currency != currency, 1), else_=0)).label("foreign"),
            func.sum(case((order.c.cost.is_(None), 1), else_=0)).label("uncosted"),
        )
        .group_by(order.c.unit)
        .subquery("sale")
    )


def _goals(registered: Registered) -> Subquery:
    reached = goal_events(registered.experiment_id, registered.within, registered.goal_event)
    return select(reached.c.unit).distinct().subquery("goal")


def _answers(registered: Registered) -> Subquery:
    """How often each unit answered a message of this campaign, by the kind of answer; machines do not count."""
    kind = event.c.kind
    by_person = event.c.verdict.is_(None) | event.c.verdict.not_in(MACHINES)
    counts = [
        func.sum(case((kind.in_(sorted(kinds)) & by_person, 1), else_=0)).label(name) for name, kinds in ANSWERS.items()
    ]
    return (
        select(assignment.c.id.label("unit"), *counts)
        .join(assignment_member, assignment_member.c.assignment_id == assignment.c.id)
        .join(outbox, outbox.c.contact_id == assignment_member.c.contact_id)
        .join(run, (run.c.id == outbox.c.run_id) & (run.c.campaign == registered.campaign))
        .join(event, event.c.outbox_id == outbox.c.id)
        .where(assignment.c.experiment_id == registered.experiment_id)
        .group_by(assignment.c.id)
        .subquery("answer")
    )


def _count(reached: ColumnElement[bool], name: str) -> ColumnElement[int]:
    return func.sum(case((reached, 1), else_=0)).label(f"{name}_count")


def _sums(value: ColumnElement[Any], name: str) -> list[ColumnElement[Any]]:
    x = cast(func.coalesce(value, 0), Double)
    return [
        func.sum(case((x != 0.0, 1), else_=0)).label(f"{name}_buyers"),
        func.sum(x).label(f"{name}_sum"),
        func.sum(x * x).label(f"{name}_squares"),
        func.sum(x * x * x).label(f"{name}_cubes"),
    ]


def _aggregates(row: Row[Any], missing: set[str], *, with_messages: bool) -> dict[str, Aggregate]:
    """The metrics of one arm; those of messages only where the arm sends any."""
    values = row._mapping  # noqa: SLF001 - SQLAlchemy's documented name for a row's columns
    aggregates: dict[str, Aggregate] = {}
    for name, reading in READINGS.items():
        if name in missing or (reading.metric.of == "message" and not with_messages):
            continue
        if reading.metric.kind == "rate":
            aggregates[name] = Proportion(int(values[f"{name}_count"]), of=row.units)
        else:
            total, squares, cubes = (float(values[f"{name}_{power}"]) for power in ("sum", "squares", "cubes"))
            aggregates[name] = Sample(row.units, total, squares, cubes, int(values[f"{name}_buyers"]))
    return aggregates


def _money_gaps(rows: Sequence[Row[Any]], registered: Registered, currency: str) -> list[Gap]:
    """Which metrics the orders do not allow, and why."""
    lines, foreign, uncosted = (sum(int(getattr(row, name)) for row in rows) for name in _FLAWS)
    gaps = []
    if foreign:
        reason = (
            f"{foreign} of {lines} orders are in another currency than {currency}, so their money cannot be added up."
        )
        gaps += [Gap(reason, "revenue"), Gap(reason, "margin")]
    elif uncosted and registered.margin_rate is None:
        reason = (
            f"{uncosted} of {lines} orders carry no cost of goods, and no margin_rate is declared in the campaign's "
            "goal, so margin is not known."
        )
        gaps.append(Gap(reason, "margin"))
    return gaps


def _unheard(connection: Connection, rows: Sequence[Row[Any]]) -> list[Gap]:
    """Answers of which nothing was ever heard: nobody asked for them, so their number is not known to be zero."""
    mailbox_was_read = connection.scalar(
        select(source_watermark.c.imported_at).where(
            source_watermark.c.kind == MAILBOX_WATERMARK[0], source_watermark.c.source == MAILBOX_WATERMARK[1]
        )
    )
    heard = {name for name in MESSAGES if any(int(getattr(row, f"{name}_count")) for row in rows)}
    if mailbox_was_read is not None:
        heard |= _IN_MAILBOX
    return [Gap(_NOT_MEASURED[name], name) for name in MESSAGES if name not in heard]


_IN_MAILBOX = {"bounces", "unsubscribes"}
_NOT_MEASURED: Mapping[str, str] = {
    "delivered": "No provider reports deliveries.",
    "bounces": "The mailbox for bounces has not been read. Run `handbill ingest`.",
    "opens": "Opens are not tracked.",
    "clicks": "Clicks are not tracked.",
    "unsubscribes": "The mailbox for unsubscribes has not been read. Run `handbill ingest`.",
    "complaints": "No provider reports complaints.",
}
