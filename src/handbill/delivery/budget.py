"""What a channel has spent over all runs and workers, kept as a hard limit.

The count exists only while a budget is declared: it would make all workers wait for one row, for nothing. It starts
from the outbox's own sum, so a budget that is declared later counts what was sent before.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection, delete, func, select, update

from handbill.store.inserts import insert_into
from handbill.store.tables import budget_use, outbox

CHARGED = ("committing", "accepted", "uncertain", "closed_unknown")
"""States in which a message's cost counts as spent."""


class Costly(Protocol):
    """Anything with a cost in millionths of the currency."""

    @property
    def cost(self) -> int:
        """Millionths of the currency."""


Row = TypeVar("Row", bound=Costly)


def charge(connection: Connection, channel: str, rows: Sequence[Row], budget: int) -> list[Row]:
    """Spends for as many of the rows, in their order, as the budget still allows; returns these."""
    left = budget - _locked_spending(connection, channel)
    affordable = []
    for row in rows:
        if row.cost <= left:
            left -= row.cost
            affordable.append(row)
    _add(connection, channel, sum(row.cost for row in affordable))
    return affordable


def refund(connection: Connection, channel: str, amount: int) -> None:
    """Takes back what was charged for messages that were not sent after all."""
    if amount:
        _add(connection, channel, -amount)


def stop_counting(connection: Connection, channel: str) -> None:
    """For a channel without budget: drops the count, which nobody would keep up to date."""
    connection.execute(delete(budget_use).where(budget_use.c.channel == channel))


def _locked_spending(connection: Connection, channel: str) -> int:
    counted = select(budget_use.c.spent).where(budget_use.c.channel == channel).with_for_update()
    spent = connection.scalar(counted)
    if spent is None:
        so_far = select(func.coalesce(func.sum(outbox.c.cost), 0))
        connection.execute(
            insert_into(connection, budget_use)
            .values(
                channel=channel,
                spent=so_far.where(outbox.c.channel == channel, outbox.c.state.in_(CHARGED)).scalar_subquery(),
            )
            .on_conflict_do_nothing()
        )
        spent = connection.scalar(counted)
    return int(spent or 0)


def _add(connection: Connection, channel: str, amount: int) -> None:
    connection.execute(
        update(budget_use).where(budget_use.c.channel == channel).values(spent=budget_use.c.spent + amount)
    )
