"""Whether the time for a result has come: every window closed, and the orders up to then known."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import BigInteger, Connection, case, func, literal, select, type_coerce

from handbill.reports.registered import Registered
from handbill.store.tables import assignment, source_watermark
from handbill.store.types import from_micros, micros_of, to_micros


@dataclass(frozen=True)
class Maturity:
    """How many units each arm has, and how many have completed their window by the report's time.

    `opens_at` is when the last window closes. `known_until` is up to when orders are complete: the least of all
    their sources; None where none were ever imported. `lagging` names that source where there are several.
    """

    by_arm: Mapping[str, int]
    completed: int
    opens_at: datetime | None
    known_until: datetime | None
    lagging: str = ""

    @property
    def units(self) -> int:
        """Units in all."""
        return sum(self.by_arm.values())

    @property
    def windows_closed(self) -> bool:
        """Every unit had its full time."""
        return 0 < self.units == self.completed

    @property
    def orders_known(self) -> bool:
        """What was ordered in every window has been imported."""
        return self.known_until is not None and self.opens_at is not None and self.known_until >= self.opens_at

    @property
    def mature(self) -> bool:
        """A result may be read."""
        return self.windows_closed and self.orders_known


def maturity_of(connection: Connection, registered: Registered, now: datetime) -> Maturity:
    """How far the windows of the assigned units have come at `now`."""
    origin = type_coerce(assignment.c.origin_at, BigInteger)
    closed = origin <= literal(to_micros(now) - micros_of(registered.within), BigInteger)
    rows = connection.execute(
        select(
            assignment.c.arm,
            func.count().label("units"),
            func.sum(case((closed, 1), else_=0)).label("completed"),
            func.max(origin).label("latest"),
        )
        .where(registered.units.chosen)
        .group_by(assignment.c.arm)
    ).all()
    sources = connection.execute(
        select(source_watermark.c.source, source_watermark.c.complete_until)
        .where(source_watermark.c.kind == _source_of(registered))
        .order_by(source_watermark.c.complete_until, source_watermark.c.source)
    ).all()
    latest = max((int(row.latest) for row in rows), default=None)
    return Maturity(
        by_arm={row.arm: row.units for row in rows},
        completed=sum(int(row.completed) for row in rows),
        opens_at=None if latest is None else from_micros(latest) + registered.within,
        known_until=sources[0].complete_until if sources else None,
        lagging=sources[0].source if len(sources) > 1 else "",
    )


def _source_of(registered: Registered) -> str:
    return "orders" if registered.goal_event == "order" else "events"
