"""Whether a contact is one of those whom a statement finds, in the form that each database works out best.

The statement never looks at the contact around it, so it runs once for all contacts and not once for each.
"""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, Connection, Select, text
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from handbill.store.tables import contact


def is_among(rows: Select[Any]) -> ColumnElement[bool]:
    """Whether the contact's id is in the one column that the statement answers, which is never null. Two-valued."""
    return Among(contact.c.id, rows.scalar_subquery())


def work_alone(connection: Connection) -> None:
    """Keeps PostgreSQL from parallel workers in this transaction: each would group all orders and events for itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET LOCAL max_parallel_workers_per_gather = 0"))


def whatever_index(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """The column, in a form that keeps SQLite from looking for an index that begins with it.

    It takes every range for a small one, and would fetch half of the orders one by one by their dates, and sort them.
    """
    return Unindexed(column, type_=column.type)


class Unindexed(FunctionElement[Any]):
    """`Unindexed(column)`: the same value."""

    name = "unindexed"
    inherit_cache = True

    def __init__(self, column: ColumnElement[Any], type_: Any) -> None:
        super().__init__(column)
        self.type = type_


@compiles(Unindexed, "sqlite")
def _plain_on_sqlite(element: Unindexed, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"+{compiler.process(element.clauses, **keywords)}"


@compiles(Unindexed, "postgresql")
def _plain_on_postgresql(element: Unindexed, compiler: SQLCompiler, **keywords: Any) -> str:
    return compiler.process(element.clauses, **keywords)


class Among(FunctionElement[bool]):
    """`Among(value, statement)`: whether the value is in the statement's one column, which holds no nulls."""

    name = "among"
    type = Boolean()
    inherit_cache = True


@compiles(Among, "sqlite")
def _on_sqlite(element: Among, compiler: SQLCompiler, **keywords: Any) -> str:
    """Without a reference to the row outside, SQLite runs the statement once and keeps what it answers sorted."""
    value, statement = (compiler.process(each, **keywords) for each in element.clauses)
    return f"({value} IN {statement})"


@compiles(Among, "postgresql")
def _on_postgresql(element: Among, compiler: SQLCompiler, **keywords: Any) -> str:
    """EXISTS becomes a semi-join or an anti-join of any size; NOT IN is quick only while it fits into memory."""
    value, statement = (compiler.process(each, **keywords) for each in element.clauses)
    return f"EXISTS (SELECT 1 FROM {statement} AS among(id) WHERE among.id = {value})"  # noqa: S608 - both are SQL that was compiled
