"""What happens to one message after another: claimed, marked before the point of no return, settled; each step once.

Every transition names the state and the fence that it expects, so whoever lost a row in the meantime changes nothing.
All functions work inside the caller's transaction. docs/reference/outbox.md draws the states.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Update,
    and_,
    bindparam,
    exists,
    false,
    literal,
    literal_column,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from handbill.contacts.consent import granted
from handbill.contacts.preferences import paused
from handbill.delivery.budget import charge, refund
from handbill.delivery.held import among_numbers, fences, is_held, is_still
from handbill.store.prepared import ready
from handbill.store.tables import contact, outbox, run, suppression
from handbill.store.types import UtcTime, to_micros


class Claimed(NamedTuple):
    """One message that this process holds: the row's number, and the fence that proves the claim."""

    id: int
    fence: int
    run_id: int
    contact_id: int
    channel: str
    step: str
    arm: str
    address: str
    domain: str | None
    attempt: int
    message_id: str
    message_at: datetime
    idempotency_key: str
    code: str | None
    cost: int
    not_before: datetime
    expires_at: datetime | None
    timezone: str | None = None


class Verdict(StrEnum):
    """Whether a claimed message may still leave, at the last moment."""

    GO = "go"
    SUPPRESSED = "suppressed"
    NO_CONSENT = "no_consent"
    PAUSED = "paused"
    TOO_LATE = "too_late"
    OVER_BUDGET = "over_budget"
    NOT_RUNNING = "not_running"
    """The run was paused or cancelled, or is too late; the message is queued again."""
    LOST = "lost"
    """The lease was over and somebody else took the message."""


class Settlement(NamedTuple):
    """How one try ended: the state that the row goes to, and what is kept of the answer.

    `was_marked` says whether the message had been marked as committing. `not_before` is set for another try, and
    `expires_at` where the message gets a last moment with it.
    """

    row: Claimed
    state: str
    outcome: str
    was_marked: bool
    reason: str | None = None
    code: int | None = None
    text: str | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    provider_id: str | None = None


@dataclass(frozen=True)
class Along:
    """What is written in one statement with markers: `make` adds it to `mark_leavable`, with these parameters."""

    make: Callable[[str, str, str | None], ReturningUpdate[tuple[int]]]
    values: Mapping[str, str]


def mark_committing(
    connection: Connection,
    rows: Sequence[Claimed],
    *,
    now: datetime,
    lease_until: datetime,
    budget: int | None = None,
    topic: str | None = None,
    along: Along | None = None,
) -> dict[int, Verdict]:
    """Marks messages of one run and channel that stand before their point of no return; send those that say GO.

    Commit before sending. Reads everything again that may have changed since the plan: whether the run goes on, the
    time, suppression, consent to `topic` and pauses that people asked for, and the channel's `budget`, a hard limit
    over all runs and workers.
    Messages that may not go leave the claim: skipped, expired, or queued again. What goes `along` is written in any
    case, in the statement that marks; not under a budget, and not on SQLite.
    """
    if not rows:
        return {}
    channel = rows[0].channel
    affordable = charge(connection, channel, rows, budget) if budget is not None else list(rows)
    marked = _mark(connection, affordable, topic, now, lease_until, along) if affordable else set()
    if budget is not None:
        refund(connection, channel, sum(row.cost for row in affordable if row.id not in marked))
    verdicts = dict.fromkeys(marked, Verdict.GO)
    if refused := [row for row in rows if row.id not in marked]:
        verdicts |= _explain(connection, refused, now=now, topic=topic)
        _let_go(connection, refused, verdicts, now=now)
    return verdicts


# ---------------------------------------------------------------- what may still leave


def run_goes_on(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    return and_(run.c.state == "running", or_(run.c.latest_at.is_(None), run.c.latest_at > now))


def in_time(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    return or_(outbox.c.expires_at.is_(None), outbox.c.expires_at > now)


def _suppressed() -> ColumnElement[bool]:
    return exists().where(suppression.c.channel == outbox.c.channel, suppression.c.key_hash == outbox.c.address_hash)


def _consented(channel: str, topic: str) -> ColumnElement[bool]:
    return exists().where(contact.c.id == outbox.c.contact_id, granted(channel, topic))


def _mark(
    connection: Connection,
    rows: Sequence[Claimed],
    topic: str | None,
    now: datetime,
    lease_until: datetime,
    along: Along | None,
) -> set[int]:
    """Marks those of the rows that may leave; answers which.

    In one statement where that is the quickest. SQLite opens a file for what a change returns, and has one writer at a
    time anyway: there it is asked first.
    """
    dialect, channel = connection.dialect.name, rows[0].channel
    asked: dict[str, int | str] = {**fences(dialect, rows), "run_id": rows[0].run_id, "now": to_micros(now)}
    until = to_micros(lease_until)
    if dialect != "sqlite":
        make, more = (along.make, along.values) if along else (mark_leavable, {})
        at_once = ready(connection, make, channel, topic)
        return {id_ for (id_,) in at_once.run(connection, **asked, lease_until=until, **more)}
    leavable = ready(connection, _leavable, channel, topic)
    marked = {id_ for (id_,) in leavable.run(connection, **asked)}
    if marked:
        ready(connection, _mark_found).run(connection, numbers=json.dumps(sorted(marked)), lease_until=until)
    return marked


def _leavable(dialect: str, channel: str, topic: str | None) -> Select[tuple[int]]:
    return select(outbox.c.id).where(*_may_leave(dialect, channel, topic))


def mark_leavable(dialect: str, channel: str, topic: str | None) -> ReturningUpdate[tuple[int]]:
    """Marks those of the messages held that may leave, and answers which."""
    return _marked().where(*_may_leave(dialect, channel, topic)).returning(outbox.c.id)


def _may_leave(dialect: str, channel: str, topic: str | None) -> list[ColumnElement[bool]]:
    now = bindparam("now", type_=UtcTime, required=False)
    wanted = [
        is_held(dialect),
        is_still("claimed"),
        in_time(now),
        exists().where(run.c.id == bindparam("run_id", type_=BigInteger(), required=False), run_goes_on(now)),
        ~_suppressed(),
    ]
    if topic is not None:
        wanted += [_consented(channel, topic), ~paused(outbox.c.contact_id, now)]
    return wanted


def _mark_found(_dialect: str) -> Update:
    return _marked().where(among_numbers())


def _marked() -> Update:
    lease_until = bindparam("lease_until", type_=UtcTime, required=False)
    return update(outbox).values(state=literal_column("'committing'"), lease_until=lease_until)


def _explain(
    connection: Connection, rows: Sequence[Claimed], *, now: datetime, topic: str | None
) -> dict[int, Verdict]:
    """Why each of these rows was not marked."""
    dialect = connection.dialect.name
    its_run = select(run.c.id).where(run.c.id == rows[0].run_id, run_goes_on(literal(now, UtcTime)))
    if connection.scalar(its_run) is None:
        return dict.fromkeys((row.id for row in rows), Verdict.NOT_RUNNING)
    consented = _consented(rows[0].channel, topic) if topic is not None else true()
    rests = paused(outbox.c.contact_id, literal(now, UtcTime)) if topic is not None else false()
    columns = (outbox.c.id, outbox.c.expires_at, _suppressed(), consented, rests)
    found = connection.execute(
        select(*columns).where(is_held(dialect), outbox.c.state == "claimed"), fences(dialect, rows)
    )
    verdicts = {row.id: Verdict.LOST for row in rows}
    for id_, expires_at, is_suppressed, is_consented, is_paused in found:
        if expires_at is not None and expires_at <= now:
            verdicts[id_] = Verdict.TOO_LATE
        elif is_suppressed:
            verdicts[id_] = Verdict.SUPPRESSED
        elif not is_consented:
            verdicts[id_] = Verdict.NO_CONSENT
        else:
            verdicts[id_] = Verdict.PAUSED if is_paused else Verdict.OVER_BUDGET
    return verdicts


ENDED = {
    Verdict.SUPPRESSED: "skipped",
    Verdict.NO_CONSENT: "skipped",
    Verdict.PAUSED: "skipped",
    Verdict.TOO_LATE: "expired",
}
"""Verdicts after which nothing more happens to a message, and the state that it ends in."""
_QUEUED_AGAIN = {Verdict.OVER_BUDGET: "queued", Verdict.NOT_RUNNING: "queued"}


def _let_go(connection: Connection, rows: Sequence[Claimed], verdicts: dict[int, Verdict], *, now: datetime) -> None:
    dialect = connection.dialect.name
    for verdict, state in (ENDED | _QUEUED_AGAIN).items():
        if concerned := [row for row in rows if verdicts[row.id] is verdict]:
            ended = {"reason": str(verdict), "settled_at": now} if state != "queued" else {}
            connection.execute(
                update(outbox)
                .where(is_held(dialect), outbox.c.state == "claimed")
                .values(state=state, owner=None, lease_until=None, **ended),
                fences(dialect, concerned),
            )
