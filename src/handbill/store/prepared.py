"""Statements that are made ready once and run for every group of messages.

Looking a statement up and binding its values took SQLAlchemy ten times as long as running it took SQLite.
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, CursorResult, Dialect, Select
from sqlalchemy.sql.dml import UpdateBase


class Prepared:
    """A statement as text of one dialect. Parameters that change must be declared with `required=False`."""

    def __init__(self, statement: Select[Any] | UpdateBase, dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self._text = str(compiled)
        self._values: dict[str, Any] = dict(compiled.params)
        self._order: list[str] | None = getattr(compiled, "positiontup", None)

    def run(self, connection: Connection, **values: int | str) -> CursorResult[Any]:
        """Runs it with values as the database keeps them: a time is its microseconds. Rows come in this form too."""
        unknown = values.keys() - self._values.keys()
        if unknown:
            raise KeyError(f"the statement has no parameters {unknown}")
        everything = {**self._values, **values}
        given = tuple(everything[name] for name in self._order) if self._order else everything
        return connection.exec_driver_sql(self._text, given)

    def run_each(
        self, connection: Connection, names: Sequence[str], rows: Iterable[Sequence[int | str | None]]
    ) -> None:
        """Runs it once for each of the rows, whose values stand for the parameters `names`. SQLite only."""
        if not self._order:
            raise TypeError("only SQLite's parameters have an order")
        in_order = itemgetter(*(names.index(name) for name in self._order))
        connection.exec_driver_sql(self._text, list(map(in_order, rows)))


def ready(
    connection: Connection, make: Callable[..., Select[Any] | UpdateBase], *terms: str | tuple[str, ...] | None
) -> Prepared:
    """The statement that `make` makes of the dialect and the terms, ready to be run on this database."""
    key = (make, connection.dialect.name, *terms)
    if key not in _READY:
        _READY[key] = Prepared(make(connection.dialect.name, *terms), connection.dialect)
    return _READY[key]


_READY: dict[tuple[object, ...], Prepared] = {}
