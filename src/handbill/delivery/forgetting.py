"""What the outbox forgets, of erased people and in time: addresses and answers; what became of each message stays."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Text, cast, literal, select, update

from handbill.errors import RunRefused
from handbill.store.tables import attempt, orders, outbox, print_batch, print_piece, run
from handbill.tokens import new_code

ERASED = "erased"
WAITING = ("planned", "queued", "claimed")
ON_THE_WAY = "committing"
SETTLED = ("accepted", "failed", "skipped", "render_error", "cancelled", "expired", "closed_unknown")

_NOTHING: dict[str, Any] = {"address": "", "address_hash": "", "domain": None, "timezone": None, "answer_text": None,
                            "provider_id": None}  # fmt: skip


@dataclass(frozen=True)
class Printed:
    """A piece that is in the printer's hands: which one of which batch, and where its files lie."""

    batch: str
    directory: str
    sequence: int


def forget_messages(connection: Connection, contact_id: int, *, now: datetime) -> tuple[Printed, ...]:
    """Cancels what has not left, and empties all that names the recipient; answers the pieces that were printed.

    Raises:
        RunRefused: a message is just leaving; it is known in a few minutes what becomes of it.
    """
    mine = outbox.c.contact_id == contact_id
    rows = connection.execute(select(outbox).where(mine).order_by(outbox.c.id).with_for_update()).all()
    if any(row.state == ON_THE_WAY for row in rows):
        raise RunRefused("a message to this person is leaving at this very moment. Try again in a few minutes.")
    _end(connection, contact_id, now)
    for row in rows:
        connection.execute(update(outbox).where(outbox.c.id == row.id).values(_emptied(connection, row)))
    ids = select(outbox.c.id).where(mine)
    connection.execute(update(attempt).where(attempt.c.outbox_id.in_(ids)).values(answer_text=None))
    return _printed(connection, contact_id)


def forget_old_messages(connection: Connection, before: datetime, *, needed_by: Collection[str], limit: int) -> int:
    """Empties up to `limit` messages that were settled before a moment, but for campaigns `needed_by` somebody yet.

    Their codes stay: orders may still come with them. Answers how many.
    """
    settled = (outbox.c.settled_at < before, outbox.c.state.in_(SETTLED), outbox.c.address != "")
    own = select(run.c.id).where(run.c.campaign.not_in(needed_by), run.c.state.in_(("finished", "cancelled")))
    old = select(outbox.c.id).where(outbox.c.run_id.in_(own), *settled).order_by(outbox.c.id).limit(limit)
    ids = list(connection.scalars(old))
    name = literal(f"{ERASED}:") + cast(outbox.c.id, Text)
    connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(**_NOTHING, address_key=name))
    connection.execute(update(attempt).where(attempt.c.outbox_id.in_(ids)).values(answer_text=None))
    return len(ids)


def _end(connection: Connection, contact_id: int, now: datetime) -> None:
    """Nothing more leaves; of what nobody knows whether it arrived, nobody ever will."""
    mine = update(outbox).where(outbox.c.contact_id == contact_id)
    held = {"owner": None, "lease_until": None, "fence": outbox.c.fence + 1, "settled_at": now}
    connection.execute(mine.where(outbox.c.state.in_(WAITING)).values(state="cancelled", reason=ERASED, **held))
    unsure = mine.where(outbox.c.state == "uncertain")
    connection.execute(unsure.values(state="closed_unknown", evidence=ERASED, settled_at=now))


def _emptied(connection: Connection, row: Row[Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {**_NOTHING, "address_key": f"{ERASED}:{row.id}"}
    if row.state == "render_error":
        empty["reason"] = None  # it may cite what could not be printed
    if row.code is not None and row.address:
        # The printer's list says whose code it was. Orders that came with it go on counting.
        empty["code"] = _another_code(connection)
        connection.execute(update(orders).where(orders.c.code == row.code).values(code=empty["code"]))
    return empty


def _another_code(connection: Connection) -> str:
    while connection.scalar(select(outbox.c.id).where(outbox.c.code == (code := new_code()))) is not None:
        pass
    return code


def _printed(connection: Connection, contact_id: int) -> tuple[Printed, ...]:
    found: Sequence[Row[Any]] = connection.execute(
        select(print_batch.c.name, print_batch.c.directory, print_piece.c.sequence)
        .join(print_piece, print_piece.c.batch_id == print_batch.c.id)
        .join(outbox, outbox.c.id == print_piece.c.outbox_id)
        .where(outbox.c.contact_id == contact_id, print_batch.c.state == "handed_over")
        .order_by(print_batch.c.id, print_piece.c.sequence)
    ).all()
    return tuple(Printed(*row) for row in found)
