"""Which orders and events count for which unit, and which orders came with a code of ours."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, ColumnElement, Select, Subquery, select, type_coerce

from handbill.store.tables import assignment, assignment_member, event, orders, outbox, run
from handbill.store.types import micros_of


@dataclass(frozen=True)
class Units:
    """Which units of an experiment figures are about: all of them, those that some runs assigned, or the early ones.

    `until` leaves out those whose planned contact came after it.
    """

    experiment_id: int
    runs: tuple[int, ...] | None = None
    until: datetime | None = None

    @property
    def chosen(self) -> ColumnElement[bool]:
        """The condition on `assignment`."""
        found = assignment.c.experiment_id == self.experiment_id
        if self.runs is not None:
            found &= assignment.c.run_id.in_(self.runs)
        if self.until is not None:
            found &= assignment.c.origin_at <= self.until
        return found


def goal_orders(units: Units, within: timedelta) -> Subquery:
    """Every order of a unit's members in its window, by intention to treat: whether or not they were reached.

    One row an order: `unit` (assignment id), its `arm`, `total`, `discount`, `cost`, `currency`, `ordered_at` and
    `origin_at`. The window is [origin_at, origin_at + within); a unit has one origin, the same for every arm, and
    the members that it had when it was first assigned.
    """
    return (
        _members(units)
        .add_columns(
            orders.c.id.label("order_id"),
            orders.c.total,
            orders.c.discount,
            orders.c.cost,
            orders.c.currency,
            orders.c.ordered_at,
        )
        .join(orders, orders.c.contact_id == whose())
        .where(in_window(orders.c.ordered_at, within))
        .subquery("goal_order")
    )


def goal_events(units: Units, within: timedelta, kind: str) -> Subquery:
    """The same for a goal that is an event: one row an event of this kind, with `unit`, `arm` and `occurred_at`."""
    return (
        _members(units)
        .add_columns(event.c.occurred_at)
        .join(event, event.c.contact_id == whose())
        .where(event.c.kind == kind, in_window(event.c.occurred_at, within))
        .subquery("goal_event")
    )


def code_orders(campaign: str) -> Select[tuple[str, int, int]]:
    """Paid orders that came with the code of one of this campaign's pieces: arm, order id, total; whenever they came.

    They show who used the code, not whom the piece moved: people who would have bought anyway use it too, and
    others lose it and buy all the same.
    """
    return (
        select(outbox.c.arm, orders.c.id, orders.c.total)
        .join(orders, orders.c.code == outbox.c.code)
        .join(run, run.c.id == outbox.c.run_id)
        .where(run.c.campaign == campaign, orders.c.total > 0)
    )


def whose() -> ColumnElement[int]:
    """The member's contact, for joins to what contacts did.

    The addition keeps SQLite, while it knows no statistics, from looking through all events of a kind for every unit.
    """
    return assignment_member.c.contact_id + 0


def in_window(moment: ColumnElement[object], within: timedelta) -> ColumnElement[bool]:
    """Whether `moment` lies in the window of a unit of `assignment`: [origin_at, origin_at + within)."""
    # Times are integers in the database, and so a window is a plain addition on both.
    at, origin = type_coerce(moment, BigInteger), type_coerce(assignment.c.origin_at, BigInteger)
    return (at >= origin) & (at < origin + micros_of(within))


def _members(units: Units) -> Select[tuple[int, str, int]]:
    return (
        select(assignment.c.id.label("unit"), assignment.c.arm, assignment.c.origin_at)
        .join(assignment_member, assignment_member.c.assignment_id == assignment.c.id)
        .where(units.chosen)
    )
