"""What a contact did, as SQL values over the orders, the events and the outbox: how often, how much, first and last.

An order with a total of zero or less is a cancellation or a refund: it is not counted as an order and is no first or
last one, but it lowers the sums.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Float, Select, and_, cast, exists, func, select, true
from sqlalchemy.sql.selectable import FromClause

from handbill.definitions.segment import AggregateClause, Comparison, EventClause, MomentClause, Value
from handbill.planning.attributes import Typed, property_value
from handbill.planning.comparisons import Present, holds, in_window
from handbill.store.tables import contact, event, orders, outbox

ORDER = "order"
ORDER_MONEY = frozenset({"total", "discount", "refund", "cost"})
AT_LEAST_ONCE = (Comparison("gte", 1),)
SENT = {"email.sent": "email", "direct_mail.sent": "direct_mail"}


@dataclass(frozen=True)
class Happenings:
    """The rows of one kind of thing that contacts do, when each was, and which of them count as one."""

    rows: FromClause
    at: ColumnElement[Any]
    counts: ColumnElement[bool]


def happenings(kind: str) -> Happenings:
    """The orders; the messages that a channel took, for `email.sent`; else the events of that kind."""
    if kind == ORDER:
        return Happenings(orders, orders.c.ordered_at, orders.c.total > 0)
    if kind in SENT:
        taken = and_(outbox.c.channel == SENT[kind], outbox.c.state == "accepted")
        return Happenings(outbox, outbox.c.accepted_at, taken)
    return Happenings(event, event.c.occurred_at, event.c.kind == kind)


def happened(clause: EventClause, present: Present) -> ColumnElement[bool]:
    """Whether it happened so often in the window, counting only rows whose properties fit."""
    what = happenings(clause.event)
    fits = [what.counts]
    fits += [holds(_property(what, name, comparisons), comparisons, present) for name, comparisons in clause.where]
    rows = _own(what, clause.within, present).where(*fits)
    if clause.count == AT_LEAST_ONCE:
        return exists(rows)
    number = rows.with_only_columns(func.count()).scalar_subquery()
    return holds(Typed(number, "integer"), clause.count, present)


def added_up(clause: AggregateClause, present: Present) -> ColumnElement[bool]:
    """Whether the sum, minimum, maximum or average fits. The sum of nothing is 0; the others are then missing."""
    kind, _, name = clause.of.rpartition(".")
    what = happenings(kind)
    typed = _property(what, name, clause.comparisons)
    rows = _own(what, clause.within, present)
    value = typed.value
    if clause.function == "sum":
        rows = rows.with_only_columns(func.coalesce(func.sum(value), 0)).where(_summed(what))
    else:
        rows = rows.with_only_columns(_folded(clause.function, value)).where(what.counts)
    return holds(Typed(rows.scalar_subquery(), typed.type), clause.comparisons, present)


def first_or_last(clause: MomentClause, present: Present) -> ColumnElement[bool]:
    """Whether the first or the last time fits; never for somebody to whom it never happened."""
    what = happenings(clause.event)
    outermost = func.min(what.at) if clause.which == "first" else func.max(what.at)
    moment = _own(what, None, present).where(what.counts).with_only_columns(outermost).scalar_subquery()
    return holds(Typed(moment, "time"), clause.comparisons, present)


def _own(what: Happenings, within: timedelta | None, present: Present) -> Select[Any]:
    """The rows in the window that belong to the contact of the statement around this one."""
    own = and_(what.rows.c.contact_id == contact.c.id, in_window(what.at, within, present))
    return select(what.rows.c.id).where(own).correlate(contact)


def _summed(what: Happenings) -> ColumnElement[bool]:
    return true() if what.rows is orders else what.counts


def _folded(function: str, value: ColumnElement[Any]) -> ColumnElement[Any]:
    if function == "average":
        # Both databases divide two floats alike; an average of integers is decimal on PostgreSQL, a float on SQLite.
        return cast(func.sum(value), Float) / cast(func.nullif(func.count(value), 0), Float)
    return func.min(value) if function == "min" else func.max(value)


def _property(what: Happenings, name: str, comparisons: tuple[Comparison, ...]) -> Typed:
    if what.rows is not event:
        return Typed(what.rows.c[name], "money" if name in ORDER_MONEY else "text")
    return property_value(event.c.properties, name, _sample(comparisons))


def _sample(comparisons: tuple[Comparison, ...]) -> Value:
    """What an event's property is compared with; it says of which type the property is."""
    operand = comparisons[0].operand
    sample = operand[0] if isinstance(operand, tuple) else operand
    return sample if isinstance(sample, (str, int)) else 0
