"""Who holds messages, how long a claim lasts, and what becomes of it when its process is gone."""

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from uuid import uuid4

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, and_, func, insert, or_, select, update

from handbill.clock import awake_and_asleep, real_clock
from handbill.delivery.budget import refund
from handbill.settings import Settings
from handbill.store.tables import attempt, outbox
from handbill.store.types import from_micros

CLAIM_LEASE = timedelta(minutes=5)
"""How long a claimed message may wait for its turn; afterwards it is queued again."""
COMMIT_LEASE = timedelta(minutes=15)
"""How long an answer may take, longer than the 600 s that SMTP allows; afterwards the message is uncertain."""


@dataclass(frozen=True)
class Terms:
    """How long a worker may hold a message that it claimed, and one that it marked, before others may take it."""

    claim: timedelta = CLAIM_LEASE
    commit: timedelta = COMMIT_LEASE


USUAL_TERMS = Terms()

OnUncertain = Literal["hold", "resend", "assume_sent"]
MachineTime = Callable[[Connection], datetime]
"""The time that leases are measured by."""

_KEPT = timedelta(days=1)
_FRESH = 0.5
NO_ANSWER = "the sending process ended before the answer came"


@dataclass(frozen=True)
class Swept:
    """How many messages whose lease was over are queued again, and how many are uncertain."""

    queued: int
    uncertain: int


def machine_time(connection: Connection) -> datetime:
    """PostgreSQL's own time, because clocks of machines differ; on SQLite there is but one machine."""
    if connection.dialect.name != "postgresql":
        return real_clock()
    micros = func.floor(func.extract("epoch", func.clock_timestamp()) * 1_000_000)
    return from_micros(int(connection.scalar(select(func.cast(micros, BigInteger))) or 0))


def often(ask: MachineTime) -> MachineTime:
    """The same time for those who ask hundreds of times a second: half a second after an answer, so much is added."""
    known: tuple[float, datetime] | None = None

    def answer(connection: Connection) -> datetime:
        nonlocal known
        at = awake_and_asleep()
        if known is None or at - known[0] > _FRESH:
            known = at, ask(connection)
        return known[1] + timedelta(seconds=at - known[0])

    return answer


@contextmanager
def holding(settings: Settings) -> Iterator[str]:
    """A name for this process to claim messages under.

    A locked file stands for the name. The operating system opens the lock when the process ends, however it ends, so
    that others on this machine need not wait for its leases to run out.
    """
    name = f"{_machine()}{os.getpid()}-{uuid4().hex[:12]}"
    path = _owners(settings) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    _tidy(path.parent)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield name
        finally:
            path.unlink(missing_ok=True)


def gone(settings: Settings, names: Iterable[str]) -> set[str]:
    """Those of the names whose process on this machine has ended for certain."""
    return {name for name in names if is_of_this_machine(name) and _has_ended(_owners(settings) / name)}


def is_of_this_machine(name: str) -> bool:
    """Whether a process that claims under the name runs, or ran, here."""
    return name.startswith(_machine())


def sweep_leases(
    connection: Connection,
    settings: Settings,
    run_id: int,
    *,
    now: datetime,
    machine_now: datetime,
    channel: str | None = None,
    on_uncertain: OnUncertain = "hold",
) -> Swept:
    """Takes messages of a run back from processes that are gone, or whose lease is over at `machine_now`.

    Claimed ones were not sent for certain and are queued again. Those that were marked as committing may have been
    sent: `on_uncertain` says what becomes of them. `channel` restricts it to one.
    """
    mine = (
        outbox.c.run_id == run_id if channel is None else and_(outbox.c.run_id == run_id, outbox.c.channel == channel)
    )
    holders = select(outbox.c.owner).where(mine, outbox.c.state.in_(["claimed", "committing"]))
    names = connection.scalars(holders.where(outbox.c.owner.is_not(None)).distinct())
    over = and_(mine, or_(outbox.c.lease_until <= machine_now, outbox.c.owner.in_(sorted(gone(settings, names)))))
    claimed = outbox.c.id.in_(_in_nobodys_hands("claimed", over))
    queued = connection.execute(update(outbox).where(claimed).values(state="queued", owner=None, lease_until=None))
    return Swept(queued.rowcount, _lose_track(connection, over, now=now, on_uncertain=on_uncertain))


def after_uncertainty(on_uncertain: OnUncertain) -> str:
    """The state of a message that the server took without an answer, as the campaign declares."""
    return {"hold": "uncertain", "resend": "queued", "assume_sent": "accepted"}[on_uncertain]


def _in_nobodys_hands(state: str, over: ColumnElement[bool]) -> Select[tuple[int]]:
    """Messages that nobody marks or settles this very moment: whoever does would wait for us, and we for them."""
    free = select(outbox.c.id).where(outbox.c.state == state, over).correlate(None)
    return free.with_for_update(skip_locked=True)


def _lose_track(connection: Connection, over: ColumnElement[bool], *, now: datetime, on_uncertain: OnUncertain) -> int:
    state = after_uncertainty(on_uncertain)
    assumed = {"accepted_at": now, "evidence": "assumed, as on_uncertain declares"} if state == "accepted" else {}
    lost = connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(_in_nobodys_hands("committing", over)))
        .values(
            state=state,
            attempt=outbox.c.attempt + 1,
            owner=None,
            lease_until=None,
            answer_code=None,
            answer_text=NO_ANSWER,
            settled_at=None if state == "queued" else now,
            **assumed,
        )
        .returning(outbox.c.id, outbox.c.attempt, outbox.c.channel, outbox.c.cost)
    ).all()
    if lost:
        tries = [{"outbox_id": row.id, "number": row.attempt, "ended_at": now, "outcome": "uncertain",
                  "answer_text": NO_ANSWER} for row in lost]  # fmt: skip
        connection.execute(insert(attempt), tries)
    if state == "queued":
        for channel in {row.channel for row in lost}:
            refund(connection, channel, sum(row.cost for row in lost if row.channel == channel))
    return len(lost)


def _machine() -> str:
    return f"{socket.gethostname()}-"


def _owners(settings: Settings) -> Path:
    return settings.work_dir / "owners"


def _tidy(owners: Path) -> None:
    """Removes what killed processes left behind, long after their leases were over."""
    for path in owners.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > _KEPT.total_seconds() and _has_ended(path):
                path.unlink()


def _has_ended(path: Path) -> bool:
    """A file that nobody holds locked. Without the file the process may run on another machine: not for certain."""
    try:
        with path.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
