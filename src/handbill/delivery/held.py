"""Which rows of the outbox a process holds, as statements that are made ready once say it."""

from collections.abc import Iterable
from functools import cache
from typing import Protocol

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Text,
    and_,
    bindparam,
    func,
    literal_column,
    or_,
    select,
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


def is_still(*states: str) -> ColumnElement[bool]:
    """Whether a message is in one of the states, asked so that no index of states fits.

    PostgreSQL expects no messages to be claimed while its statistics are from before the run, and would look through
    all that are, for every few that are marked. As constants: SQLite plans a statement anew at each run when a
    parameter may decide whether a partial index fits, which takes ten times as long as to run it.
    """
    return or_(
        *(func.coalesce(outbox.c.state, literal_column("''")) == literal_column(f"'{state}'") for state in states)
    )


def waits() -> ColumnElement[bool]:
    """Whether a message is queued, for statements that go along the index of what waits, the earliest first.

    By the index of states PostgreSQL would sort all that wait for every claim: it expects few messages in a new run.
    """
    return is_still("queued")


def among_numbers() -> ColumnElement[bool]:
    """Messages by their numbers, as JSON in the parameter `numbers`, on SQLite: each is looked up."""
    numbers = func.json_each(bindparam("numbers", type_=Text(), required=False)).table_valued("value")
    return outbox.c.id.in_(select(numbers.c.value))


_HELD = Given("held", {"id": BigInteger(), "fence": Integer()})


@cache
def _table(dialect: str) -> FromClause:
    return _HELD.table(dialect)
