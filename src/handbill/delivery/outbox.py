"""What happens to one message after another: claimed, marked before the point of no return, settled; each step once.

Every transition names the state and the fence that it expects, so whoever lost a row in the meantime changes nothing.
All functions work inside the caller's transaction. docs/reference/outbox.md draws the states.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    Insert,
    Integer,
    Select,
    Text,
    Update,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.sql.dml import ReturningUpdate

from handbill.contacts.consent import granted
from handbill.contacts.preferences import paused
from handbill.delivery.budget import CHARGED, charge, refund
from handbill.store.given import as_given, given
from handbill.store.tables import attempt, contact, outbox, run, suppression
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


@dataclass(frozen=True)
class Lease:
    """Who holds what is claimed, since when and until when, by the machine's time; after that anybody may take it."""

    owner: str
    taken_at: datetime
    until: datetime


@dataclass(frozen=True)
class Recipients:
    """Whose messages to claim: those of one domain, or of all without some.

    Never those of people in the time zones that are `asleep`; an empty name stands for those without one.
    """

    domain: str | None = None
    without: frozenset[str] = frozenset()
    asleep: frozenset[str] = frozenset()


EVERYBODY = Recipients()


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


@dataclass(frozen=True)
class Settlement:
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


def claim(
    connection: Connection,
    run_id: int,
    channel: str,
    *,
    lease: Lease,
    limit: int,
    now: datetime,
    recipients: Recipients = EVERYBODY,
) -> list[Claimed]:
    """Takes up to `limit` queued messages whose time has come, the earliest first; none unless the run is running."""
    moment = literal(now, UtcTime)
    due = [
        outbox.c.run_id == run_id,
        outbox.c.channel == channel,
        outbox.c.state == "queued",
        outbox.c.not_before <= now,
        _in_time(moment),
        exists().where(run.c.id == run_id, _run_goes_on(moment)),
    ]
    if recipients.domain is not None:
        due.append(outbox.c.domain == recipients.domain)
    if recipients.without:
        due.append(or_(outbox.c.domain.is_(None), outbox.c.domain.not_in(sorted(recipients.without))))
    if recipients.asleep:
        due.append(func.coalesce(outbox.c.timezone, "").not_in(sorted(recipients.asleep)))
    earliest = select(outbox.c.id).where(*due).order_by(outbox.c.not_before, outbox.c.id).limit(limit)
    # A common table expression, because PostgreSQL may run a plain subquery several times, each time past its limit.
    picked = earliest.with_for_update(skip_locked=True).cte("picked")
    taken = connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(select(picked.c.id)), outbox.c.state == "queued")
        .values(state="claimed", fence=outbox.c.fence + 1, owner=lease.owner, lease_until=lease.until)
        .returning(*(outbox.c[name] for name in Claimed._fields))
    )
    return sorted(map(Claimed._make, taken), key=lambda row: (row.not_before, row.id))


def mark_committing(
    connection: Connection,
    rows: Sequence[Claimed],
    *,
    now: datetime,
    lease_until: datetime,
    budget: int | None = None,
    topic: str | None = None,
) -> dict[int, Verdict]:
    """Marks messages of one run and channel that stand before their point of no return; send those that say GO.

    Commit before sending. Reads everything again that may have changed since the plan: whether the run goes on, the
    time, suppression, consent to `topic` and pauses that people asked for, and the channel's `budget`, a hard limit
    over all runs and workers.
    Messages that may not go leave the claim: skipped, expired, or queued again.
    """
    if not rows:
        return {}
    channel = rows[0].channel
    affordable = charge(connection, channel, rows, budget) if budget is not None else list(rows)
    parameters = {**_fences(affordable), "lease_until": lease_until, "now": now}
    statement = _mark(connection.dialect.name, channel, topic)
    marked = set(connection.scalars(statement, parameters)) if affordable else set()
    if budget is not None:
        refund(connection, channel, sum(row.cost for row in affordable if row.id not in marked))
    verdicts = dict.fromkeys(marked, Verdict.GO)
    if refused := [row for row in rows if row.id not in marked]:
        verdicts |= _explain(connection, refused, now=now, topic=topic)
        _let_go(connection, refused, verdicts, now=now)
    return verdicts


def settle(connection: Connection, settlements: Sequence[Settlement], *, now: datetime) -> None:
    """Writes down how tries ended. A row that somebody else took over in the meantime keeps what they say."""
    if not settlements:
        return
    dialect = connection.dialect.name
    if returned := [s.row for s in settlements if s.was_marked and s.state not in CHARGED]:
        refund(connection, returned[0].channel, connection.scalar(_cost_of_marked(dialect), _fences(returned)) or 0)
    parameters = {"settled": as_given(map(_as_given, settlements)), "now": now}
    connection.execute(_settle(dialect), parameters)
    connection.execute(_keep_attempts(dialect), parameters)


def release(connection: Connection, run_id: int, channel: str, *, owner: str) -> int:
    """Queues again, untried, whatever `owner` has claimed and not marked; answers how many."""
    return connection.execute(
        update(outbox)
        .where(
            outbox.c.run_id == run_id,
            outbox.c.channel == channel,
            outbox.c.state == "claimed",
            outbox.c.owner == owner,
        )
        .values(state="queued", owner=None, lease_until=None)
    ).rowcount


# ---------------------------------------------------------------- what may still leave


def _run_goes_on(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    return and_(run.c.state == "running", or_(run.c.latest_at.is_(None), run.c.latest_at > now))


def _in_time(now: ColumnElement[datetime]) -> ColumnElement[bool]:
    return or_(outbox.c.expires_at.is_(None), outbox.c.expires_at > now)


def _suppressed() -> ColumnElement[bool]:
    return exists().where(suppression.c.channel == outbox.c.channel, suppression.c.key_hash == outbox.c.address_hash)


def _consented(channel: str, topic: str) -> ColumnElement[bool]:
    return exists().where(contact.c.id == outbox.c.contact_id, granted(channel, topic))


@cache
def _held(dialect: str) -> FromClause:
    """The rows that `_fences` gives."""
    return given(dialect, "held", {"id": BigInteger(), "fence": Integer()})


def _is_held(dialect: str) -> ColumnElement[bool]:
    """Rows that are still as their claim left them."""
    held = _held(dialect)
    return and_(outbox.c.id == held.c.id, outbox.c.fence == held.c.fence)


def _fences(rows: Iterable[Claimed]) -> dict[str, str]:
    return {"held": as_given({"id": row.id, "fence": row.fence} for row in rows)}


@cache
def _mark(dialect: str, channel: str, topic: str | None) -> ReturningUpdate[tuple[int]]:
    """Made once: making this statement anew for every message took longer than running it, and than sending."""
    now = bindparam("now", type_=UtcTime)
    wanted = [
        _is_held(dialect),
        outbox.c.state == "claimed",
        _in_time(now),
        exists().where(run.c.id == outbox.c.run_id, _run_goes_on(now)),
        ~_suppressed(),
    ]
    if topic is not None:
        wanted += (_consented(channel, topic), ~paused(outbox.c.contact_id, now))
    marked = {"state": "committing", "lease_until": bindparam("lease_until", type_=UtcTime)}
    return update(outbox).where(*wanted).values(marked).returning(outbox.c.id)


def _explain(
    connection: Connection, rows: Sequence[Claimed], *, now: datetime, topic: str | None
) -> dict[int, Verdict]:
    """Why each of these rows was not marked."""
    dialect = connection.dialect.name
    its_run = select(run.c.id).where(run.c.id == rows[0].run_id, _run_goes_on(literal(now, UtcTime)))
    if connection.scalar(its_run) is None:
        return dict.fromkeys((row.id for row in rows), Verdict.NOT_RUNNING)
    consented = _consented(rows[0].channel, topic) if topic is not None else true()
    rests = paused(outbox.c.contact_id, literal(now, UtcTime)) if topic is not None else false()
    columns = (outbox.c.id, outbox.c.expires_at, _suppressed(), consented, rests)
    found = connection.execute(select(*columns).where(_is_held(dialect), outbox.c.state == "claimed"), _fences(rows))
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
    held = _is_held(connection.dialect.name)
    for verdict, state in (ENDED | _QUEUED_AGAIN).items():
        if concerned := [row for row in rows if verdicts[row.id] is verdict]:
            ended = {"reason": str(verdict), "settled_at": now} if state != "queued" else {}
            connection.execute(
                update(outbox)
                .where(held, outbox.c.state == "claimed")
                .values(state=state, owner=None, lease_until=None, **ended),
                _fences(concerned),
            )


# ---------------------------------------------------------------- how a try ended

# An answer that comes after the lease was over still counts: it is evidence for a message that is uncertain by now.
_MARKED = ("committing", "uncertain")


@cache
def _settled(dialect: str) -> FromClause:
    """The settlements that `_as_given` gives."""
    texts, numbers = ("state", "reason", "their_id", "said", "outcome"), ("again_at", "last_at")
    return given(
        dialect,
        "settled",
        {"id": BigInteger(), "fence": Integer(), "was_marked": Integer(), "number": Integer(), "code": Integer()}
        | dict.fromkeys(texts, Text())
        | dict.fromkeys(numbers, BigInteger()),
    )


def _as_given(settlement: Settlement) -> dict[str, int | str | None]:
    row = settlement.row
    return {
        "id": row.id,
        "fence": row.fence,
        "was_marked": int(settlement.was_marked),
        "number": row.attempt + 1,
        "state": settlement.state,
        "reason": settlement.reason,
        "again_at": None if settlement.not_before is None else to_micros(settlement.not_before),
        "last_at": None if settlement.expires_at is None else to_micros(settlement.expires_at),
        "their_id": settlement.provider_id,
        "code": settlement.code,
        "said": settlement.text,
        "outcome": settlement.outcome,
    }


@cache
def _settle(dialect: str) -> Update:
    how, now = _settled(dialect).c, bindparam("now", type_=UtcTime)
    was_theirs = or_(
        and_(how.was_marked == 1, or_(*(outbox.c.state == state for state in _MARKED))),
        and_(how.was_marked == 0, outbox.c.state == "claimed"),
    )
    values: dict[str, Any] = {
        "state": how.state,
        "reason": how.reason,
        "attempt": outbox.c.attempt + 1,
        "owner": None,
        "lease_until": None,
        "not_before": func.coalesce(how.again_at, outbox.c.not_before),
        "expires_at": func.coalesce(how.last_at, outbox.c.expires_at),
        "provider_id": func.coalesce(how.their_id, outbox.c.provider_id),
        "answer_code": how.code,
        "answer_text": how.said,
        "accepted_at": case((how.state == "accepted", now)),
        "settled_at": case((how.state != "queued", now)),
    }
    return update(outbox).where(outbox.c.id == how.id, outbox.c.fence == how.fence, was_theirs).values(values)


@cache
def _keep_attempts(dialect: str) -> Insert:
    """Every try of a message that is still there, whoever holds it by now."""
    settled = _settled(dialect)
    how, now = settled.c, bindparam("now", type_=UtcTime)
    tries = select(how.id, how.number, now, how.outcome, how.code, how.said)
    names = ("outbox_id", "number", "ended_at", "outcome", "answer_code", "answer_text")
    return insert(attempt).from_select(names, tries.join(outbox, outbox.c.id == how.id))


@cache
def _cost_of_marked(dialect: str) -> Select[tuple[int]]:
    return select(func.sum(outbox.c.cost)).where(_is_held(dialect), outbox.c.state.in_(_MARKED))
