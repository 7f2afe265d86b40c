"""Values from Python as a table inside a statement, whose text stays the same however many rows there are.

A statement of an unchanging text is compiled once by SQLAlchemy, and planned once by PostgreSQL; with a list of
parameters in it, either costs more than what it does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import FromClause, Text, bindparam, cast, column, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.type_api import TypeEngine

Value = int | str | None


@dataclass(frozen=True)
class Given:
    """A table of whole numbers and texts under a `name`, with these `columns`."""

    name: str
    columns: Mapping[str, TypeEngine[Any]]

    def table(self, dialect: str) -> FromClause:
        """The table, as a statement may join it.

        SQLite takes it as JSON, and PostgreSQL as one array a column: of an array it expects a few rows, of JSON a
        hundred, for which it would rather read a whole table than look each up.
        """
        if dialect == "sqlite":
            each = func.json_each(_parameter(self.name)).table_valued("value", name=f"{self.name}_each")
            values = (
                func.json_extract(each.c.value, literal_column(f"'$[{place}]'"), type_=type_).label(key)
                for place, (key, type_) in enumerate(self.columns.items())
            )
            return select(*values).subquery(self.name)
        arrays = (cast(_parameter(f"{self.name}_{key}"), ARRAY(type_)) for key, type_ in self.columns.items())
        typed = (column(key, type_) for key, type_ in self.columns.items())
        return func.unnest(*arrays).table_valued(*typed).render_derived(name=self.name)

    def values(self, dialect: str, rows: Sequence[Sequence[Value]]) -> dict[str, str]:
        """The parameters that hold these rows, each with a value for every column, in their order."""
        if dialect == "sqlite":
            return {self.name: json.dumps(rows, separators=(",", ":"))}
        columns = zip(*rows, strict=True) if rows else [()] * len(self.columns)
        return {f"{self.name}_{key}": _array(values) for key, values in zip(self.columns, columns, strict=True)}


def _parameter(name: str) -> Any:
    return bindparam(name, type_=Text(), required=False)


def _array(values: Sequence[Value]) -> str:
    """PostgreSQL's way to write an array; as text, so that the statement stays the same whatever is in it."""
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Value) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
