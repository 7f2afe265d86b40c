"""When the buyers of each arm bought for the first time, in days after the planned contact."""

from collections.abc import Mapping
from datetime import timedelta
from itertools import accumulate

from sqlalchemy import BigInteger, Connection, func, select, type_coerce

from handbill.reports.registered import Registered
from handbill.responses.attribution import goal_events, goal_orders
from handbill.store.tables import assignment
from handbill.store.types import micros_of

Timing = Mapping[str, tuple[int, ...]]
"""For each arm, how many units had bought by the end of each day of the window."""


def timing_of(connection: Connection, registered: Registered) -> Timing:
    """Cumulative first purchases by arm and day; as many days as the window has, begun ones included."""
    if registered.goal_event == "order":
        goal = goal_orders(registered.units, registered.within)
        moment, counts = goal.c.ordered_at, goal.c.total > 0
    else:
        goal = goal_events(registered.units, registered.within, registered.goal_event)
        moment, counts = goal.c.occurred_at, goal.c.occurred_at.is_not(None)
    waited = type_coerce(moment, BigInteger) - type_coerce(goal.c.origin_at, BigInteger)
    # Integer division drops the begun day on both databases.
    day = (func.min(waited).op("/")(micros_of(timedelta(days=1)))).label("day")
    first = select(goal.c.unit, day).where(counts).group_by(goal.c.unit).subquery("first")
    rows = connection.execute(
        select(assignment.c.arm, first.c.day, func.count())
        .join(first, first.c.unit == assignment.c.id)
        .group_by(assignment.c.arm, first.c.day)
    )
    days = -(-registered.within // timedelta(days=1))
    bought = {arm.name: [0] * days for arm in registered.arms}
    for arm, on, units in rows:
        bought[arm][int(on)] += units
    return {arm: tuple(accumulate(each)) for arm, each in bought.items()}
