"""The people whom a segment selects now, one row each, while a plan or a run is being made.

The table is temporary and belongs to one connection: every stage of planning fills a part of it, and what is written
to the store comes from it.
"""

from dataclasses import dataclass
from datetime import datetime
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
    exists,
    select,
    text,
    update,
)

from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project
from handbill.planning.schedule import Wave
from handbill.store.tables import contact
from handbill.store.types import UtcTime

selection = Table(
    "selection",
    MetaData(),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    Column("unit_id", Text, nullable=False, comment="external id of the contact or household"),
    Column("reason", Text, comment="a word of handbill.planning.audience.Reason; null while the contact is planned"),
    Column("detail", Text, comment="which channel, cap or segment, where the reason leaves that open"),
    Column("due_at", UtcTime, comment="the planned contact by the schedule"),
    Column("origin_at", UtcTime, comment="the planned contact, not before now; the same for every arm"),
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


def begin_selection(connection: Connection) -> None:
    """An empty selection, in place of any earlier one of this connection."""
    make_anew(connection, selection)


def make_anew(connection: Connection, table: Table) -> None:
    """Makes a temporary table of ours empty. Only temporary ones are dropped, whatever else has its name."""
    schema = "temp" if connection.dialect.name == "sqlite" else "pg_temp"
    connection.execute(text(f"DROP TABLE IF EXISTS {schema}.{table.name}"))
    table.create(connection, checkfirst=False)


def count_rows(connection: Connection) -> None:
    """Tells PostgreSQL how many rows there are, so that it joins them sensibly; it never looks at temporary tables."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("ANALYZE selection"))


def planned_contacts(*columns: ColumnElement[Any]) -> Select[Any]:
    """Columns of the selection and of the contact, for those who are not left out so far."""
    return (
        select(*columns)
        .select_from(selection.join(contact, contact.c.id == selection.c.contact_id))
        .where(selection.c.reason.is_(None))
    )


def leave_out(connection: Connection, reason: str, condition: ColumnElement[bool], detail: str | None = None) -> None:
    """Leaves out every planned contact for whom the condition on `contact` holds; earlier reasons stay."""
    fits = exists().where(contact.c.id == selection.c.contact_id, condition)
    connection.execute(update(selection).where(selection.c.reason.is_(None), fits).values(reason=reason, detail=detail))


def leave_out_rows(connection: Connection, reason: str, rows: Select[tuple[int]], detail: str | None = None) -> None:
    """Leaves out the contacts whose ids the statement answers."""
    connection.execute(update(selection).where(selection.c.contact_id.in_(rows)).values(reason=reason, detail=detail))
