"""What the planned units did lately, as sums: the yardstick for what an experiment can show and what must pay off."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Float, Subquery, case, cast, func, literal, select, true

from handbill.definitions.campaign import Goal
from handbill.definitions.values import MILLIONTHS
from handbill.planning.happenings import ORDER, Happenings, happenings
from handbill.planning.membership import whatever_index
from handbill.planning.selection import Occasion, selection
from handbill.store.tables import contact, orders, source_watermark

YEAR = timedelta(days=365)


@dataclass(frozen=True)
class Sums:
    """A number for each unit, added up over those that have one: the sum, and the sum of squares."""

    total: float
    squares: float


@dataclass(frozen=True)
class History:
    """What `units` planned units did in a past window: how many reached the goal, how often, and what they paid.

    Money is in the currency.
    """

    since: datetime
    until: datetime
    units: int
    reached: int
    times: Sums
    revenue: Sums


@dataclass(frozen=True)
class UsualOrder:
    """The mean order of the planned units, per order and in the currency; `price` is before discount.

    `cost` and `paid_with_cost` are means over the orders whose cost is known; None without any.
    """

    orders: int
    price: float
    cost: float | None
    paid_with_cost: float | None


def history_of(connection: Connection, occasion: Occasion, goal: Goal) -> History:
    """The planned units in a window as long as the goal's, which ends now or where the imports end."""
    until = _known_until(connection, goal.event, occasion.now)
    since = until - goal.within
    people = _people(occasion)
    by_unit = _by_unit(people, happenings(goal.event), since, until)
    times, revenue = cast(by_unit.c.times, Float), cast(by_unit.c.revenue, Float) / MILLIONTHS
    sums = (case((by_unit.c.times > 0, 1), else_=0), times, times * times, revenue, revenue * revenue)
    found = connection.execute(select(*(func.coalesce(func.sum(each), 0) for each in sums))).one()
    reached, total, squares, paid, paid_squares = (float(each) for each in found)
    return History(
        since, until, _count_units(connection, occasion), int(reached), Sums(total, squares), Sums(paid, paid_squares)
    )


def usual_order(connection: Connection, occasion: Occasion) -> UsualOrder | None:
    """The mean order of the planned units in the last 365 days; None when there was none."""
    with_cost = orders.c.cost.is_not(None)
    means = (
        func.avg(cast(orders.c.total + orders.c.discount, Float)),
        func.avg(cast(orders.c.cost, Float)),
        func.avg(cast(orders.c.total, Float)).filter(with_cost),
    )
    # One look at all orders takes less than looking up those of nearly everybody one by one.
    mine = whatever_index(orders.c.contact_id).in_(select(_people(occasion).c.contact_id))
    at = whatever_index(orders.c.ordered_at)
    lately = (orders.c.total > 0, at > occasion.now - YEAR, at <= occasion.now)
    number, price, cost, paid = connection.execute(select(func.count(), *means).where(*lately, mine)).one()
    if not number:
        return None
    return UsualOrder(number, price / MILLIONTHS, _currency(cost), _currency(paid))


def _count_units(connection: Connection, occasion: Occasion) -> int:
    planned = select(func.count()).select_from(selection).where(selection.c.reason.is_(None))
    if occasion.campaign.unit == "contact":
        return connection.scalar(planned) or 0
    households = select(selection.c.unit_id).where(selection.c.reason.is_(None)).distinct().subquery()
    return connection.scalar(select(func.count()).select_from(households)) or 0


def _by_unit(people: Subquery, what: Happenings, since: datetime, until: datetime) -> Subquery:
    """How often each unit did it in the window, and for orders what it paid, refunds taken off."""
    is_order = what.rows is orders
    return (
        select(
            func.sum(case((what.counts, 1), else_=0)).label("times"),
            (func.sum(orders.c.total) if is_order else literal(0)).label("revenue"),
        )
        .join_from(people, what.rows, what.rows.c.contact_id == people.c.contact_id)
        .where(what.at > since, what.at <= until, true() if is_order else what.counts)
        .group_by(people.c.unit_id)
        .subquery()
    )


def _people(occasion: Occasion) -> Subquery:
    """Contacts of the planned units; of a household everybody counts, as in its assignment."""
    planned = selection.c.reason.is_(None)
    if occasion.campaign.unit == "contact":
        return select(selection.c.contact_id, selection.c.unit_id).where(planned).subquery()
    households = select(selection.c.unit_id).where(planned)
    return (
        select(contact.c.id.label("contact_id"), contact.c.household_key.label("unit_id"))
        .where(contact.c.household_key.in_(households))
        .subquery()
    )


def _known_until(connection: Connection, event: str, now: datetime) -> datetime:
    """Now, or the end of the imports where that is earlier: what is not imported yet would look like no response."""
    kind = "orders" if event == ORDER else "events"
    newest = select(func.max(source_watermark.c.complete_until)).where(source_watermark.c.kind == kind)
    complete_until = connection.scalar(newest)
    return now if complete_until is None else min(now, complete_until)


def _currency(millionths: float | None) -> float | None:
    return None if millionths is None else millionths / MILLIONTHS
