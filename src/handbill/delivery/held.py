"""Which rows of the outbox a process holds, as statements that are made ready once say it."""

from collections.abc import Iterable
from functools import cache
from typing import Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    and_,
    func,
    literal_column,
    or_,
)

from handbill.store.given import Given
from handbill.store.tables import outbox


class Holdable(Protocol):
    """A row's number, and the fence that proves the claim."""

    @property
    def id(self) -> int:
        """The row."""

    @property
    def fence(self) -> int:
        """How often it had been claimed, this time included."""


def is_held(dialect: str) -> ColumnElement[bool]:
    """Rows that are still as their claim left them, of those that `fences` gives."""
    held = _table(dialect)
    return and_(outbox.c.id == held.c.id, outbox.c.fence == held.c.fence)


def fences(dialect: str, rows: Iterable[Holdable]) -> dict[str, str]:
    """The parameters of statements that ask `is_held`."""
    return _HELD.values(dialect, [(row.id, row.fence) for row in rows])


def in_state(*states: str) -> ColumnElement[bool]:
    """Whether a message is in one of the states.

    As constants: SQLite plans a statement anew at each run when a parameter may decide whether a partial index fits,
    which takes ten times as long as to run it.
    """
    return or_(*(outbox.c.state == literal_column(f"'{state}'") for state in states))


def is_still(*states: str) -> ColumnElement[bool]:
    """The same of rows that are found by their number: it must not lead the database to an index of states.

    PostgreSQL expects no messages to be claimed while its statistics are from before the run, and would look through
    all that are, for every few that are marked.
    """
    return or_(
        *(func.coalesce(outbox.c.state, literal_column("''")) == literal_column(f"'{state}'") for state in states)
    )


_HELD = Given("held", {"id": BigInteger(), "fence": Integer()})


@cache
def _table(dialect: str) -> FromClause:
    return _HELD.table(dialect)
