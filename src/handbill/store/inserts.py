"""How rows are added that may be there already, in the same words on SQLite and PostgreSQL."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An insert into `table` that can say what to do on a conflict."""
    return insert_for(connection.dialect.name, table)


def insert_for(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """The same for a statement that is made ready before there is a connection."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)
