"""Rows that come back as one value, because each row that SQLite hands over by itself lets other threads go first."""

from typing import Any

from sqlalchemy import JSON, ColumnElement, func


def as_lists(dialect: str, *columns: ColumnElement[Any]) -> ColumnElement[Any]:
    """All rows of a select as a JSON list of lists of these columns; PostgreSQL says null where there are none.

    A column may be JSON, and so may be such lists of another select.
    """
    if dialect == "sqlite":  # which has no type for JSON: unmarked it would be a text inside the JSON
        marked = (func.json(each) if isinstance(each.type, JSON) else each for each in columns)
        return func.json_group_array(func.json_array(*marked), type_=JSON())
    return func.json_agg(func.json_build_array(*columns), type_=JSON())
