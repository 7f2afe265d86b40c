"""Messages that the server took without an answer: which they are, and what settles them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Update, func, select, update

from handbill.delivery.budget import refund
from handbill.store.tables import contact, outbox, run

CLOSE_AFTER = timedelta(days=7)
"""Nothing more is heard after so long: the message is closed, and nobody will ever know."""


@dataclass(frozen=True)
class Unsure:
    """One message of which nobody knows whether it arrived."""

    outbox_id: int
    campaign: str
    channel: str
    contact: str
    address: str
    message_id: str
    since: datetime
    said: str


def list_uncertain(connection: Connection, run_ids: Collection[int]) -> list[Unsure]:
    """The uncertain messages of some runs, the oldest first."""
    found = connection.execute(
        select(
            outbox.c.id,
            run.c.campaign,
            outbox.c.channel,
            contact.c.external_id,
            outbox.c.address,
            outbox.c.message_id,
            outbox.c.settled_at,
            func.coalesce(outbox.c.answer_text, ""),
        )
        .join(run, run.c.id == outbox.c.run_id)
        .join(contact, contact.c.id == outbox.c.contact_id)
        .where(outbox.c.run_id.in_(run_ids), outbox.c.state == "uncertain")
        .order_by(outbox.c.settled_at, outbox.c.id)
    )
    return [Unsure(*row) for row in found]


def resend_uncertain(connection: Connection, run_id: int, *, now: datetime) -> int:
    """Queues all uncertain messages of a run again, with the same Message-ID; answers how many.

    Somebody decided it: those who did get the first copy may get a second one.
    """
    return _move(connection, _uncertain(run_id), state="queued", not_before=now, expires_at=None, settled_at=None)


def leave_uncertain(connection: Connection, run_id: int, *, now: datetime) -> int:
    """Closes all uncertain messages of a run: nobody will know, and nothing more happens; answers how many."""
    return _move(connection, _uncertain(run_id), state="closed_unknown", settled_at=now, evidence="left by hand")


def close_old(connection: Connection, run_id: int, *, now: datetime) -> int:
    """Closes the messages that have been uncertain for too long; answers how many."""
    old = (*_uncertain(run_id), outbox.c.settled_at <= now - CLOSE_AFTER)
    evidence = f"nothing was heard for {CLOSE_AFTER.days} days"
    return _move(connection, old, state="closed_unknown", settled_at=now, evidence=evidence)


def settle_by_evidence(
    connection: Connection, outbox_id: int, state: Literal["accepted", "failed"], *, evidence: str, now: datetime
) -> bool:
    """Settles an uncertain message by what came back: a bounce, an open, a click. False: it was not uncertain.

    Also counts for a message that was closed for lack of evidence.
    """
    this = (outbox.c.id == outbox_id, outbox.c.state.in_(["uncertain", "closed_unknown"]))
    accepted = {"accepted_at": outbox.c.message_at} if state == "accepted" else {"reason": evidence}
    return _move(connection, this, state=state, settled_at=now, evidence=evidence, **accepted) == 1


def _uncertain(run_id: int) -> tuple[ColumnElement[bool], ...]:
    return (outbox.c.run_id == run_id, outbox.c.state == "uncertain")


def _move(connection: Connection, which: Sequence[ColumnElement[bool]], *, state: str, **values: Any) -> int:
    """Moves messages on, and takes their cost back where they turn out not to have been sent, or will be again."""
    moved: Update = update(outbox).where(*which).values(state=state, **values)
    if state not in {"queued", "failed"}:
        return connection.execute(moved).rowcount
    found = connection.execute(moved.returning(outbox.c.channel, outbox.c.cost)).all()
    for channel in {row.channel for row in found}:
        refund(connection, channel, sum(row.cost for row in found if row.channel == channel))
    return len(found)
