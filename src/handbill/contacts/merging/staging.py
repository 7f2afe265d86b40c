"""Where rows wait before they are merged: temporary tables, filled without holding the store's write lock."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Column, Connection, Engine, MetaData, Table, func, select

from handbill.store.connection import WRITES, plain_errors

if TYPE_CHECKING:
    import psycopg

SQLITE = "sqlite"
COUNTED = {"preserve_rowcount": True}
"""Execution options of an insert whose number of new rows is wanted; SQLAlchemy drops it otherwise."""


def stage_table(name: str, *columns: Column[Any]) -> Table:
    """A temporary table; it belongs to one connection and goes with it."""
    return Table(name, MetaData(), *columns, prefixes=["TEMPORARY"])


@contextmanager
def staging(engine: Engine) -> Iterator[Connection]:
    """A connection whose temporary tables end with it. What is written on it locks nobody out until `merging`."""
    with plain_errors(engine), engine.connect() as connection:
        connection.detach()  # it is closed at the end instead of being used again, and its temporary tables with it
        if connection.dialect.name == SQLITE:
            # Other connections keep temporary tables in memory; a large file would fill it.
            _driver(connection).execute("PRAGMA temp_store = FILE")
            # What is staged is never rolled back: after an error the connection is closed, and its tables are gone.
            _driver(connection).execute("PRAGMA temp.journal_mode = OFF")
        yield connection


@contextmanager
def merging(connection: Connection) -> Iterator[None]:
    """One write transaction on a staging connection: everything in it is kept, or nothing."""
    connection.commit()
    with connection.execution_options(**{WRITES: True}).begin():
        yield


def one_at_a_time(connection: Connection, what: str) -> None:
    """Waits until no other transaction merges the same: two that change the same rows in another order would lock
    each other out. SQLite has one writer anyway.
    """
    if connection.dialect.name != SQLITE:
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"handbill merges {what}"))))


@dataclass(frozen=True)
class Staged:
    """Rows for a staging table: values in the order of `names`; the table's other columns stay missing."""

    names: Sequence[str]
    rows: Iterable[tuple[Any, ...]]


def fill(connection: Connection, table: Table, staged: Staged) -> None:
    """Adds rows to a staging table, values as the database keeps them."""
    names = ", ".join(staged.names)
    if connection.dialect.name == SQLITE:
        marks = ", ".join("?" * len(staged.names))
        insert = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - names and marks of our own
        if rows := list(staged.rows):
            connection.exec_driver_sql(insert, rows)
        return
    written = StringIO(newline="")
    csv.writer(written).writerows(staged.rows)  # a missing value is an empty cell; no value is an empty text
    with (
        cast("psycopg.Connection[Any]", _driver(connection)).cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)".encode()) as copy,
    ):
        copy.write(written.getvalue())


def analysed(connection: Connection, table: Table) -> None:
    """Lets PostgreSQL know how much is in a staging table; it would plan joins for an empty one."""
    if connection.dialect.name != SQLITE:
        connection.exec_driver_sql(f"ANALYZE {table.name}")


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection  # the record of a detached connection is gone
