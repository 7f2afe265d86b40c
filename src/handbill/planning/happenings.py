"""What contacts did and got, as rows: orders, their lines, messages, what became of them, and events.

An order with a total of zero or less is a cancellation or a refund: it is not counted as an order and is no first or
last one, but it lowers the sums. Opens and clicks of machines are not counted.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Select,
    Subquery,
    Text,
    and_,
    false,
    literal,
    or_,
    select,
    true,
    type_coerce,
    union_all,
)
from sqlalchemy.sql.selectable import FromClause

from handbill.definitions.campaign import Campaign, Goal
from handbill.definitions.project import Project
from handbill.store.tables import event, order_line, orders, outbox, product, run
from handbill.store.types import UtcTime, micros_of

ORDER = "order"
LINE = "line"
SENT = {"email.sent": "email", "direct_mail.sent": "direct_mail"}
CONVERTED = {"email.converted": "email", "direct_mail.converted": "direct_mail"}
KEPT_AS: Mapping[str, str] = {
    "direct_mail.delivered": "letter.delivered",
    "direct_mail.returned": "letter.returned_to_sender",
}
"""Events that printers report under names of their own."""

JUDGED = frozenset({"email.opened", "email.clicked"})
"""Events that machines cause, too."""


@dataclass(frozen=True)
class Happenings:
    """The rows of one kind of thing, whose they are, when each was, and which of them count as one."""

    rows: FromClause
    owner: ColumnElement[Any]
    at: ColumnElement[Any]
    counts: ColumnElement[bool]
    sums: ColumnElement[bool]
    """Which of them are added up."""


def happenings(kind: str) -> Happenings:
    """The orders; the lines of orders; the messages that a channel took, for `email.sent`; else events of that kind."""
    if kind == ORDER:
        return Happenings(orders, orders.c.contact_id, orders.c.ordered_at, orders.c.total > 0, true())
    if kind == LINE:
        lines = orders.join(order_line, order_line.c.order_id == orders.c.id).outerjoin(
            product, product.c.sku == order_line.c.sku
        )
        return Happenings(lines, orders.c.contact_id, orders.c.ordered_at, orders.c.total > 0, true())
    if kind in SENT:
        taken = and_(outbox.c.channel == SENT[kind], outbox.c.state == "accepted")
        return Happenings(outbox, outbox.c.contact_id, outbox.c.accepted_at, taken, taken)
    counts = event.c.kind == KEPT_AS.get(kind, kind)
    if kind in JUDGED:
        counts = and_(counts, or_(event.c.verdict.is_(None), event.c.verdict != "machine"))
    return Happenings(event, event.c.contact_id, event.c.occurred_at, counts, counts)


def with_campaigns(what: Happenings) -> Happenings:
    """The same rows beside the messages and runs that they belong to, so that `outbox` and `run` can be asked."""
    if what.rows is outbox:
        rows = outbox.join(run, run.c.id == outbox.c.run_id)
    elif what.rows is event:
        rows = event.join(outbox, outbox.c.id == event.c.outbox_id).join(run, run.c.id == outbox.c.run_id)
    else:
        return what
    return Happenings(rows, what.owner, what.at, what.counts, what.sums)


def conversions(project: Project, kind: str) -> tuple[Happenings, Subquery]:
    """Whatever counts as a campaign's goal, within its window after a message of it; once for each such message.

    The subquery has `contact_id`, `at`, `campaign` and `arm`.
    """
    channel = CONVERTED[kind]
    goals = [(each, each.goal) for each in project.campaigns.values() if each.goal and channel in each.channels]
    found = [_reached(campaign, goal, channel) for campaign, goal in goals]
    rows = (union_all(*found) if found else _nothing()).subquery("converted")
    return Happenings(rows, rows.c.contact_id, rows.c.at, true(), true()), rows


def _reached(campaign: Campaign, goal: Goal, channel: str) -> Select[Any]:
    what = happenings(goal.event)
    left_at, at = type_coerce(outbox.c.accepted_at, BigInteger), type_coerce(what.at, BigInteger)
    inside = and_(at >= left_at, at < left_at + micros_of(goal.within))
    return (
        select(
            outbox.c.contact_id,
            type_coerce(at, UtcTime).label("at"),
            literal(campaign.name, Text).label("campaign"),
            outbox.c.arm,
        )
        .select_from(outbox.join(run, run.c.id == outbox.c.run_id).join(what.rows, what.owner == outbox.c.contact_id))
        .where(run.c.campaign == campaign.name, outbox.c.channel == channel, outbox.c.state == "accepted")
        .where(what.counts, inside)
    )


def _nothing() -> Select[Any]:
    nobody = (literal(0, BigInteger).label("contact_id"), literal(0, UtcTime).label("at"))
    return select(*nobody, literal("", Text).label("campaign"), literal("", Text).label("arm")).where(false())
