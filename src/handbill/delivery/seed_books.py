"""What is written down about copies for seed mailboxes: each is begun once, and its fate is kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from handbill.store.inserts import insert_into
from handbill.store.tables import seed_copy


def seeds_in_words(connection: Connection, run_id: int) -> str:
    """`Seeds: 5 of 6 copies sent, qa@shop.example (plain): 550 no such mailbox`; empty for a run without seeds."""
    rows = connection.execute(select(seed_copy).where(seed_copy.c.run_id == run_id).order_by(seed_copy.c.id)).all()
    if not rows:
        return ""
    sent = sum(row.state == "accepted" for row in rows)
    troubles = dict.fromkeys(_trouble(row) for row in rows if row.state != "accepted")
    return ", ".join((f"Seeds: {sent:,} of {len(rows):,} copies sent", *troubles))


def are_written_down(connection: Connection, run_id: int) -> bool:
    """Whether the run's copies are known."""
    return bool(connection.scalar(select(func.count()).where(seed_copy.c.run_id == run_id)))


def write_down(connection: Connection, run_id: int, copies: Sequence[tuple[str, str, str]]) -> None:
    """Notes the copies that a run is to send, by arm, language and mailbox; what is noted already stays as it is."""
    rows = [
        {"run_id": run_id, "arm": arm, "language": language, "address": address, "state": "waiting"}
        for arm, language, address in copies
    ]
    if rows:
        connection.execute(insert_into(connection, seed_copy).values(rows).on_conflict_do_nothing())


def waiting_copies(connection: Connection, run_id: int) -> Sequence[Row[Any]]:
    """The copies that nobody has begun."""
    waiting = select(seed_copy).where(seed_copy.c.run_id == run_id, seed_copy.c.state == "waiting")
    return connection.execute(waiting.order_by(seed_copy.c.id)).all()


def begin(connection: Connection, copy_id: int, at: datetime) -> bool:
    """Marks a copy before it is sent. False: somebody else has begun it."""
    mark = update(seed_copy).where(seed_copy.c.id == copy_id, seed_copy.c.state == "waiting")
    return connection.execute(mark.values(state="sending", begun_at=at)).rowcount == 1


def settle(connection: Connection, copy_id: int, state: str, said: str | None, at: datetime) -> None:
    """Notes what came of a copy that was begun."""
    begun = update(seed_copy).where(seed_copy.c.id == copy_id, seed_copy.c.state == "sending")
    connection.execute(begun.values(state=state, answer_text=said, settled_at=at))


def _trouble(row: Row[Any]) -> str:
    unsure = {"waiting": "not sent yet", "sending": "unsure", "uncertain": "unsure"}.get(row.state, "")
    return f"{row.address} ({row.arm}): {row.answer_text or unsure}"
