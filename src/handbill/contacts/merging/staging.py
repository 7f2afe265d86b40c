"""Where rows wait before they are merged: temporary tables, filled without holding the store's write lock."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Column, Connection, Engine, MetaData, Table

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
        yield connection


@contextmanager
def merging(connection: Connection) -> Iterator[None]:
    """One write transaction on a staging connection: everything in it is kept, or nothing."""
    connection.commit()
    with connection.execution_options(**{WRITES: True}).begin():
        yield


def fill(connection: Connection, table: Table, rows: Iterable[Sequence[Any]]) -> None:
    """Adds rows to a staging table, values in the order of its columns as the database keeps them."""
    names = ", ".join(column.name for column in table.columns)
    if connection.dialect.name == SQLITE:
        marks = ", ".join("?" * len(table.columns))
        insert = f"INSERT INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - names and marks of our own
        if values := [tuple(row) for row in rows]:
            connection.exec_driver_sql(insert, values)
        return
    with (
        cast("psycopg.Connection[Any]", _driver(connection)).cursor() as cursor,
        cursor.copy(f"COPY {table.name} ({names}) FROM STDIN".encode()) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def analysed(connection: Connection, table: Table) -> None:
    """Lets PostgreSQL know how much is in a staging table; it would plan joins for an empty one."""
    if connection.dialect.name != SQLITE:
        connection.exec_driver_sql(f"ANALYZE {table.name}")


def _driver(connection: Connection) -> Any:
    return connection.connection.dbapi_connection  # the record of a detached connection is gone
