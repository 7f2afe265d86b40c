"""Which addresses are given up because mail to them keeps coming back, counted over all campaigns.

Everything is counted anew from what is stored, so it does not matter in which order it came in.
"""

from datetime import datetime

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from handbill.channels.contract import BounceKind, EventKind
from handbill.definitions.policy import BouncePolicy
from handbill.responses.bounce_classes import best_status, bounce_kind
from handbill.responses.ingest import HARD_BOUNCE, SOFT_BOUNCES
from handbill.store.inserts import insert_into
from handbill.store.tables import audit_entry, event, outbox, run, suppression
from handbill.store.types import micros_of

RETURNED_LETTERS = "letters returned"
PASSING = (BounceKind.SOFT, BounceKind.UNKNOWN)
"""Bounces that count; one that blames us says nothing about the address, however often it comes."""
SOURCE = "bounce policy"

_NAMES = ("channel", "key_hash", "reason", "at", "source")


def give_up_addresses(connection: Connection, policy: BouncePolicy, *, now: datetime) -> int:
    """Suppresses the addresses that the policy gives up; answers how many are new."""
    passing = event.c.properties["bounce"].as_string().in_([str(kind) for kind in PASSING])
    soft = _too_many(and_(event.c.kind == EventKind.BOUNCED, passing), policy.soft, micros_of(policy.within))
    letters = _too_many(event.c.kind == EventKind.LETTER_RETURNED, policy.returned_letters)
    return (
        _give_up_refused(connection, since=now - policy.within, now=now)
        + _give_up(connection, soft, SOFT_BOUNCES, now)
        + _give_up(connection, letters, RETURNED_LETTERS, now)
    )


def _too_many(events: ColumnElement[bool], most: int, within: int | None = None) -> Select[tuple[str, str]]:
    """Channel and hash of the addresses of which `most` messages came back, within so many microseconds or ever."""
    came_back = (
        select(
            outbox.c.channel,
            outbox.c.address_hash,
            outbox.c.id,
            # Several notices of one message are one.
            type_coerce(func.min(event.c.occurred_at), BigInteger).label("at"),
        )
        .join(outbox, outbox.c.id == event.c.outbox_id)
        .where(events, outbox.c.address_hash != "", ~_was_lifted_since(event.c.occurred_at))
        .group_by(outbox.c.channel, outbox.c.address_hash, outbox.c.id)
        .subquery()
    )
    address, order = (came_back.c.channel, came_back.c.address_hash), (came_back.c.at, came_back.c.id)
    counted = select(
        came_back.c.channel,
        came_back.c.address_hash,
        came_back.c.at,
        func.lag(came_back.c.at, most - 1).over(partition_by=address, order_by=order).label("first_at"),
    ).subquery()
    passed = counted.c.at - counted.c.first_at
    enough = passed.is_not(None) if within is None else passed <= within
    return select(counted.c.channel, counted.c.address_hash).where(enough).distinct()


def _give_up(connection: Connection, addresses: Select[tuple[str, str]], reason: str, now: datetime) -> int:
    found = addresses.subquery()
    rows = select(
        found.c.channel, found.c.address_hash, literal(reason), literal(now, suppression.c.at.type), literal(SOURCE)
    ).where(~_is_suppressed(found.c.channel, found.c.address_hash))
    new = insert_into(connection, suppression).from_select(_NAMES, rows).on_conflict_do_nothing()
    return len(connection.execute(new.returning(suppression.c.id)).all())


def _give_up_refused(connection: Connection, *, since: datetime, now: datetime) -> int:
    """Suppresses mailboxes that a server called unknown while we were sending: as good as a bounce, only sooner."""
    recent = select(run.c.id).where(or_(run.c.finished_at.is_(None), run.c.finished_at >= since))
    refused = connection.execute(
        select(outbox.c.address_hash, outbox.c.answer_code, outbox.c.answer_text).where(
            outbox.c.run_id.in_(recent),
            outbox.c.state == "failed",
            outbox.c.channel == "email",
            outbox.c.reason.startswith("refused at rcpt"),
            outbox.c.address_hash != "",
            ~_was_lifted_since(outbox.c.settled_at),
            ~_is_suppressed(outbox.c.channel, outbox.c.address_hash),
        )
    )
    dead = sorted({row.address_hash for row in refused if _is_dead(row.answer_code, row.answer_text or "")})
    rows = [dict(zip(_NAMES, ("email", each, HARD_BOUNCE, now, SOURCE), strict=True)) for each in dead]
    if rows:
        connection.execute(insert_into(connection, suppression).on_conflict_do_nothing(), rows)
    return len(dead)


def _is_dead(code: int | None, said: str) -> bool:
    said = f"{code or ''} {said}"
    return bounce_kind(best_status("", said), said) == BounceKind.HARD


def _was_lifted_since(moment: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether a person took the address off the list after that: what came back before counts no more."""
    named = func.substr(outbox.c.address_hash, 1, func.length(audit_entry.c.subject))
    return exists().where(
        audit_entry.c.action == "unsuppress", audit_entry.c.at >= moment, audit_entry.c.subject == named
    )


def _is_suppressed(channel: ColumnElement[str], key_hash: ColumnElement[str]) -> ColumnElement[bool]:
    return exists().where(suppression.c.channel == channel, suppression.c.key_hash == key_hash)
