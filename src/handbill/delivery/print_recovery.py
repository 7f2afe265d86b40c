"""What became of print batches whose process was killed: a directory on disk says whether each was handed over."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Row, delete, select, update

from handbill.channels.print_house import is_handed_over, remove_draft
from handbill.delivery.leases import gone, is_of_this_machine
from handbill.delivery.outbox import Claimed, Settlement
from handbill.delivery.settling import settle
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox, print_batch, print_piece, run

BEGUN = "making"
HANDED_OVER = "handed_over"


def recover(
    engine: Engine, settings: Settings, run_id: int, *, owner: str, now: datetime, machine_now: datetime
) -> list[str]:
    """Settles every batch of a run that `owner` has begun, or a process that is gone; nobody else's.

    Handed over: its pieces are accepted. Not handed over, for certain: what there is of it is removed, and its pieces
    are queued again. Answers with what had to be left: batches whose directory is on another machine.
    """
    left = []
    for batch in _begun(engine, run_id):
        ended = batch.owner == owner or bool(gone(settings, {batch.owner}))
        if not ended and batch.lease_until > machine_now:
            continue
        if is_of_this_machine(batch.owner):
            _settle_begun(engine, batch, now=now)
        else:
            left.append(f"the print batch {batch.name} was begun on another machine: run there once more")
    return left


def _begun(engine: Engine, run_id: int) -> Sequence[Row[Any]]:
    with reading(engine) as connection:
        return connection.execute(
            select(print_batch).where(print_batch.c.run_id == run_id, print_batch.c.state == BEGUN)
        ).all()


def _settle_begun(engine: Engine, batch: Row[Any], *, now: datetime) -> None:
    directory = Path(batch.directory).parent
    remove_draft(directory, batch.name)  # first: afterwards nobody can hand it over any more
    done = bool(batch.pdf_sha256) and is_handed_over(directory, batch.name, batch.pdf_sha256)
    with writing(engine) as connection:
        if done:
            settle_batch(connection, batch.id, batch.name, now=now)
        else:
            _undo(connection, batch.id, now=now)


def settle_batch(connection: Connection, batch_id: int, name: str, *, now: datetime) -> int:
    """Writes down that the printer has a batch; answers how many pieces that settles."""
    pieces = _pieces(connection, batch_id)
    settlements = [
        Settlement(row, "accepted", "accepted", was_marked=True, provider_id=f"{name}/{sequence}")
        for row, sequence in pieces
    ]
    settle(connection, settlements, now=now)
    connection.execute(
        update(print_batch).where(print_batch.c.id == batch_id).values(state=HANDED_OVER, handed_over_at=now)
    )
    return len(pieces)


def forget_batch(connection: Connection, batch_id: int) -> None:
    """Removes a batch that was never handed over."""
    connection.execute(delete(print_piece).where(print_piece.c.batch_id == batch_id))
    connection.execute(delete(print_batch).where(print_batch.c.id == batch_id))


def _undo(connection: Connection, batch_id: int, *, now: datetime) -> None:
    """The pieces of a batch that nobody has seen are queued again, or cancelled with their run."""
    state = connection.scalar(
        select(run.c.state).join(print_batch, print_batch.c.run_id == run.c.id).where(print_batch.c.id == batch_id)
    )
    to_state, reason = ("cancelled", "cancelled") if state == "cancelled" else ("queued", None)
    settlements = [
        Settlement(row, to_state, "retry", was_marked=True, reason=reason) for row, _ in _pieces(connection, batch_id)
    ]
    settle(connection, settlements, now=now)
    forget_batch(connection, batch_id)


def _pieces(connection: Connection, batch_id: int) -> Sequence[tuple[Claimed, int]]:
    columns = [outbox.c[name] for name in Claimed._fields]
    found: Sequence[Row[Any]] = connection.execute(
        select(*columns, print_piece.c.sequence)
        .join(print_piece, print_piece.c.outbox_id == outbox.c.id)
        .where(print_piece.c.batch_id == batch_id)
        .order_by(print_piece.c.sequence)
    ).all()
    return [(Claimed(*row[:-1]), row[-1]) for row in found]
