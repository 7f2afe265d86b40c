"""What each arm did in its window: one grouped statement for all metrics, over all assigned units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, Select, case, cast, func, null, select, text, union_all
from sqlalchemy.sql.selectable import CTE

from handbill.reports.families import FLAWS, Family, families_of
from handbill.reports.hits import clicked_by_machines, machine_gaps
from handbill.reports.metrics import MESSAGES
from handbill.reports.registered import Registered
from handbill.responses.events import MAILBOX_WATERMARK
from handbill.statistics.joint import joint_of
from handbill.statistics.results import Aggregate, Arm, Gap
from handbill.statistics.samples import Proportion, Sample
from handbill.store.tables import assignment, source_watermark

ORDERS_PER_CLICK = ("orders_per_click", ("orders", "clicks"))
POWERS = ("y", "x", "yy", "yx", "xx", "yyy", "yyx", "yxx", "xxx")

Sums = Mapping[str, float]
"""The sums over one arm, by name: `units`, `clicks_count`, `revenue_squares`, `orders_per_click_yx`…"""


@dataclass(frozen=True)
class Measured:
    """The sums of every metric by arm, in the order of the registration, and what could not be measured."""

    arms: tuple[Arm, ...]
    gaps: tuple[Gap, ...]


def measure(connection: Connection, registered: Registered, currency: str, *, messages: bool = True) -> Measured:
    """Sums over all assigned units, by intention to treat, in the window after each unit's origin.

    Money is in `currency`, not in millionths: squares and cubes of millionths do not fit in 64 bits. Without
    `messages` only outcomes are measured.
    """
    _make_room(connection)
    families = families_of(connection, registered, currency)
    if not messages:
        families = [family for family in families if family.name in ("sales", "goals")]
        registered = replace(registered, own=())
    found = _by_arm(connection, registered, families)
    gaps = [*_money_gaps(found, registered, currency), *_unheard(connection, found, registered)]
    if messages and all(gap.metric != "clicks" for gap in gaps):
        gaps += machine_gaps(clicked_by_machines(connection, registered.campaign))
    missing = {gap.metric for gap in gaps}
    arms = []
    for arm in registered.arms:
        sums = found.get(arm.name)
        metrics = {} if sums is None else _aggregates(registered, sums, missing, with_messages=bool(arm.channels))
        arms.append(Arm(arm.name, int(sums["units"]) if sums else 0, metrics))
    return Measured(tuple(arms), tuple(gaps))


def _make_room(connection: Connection) -> None:
    """Lets PostgreSQL join a million units in memory, and in several processes, until the transaction ends.

    It thinks that handing a row from process to process costs ten times what it does, and would join in one.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL work_mem = '256MB'"))
        connection.execute(text("SET LOCAL parallel_tuple_cost = 0.01"))


def _by_arm(connection: Connection, registered: Registered, families: Sequence[Family]) -> dict[str, Sums]:
    """One statement with a branch for each family; each branch answers one row an arm."""
    units = select(assignment.c.arm, func.count().label("units")).where(registered.units.chosen)
    branches = [units.group_by(assignment.c.arm)]
    rows = {family.name: family.rows.cte(family.name.replace(".", "_").replace(" ", "_")) for family in families}
    branches += [_branch(family, rows[family.name], rows["sales"]) for family in families]
    names = list(dict.fromkeys(column.name for branch in branches for column in branch.selected_columns))
    padded = [_padded(branch, names) for branch in branches]
    found: dict[str, dict[str, float]] = {}
    for row in connection.execute(union_all(*padded)):
        sums = found.setdefault(row.arm, {})
        for name, value in zip(names[1:], row[1:], strict=True):
            sums[name] = sums.get(name, 0.0) + float(value or 0)
    return {arm: sums for arm, sums in found.items() if sums["units"]}


def _branch(family: Family, rows: CTE, sales: CTE) -> Select[Any]:
    """The sums of a family by arm. Its rows are named here only: named twice, a database would keep a copy of them."""
    columns: list[ColumnElement[Any]] = [func.sum(rows.c[name]).label(name) for name in family.counters]
    columns += [_count(rows.c[name] > 0, name) for name in family.rates]
    for name in family.amounts:
        columns += _sums(rows.c[name], name)
    for name, (y, x) in (family.ratios or {}).items():
        columns += _joint(rows.c[y], rows.c[x], name)
    if family.name == "answers":
        return _with_orders(rows, sales, columns)
    return select(rows.c.arm, *columns).group_by(rows.c.arm)


def _with_orders(answers: CTE, sales: CTE, columns: Sequence[ColumnElement[Any]]) -> Select[Any]:
    """Beside the answers the orders of those who clicked, and their clicks; everybody else has neither."""
    name, (y, x) = ORDERS_PER_CLICK
    clicked = answers.c[x] > 0
    joint = _joint(func.coalesce(sales.c[y], 0), answers.c[x], name, only=clicked)
    return (
        select(answers.c.arm, *columns, *joint)
        .select_from(answers.outerjoin(sales, (sales.c.unit == answers.c.unit) & clicked))
        .group_by(answers.c.arm)
    )


def _padded(branch: Select[Any], names: Sequence[str]) -> Select[Any]:
    """The branch with all columns of all branches; those that it has not are null."""
    rows = branch.subquery()
    return select(*(rows.c[name] if name in rows.c else cast(null(), Double).label(name) for name in names))


def _count(reached: ColumnElement[bool], name: str) -> ColumnElement[Any]:
    return cast(func.sum(case((reached, 1), else_=0)), Double).label(f"{name}_count")


def _sums(value: ColumnElement[Any], name: str) -> list[ColumnElement[Any]]:
    x = cast(value, Double)
    return [
        cast(func.sum(case((x != 0.0, 1), else_=0)), Double).label(f"{name}_buyers"),
        func.sum(x).label(f"{name}_sum"),
        func.sum(x * x).label(f"{name}_squares"),
        func.sum(x * x * x).label(f"{name}_cubes"),
    ]


def _joint(
    first: ColumnElement[Any], second: ColumnElement[Any], name: str, only: ColumnElement[bool] | None = None
) -> list[ColumnElement[Any]]:
    """The sums of all products of two columns, over all rows or `only` some."""
    y, x = cast(first, Double), cast(second, Double)
    added: dict[str, ColumnElement[Any]] = dict(
        zip(POWERS, (y, x, y * y, y * x, x * x, y * y * y, y * y * x, y * x * x, x * x * x), strict=True)
    )
    added |= {"buyers": case((y != 0.0, 1.0), else_=0.0), "active": case((x != 0.0, 1.0), else_=0.0)}
    sums = {key: func.sum(value) for key, value in added.items()}
    return [(each if only is None else each.filter(only)).label(f"{name}_{key}") for key, each in sums.items()]


def _aggregates(registered: Registered, sums: Sums, missing: set[str], *, with_messages: bool) -> dict[str, Aggregate]:
    """The metrics of one arm; those of messages only where the arm sends any."""
    units, aggregates = int(sums["units"]), dict[str, Aggregate]()
    for name, reading in registered.readings.items():
        if name in missing or (reading.metric.of == "message" and not with_messages):
            continue
        if reading.metric.kind == "rate":
            aggregates[name] = Proportion(int(sums.get(f"{name}_count", 0)), of=units)
        elif reading.metric.kind == "ratio":
            powers = {power: sums.get(f"{name}_{power}", 0.0) for power in POWERS}
            buyers, active = (int(sums.get(f"{name}_{key}", 0)) for key in ("buyers", "active"))
            aggregates[name] = joint_of(units, powers, buyers=buyers, active=active)
        else:
            total, squares, cubes = (sums.get(f"{name}_{power}", 0.0) for power in ("sum", "squares", "cubes"))
            aggregates[name] = Sample(units, total, squares, cubes, int(sums.get(f"{name}_buyers", 0)))
    return aggregates


def _money_gaps(found: Mapping[str, Sums], registered: Registered, currency: str) -> list[Gap]:
    """Which metrics the orders do not allow, and why."""
    lines, foreign, uncosted = (int(sum(sums.get(name, 0) for sums in found.values())) for name in FLAWS)
    gaps = []
    if foreign:
        reason = (
            f"{foreign} of {lines} orders are in another currency than {currency}, so their money cannot be added up."
        )
        gaps += [Gap(reason, name) for name in ("revenue", "margin", "revenue_per_order")]
    elif uncosted and registered.margin_rate is None:
        reason = (
            f"{uncosted} of {lines} orders carry no cost of goods, and no margin_rate is declared in the campaign's "
            "goal, so margin is not known."
        )
        gaps.append(Gap(reason, "margin"))
    return gaps


def _unheard(connection: Connection, found: Mapping[str, Sums], registered: Registered) -> list[Gap]:
    """Answers of which nothing was ever heard: nobody asked for them, so their number is not known to be zero."""
    mailbox_was_read = connection.scalar(
        select(source_watermark.c.imported_at).where(
            source_watermark.c.kind == MAILBOX_WATERMARK[0], source_watermark.c.source == MAILBOX_WATERMARK[1]
        )
    )
    heard = {name for name in MESSAGES if any(sums.get(f"{name}_count") for sums in found.values())}
    if mailbox_was_read is not None:
        heard |= _IN_MAILBOX
    if any("direct_mail" in arm.channels for arm in registered.arms):
        heard.add("codes")  # they come with the orders
    if "clicks" in heard:
        heard.add("orders_per_click")
    return [Gap(_NOT_MEASURED[name], name) for name in MESSAGES if name not in heard]


_IN_MAILBOX = {"bounces", "unsubscribes"}
_NO_CLICKS = "Clicks are not tracked, or none is a person's for certain."
_NOT_MEASURED: Mapping[str, str] = {
    "delivered": "No provider reports deliveries.",
    "bounces": "The mailbox for bounces has not been read. Run `handbill ingest`.",
    "opens": "Opens are not tracked, or none is a person's for certain.",
    "clicks": _NO_CLICKS,
    "unsubscribes": "The mailbox for unsubscribes has not been read. Run `handbill ingest`.",
    "complaints": "No provider reports complaints.",
    "scans": "Nothing reports scans.",
    "codes": "Nothing was printed that could carry a code.",
    "orders_per_click": _NO_CLICKS,
}
