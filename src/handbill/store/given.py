"""Values from Python as a table inside a statement, whose text stays the same however many rows there are.

A statement of an unchanging text is compiled once by SQLAlchemy, and planned once by PostgreSQL; with a list of
parameters in it, either costs more than what it does.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import FromClause, Text, bindparam, cast, column, func, literal_column, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.type_api import TypeEngine


def given(dialect: str, name: str, columns: Mapping[str, TypeEngine[Any]]) -> FromClause:
    """The rows that parameter `name` holds, made by `as_given`. Their values are whole numbers and texts."""
    parameter = bindparam(name, type_=Text(), required=False)
    if dialect == "sqlite":
        each = func.json_each(parameter).table_valued("value", name=f"{name}_each")
        values = (
            func.json_extract(each.c.value, literal_column(f"'$.{key}'"), type_=type_).label(key)
            for key, type_ in columns.items()
        )
        return select(*values).subquery(name)
    typed = [column(key, type_) for key, type_ in columns.items()]
    records = func.json_to_recordset(cast(parameter, postgresql.JSON()))
    return records.table_valued(*typed, name=name).render_derived(with_types=True)


def as_given(rows: Iterable[Mapping[str, int | str | None]]) -> str:
    """Rows as `given` takes them."""
    return json.dumps(list(rows), separators=(",", ":"))
