"""The people whom a segment selects now, one row each, while a plan or a run is being made.

The table is temporary and belongs to one connection: every stage of planning fills a part of it, and what is written
to the store comes from it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    MetaData,
    Select,
    Table,
    Text,
    case,
    literal,
    null,
    select,
    text,
    type_coerce,
    update,
)

from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.project import Project
from handbill.planning.schedule import Wave
from handbill.store.tables import contact
from handbill.store.types import UtcTime, micros_of, to_micros

selection = Table(
    "selection",
    MetaData(),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("unit_id", Text, nullable=False, comment="external id of the contact or household"),
    Column("timezone", Text, nullable=False, comment="as the contact has it; empty where nothing is known"),
    Column("reason", Text, comment="a word of handbill.planning.audience.Reason; null while the contact is planned"),
    Column("detail", Text, comment="which channel, cap or segment, where the reason leaves that open"),
    Column("due_at", UtcTime, comment="the planned contact by the schedule"),
    Column("origin_at", UtcTime, comment="not before now and not in quiet hours; the same for every arm"),
    Column("email_at", UtcTime, comment="when the e-mail's turn comes, or would come; null without e-mail"),
    Column("arm", Text, comment="null for those who are left out"),
    Column("propensity", Float, comment="probability of this arm at the draw"),
    prefixes=["TEMPORARY"],
)


@dataclass(frozen=True)
class Occasion:
    """What a selection is made for: a campaign of a project on one wave, seen at one moment."""

    project: Project
    campaign: Campaign
    wave: Wave
    now: datetime


def leaves_at(occasion: Occasion, channel: Channel) -> ColumnElement[int]:
    """When somebody's message on a channel may leave, in microseconds, as an expression over the selection.

    An e-mail leaves at the planned contact; post before it, by its time under way, whatever the hour, but not in the
    past.
    """
    if channel == "email":
        return type_coerce(selection.c.origin_at, BigInteger)
    lead = micros_of(occasion.wave.leads.get(channel, timedelta(0)))
    hand_over = type_coerce(selection.c.due_at, BigInteger) - lead
    present = literal(to_micros(occasion.now), BigInteger)
    return case((hand_over > present, hand_over), else_=present)


def begin_selection(connection: Connection) -> None:
    """An empty selection, in place of any earlier one of this connection."""
    make_anew(connection, selection)
    if connection.dialect.name == "postgresql":
        # Most rows are written four times: with room on their page, their index entries need not be written anew.
        connection.execute(text("ALTER TABLE selection SET (fillfactor = 35)"))


def make_anew(connection: Connection, table: Table) -> None:
    """Makes a temporary table of ours empty. Only temporary ones are dropped, whatever else has its name."""
    schema = "temp" if connection.dialect.name == "sqlite" else "pg_temp"
    connection.execute(text(f"DROP TABLE IF EXISTS {schema}.{table.name}"))
    table.create(connection, checkfirst=False)


def count_rows(connection: Connection, table: Table = selection) -> None:
    """Tells PostgreSQL how many rows there are, so that it joins them sensibly; it never looks at temporary tables."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {table.name}"))


def planned_contacts(*columns: ColumnElement[Any]) -> Select[Any]:
    """Columns of the selection and of the contact, for those who are not left out so far."""
    return (
        select(*columns)
        .select_from(selection.join(contact, contact.c.id == selection.c.contact_id))
        .where(selection.c.reason.is_(None))
    )


@dataclass(frozen=True)
class Gate:
    """A reason to leave out whoever fits a condition on `contact`; `detail` says what the reason leaves open."""

    reason: str
    condition: ColumnElement[bool]
    detail: str | None = None


def leave_out(connection: Connection, gates: Sequence[Gate]) -> None:
    """Leaves out every planned contact who fits a gate, with the first one's reason. One pass over the contacts."""
    if not gates:
        return
    numbered = list(enumerate(gates, start=1))
    first = case(*((gate.condition, number) for number, gate in numbered))
    stopped = planned_contacts(selection.c.contact_id, first.label("gate")).subquery()
    details = {number: gate.detail for number, gate in numbered if gate.detail is not None}
    words = {
        "reason": case({number: gate.reason for number, gate in numbered}, value=stopped.c.gate),
        "detail": case(details, value=stopped.c.gate) if details else null(),
    }
    of_them = (selection.c.contact_id == stopped.c.contact_id, stopped.c.gate.is_not(None))
    connection.execute(update(selection).where(*of_them).values(words))


def leave_out_rows(connection: Connection, reason: str, rows: Select[tuple[int]], detail: str | None = None) -> None:
    """Leaves out the contacts whose ids the statement answers."""
    connection.execute(update(selection).where(selection.c.contact_id.in_(rows)).values(reason=reason, detail=detail))
