"""How large files come into empty tables of PostgreSQL: indexes and references are made once, not row by row."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, ForeignKeyConstraint, Table, exists, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import AddConstraint, DropConstraint

WORTH_IT = 10_000
"""With fewer rows, making the indexes anew takes as long as keeping them."""


@contextmanager
def first_load(connection: Connection, tables: Sequence[Table], rows: int) -> Iterator[None]:
    """Takes the indexes and references off the tables while the block fills them, where they are empty and this pays.

    Everything lies in one transaction: others wait for the tables until it ends, and whatever happens, the indexes and
    references are there afterwards, checked against every row. Primary keys and unique constraints stay.
    """
    if not tables or rows < WORTH_IT or connection.dialect.name != "postgresql" or not _ours_alone(connection, tables):
        yield
        return
    references = [each for table in tables for each in table.constraints if isinstance(each, ForeignKeyConstraint)]
    indexes = [index for table in tables for index in sorted(table.indexes, key=lambda each: str(each.name))]
    for reference in references:
        connection.execute(DropConstraint(reference, isolate_from_table=False))
    for index in indexes:
        index.drop(connection)
    yield
    for index in indexes:
        index.create(connection)
    for reference in references:
        connection.execute(AddConstraint(reference, isolate_from_table=False))
    for table in tables:
        # The server counts for itself within a minute; a plan that is made at once would believe the tables empty.
        connection.exec_driver_sql(f"ANALYZE {table.name}")


def _ours_alone(connection: Connection, tables: Sequence[Table]) -> bool:
    """Whether the tables are empty and nobody else is at work on them.

    It does not wait for others: two imports that begin together would wait for each other.
    """
    names = ", ".join(table.name for table in tables)
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE NOWAIT")
    except OperationalError:
        return False
    return not any(connection.scalar(select(exists(select(table.c[0])))) for table in tables)
