"""Whom nobody may write to: looked at, added to by hand, and lifted for a reason that is written down."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, func, or_, select

from handbill.contacts.erase import living
from handbill.contacts.identity import email_hash, email_key
from handbill.contacts.suppressions import email_digest, suppress
from handbill.definitions.campaign import Channel
from handbill.errors import NothingToDo, Problem, ProjectInvalid
from handbill.operations.audit import Action, Doer, note
from handbill.operations.people import contact_called
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import contact, suppressed_digest, suppression

BY_HAND = "by hand"
SHOWN_LETTERS = 12
"""Of a keyed hash; enough to tell two of them apart."""


@dataclass(frozen=True)
class Suppressed:
    """One entry of the list; `contacts` are the ids of those whom it stops, as far as we know them."""

    channel: str
    key_hash: str
    reason: str
    at: datetime
    source: str
    contacts: tuple[str, ...]


@dataclass(frozen=True)
class SuppressionList:
    """The latest entries, how many there are in all by channel and reason, and mailboxes known by a hash only."""

    entries: tuple[Suppressed, ...]
    counts: tuple[tuple[str, str, int], ...]
    by_digest: int


def list_suppressions(
    engine: Engine, *, channel: str | None = None, reason: str | None = None, limit: int = 50
) -> SuppressionList:
    """What stands on the list, the newest first."""
    wanted = [suppression.c.channel == channel] if channel else []
    wanted += [suppression.c.reason.contains(reason, autoescape=True)] if reason else []
    keys = (suppression.c.channel, suppression.c.reason)
    counted = select(*keys, func.count()).where(*wanted).group_by(*keys).order_by(func.count().desc(), *keys)
    with reading(engine) as connection:
        counts = tuple((row[0], row[1], row[2]) for row in connection.execute(counted))
        digests = connection.scalar(select(func.count()).select_from(suppressed_digest)) or 0
        return SuppressionList(tuple(_entries(connection, wanted, limit)), counts, digests)


def add_suppression(
    engine: Engine, settings: Settings, name: str, channel: Channel, reason: str, *, now: datetime, doer: Doer
) -> str:
    """Suppresses a mailbox, or the mailbox or postal address of a contact; answers the keyed hash.

    Raises:
        ProjectInvalid: the name is no mailbox and nobody's, or the contact has no address of the channel.
        NothingToDo: it is suppressed already.
    """
    with writing(engine) as connection:
        key_hash = _hash_of(connection, settings, name, channel)
        if (
            reason_before := connection.scalar(select(suppression.c.reason).where(*_is(channel, key_hash)))
        ) is not None:
            raise NothingToDo(f"{name} is suppressed already ({reason_before}).")
        suppress(connection, channel, key_hash, reason, now, BY_HAND)
        note(connection, doer, Action.SUPPRESS, key_hash[:SHOWN_LETTERS], at=now, channel=channel, reason=reason)
    return key_hash


def remove_suppression(
    engine: Engine, settings: Settings, name: str, channel: Channel, reason: str, *, now: datetime, doer: Doer
) -> str:
    """Lifts a suppression, for a reason that the log keeps; answers why it was suppressed.

    Raises:
        ProjectInvalid: the name is no mailbox and nobody's.
        NothingToDo: it is not suppressed.
    """
    with writing(engine) as connection:
        key_hash = _hash_of(connection, settings, name, channel)
        was = connection.scalar(delete(suppression).where(*_is(channel, key_hash)).returning(suppression.c.reason))
        if channel == "email" and (key := _mailbox(connection, name)):
            mine = suppressed_digest.c.digest == email_digest(key)
            was = connection.scalar(delete(suppressed_digest).where(mine).returning(suppressed_digest.c.reason)) or was
        if was is None:
            raise NothingToDo(f"{name} is not suppressed.")
        said = {"channel": channel, "was": was, "reason": reason}
        note(connection, doer, Action.UNSUPPRESS, key_hash[:SHOWN_LETTERS], at=now, **said)
    return str(was)


def _is(channel: str, key_hash: str) -> tuple[ColumnElement[bool], ...]:
    return (suppression.c.channel == channel, suppression.c.key_hash == key_hash)


def _entries(connection: Connection, wanted: Sequence[ColumnElement[bool]], limit: int) -> list[Suppressed]:
    names = ("channel", "key_hash", "reason", "at", "source")
    newest = select(*(suppression.c[name] for name in names)).where(*wanted)
    rows = connection.execute(newest.order_by(suppression.c.at.desc(), suppression.c.id.desc()).limit(limit)).all()
    stopped: dict[tuple[str, str], list[str]] = {}
    hashes = [row.key_hash for row in rows]
    either = or_(contact.c.email_hash.in_(hashes), contact.c.postal_hash.in_(hashes))
    people = select(contact.c.external_id, contact.c.email_hash, contact.c.postal_hash).where(and_(living(), either))
    for person in connection.execute(people.order_by(contact.c.id)):
        stopped.setdefault(("email", person.email_hash), []).append(person.external_id)
        stopped.setdefault(("direct_mail", person.postal_hash), []).append(person.external_id)
    return [
        Suppressed(**each._mapping, contacts=tuple(stopped.get((each.channel, each.key_hash), ())))  # noqa: SLF001 - SQLAlchemy's public name
        for each in rows
    ]


def _hash_of(connection: Connection, settings: Settings, name: str, channel: Channel) -> str:
    if channel == "email" and "@" in name:
        return email_hash(settings.secret, _key(name))
    person = contact_called(connection, name)
    found = person.email_hash if channel == "email" else person.postal_hash
    if found is None:
        kind = "mailbox" if channel == "email" else "address that post can go to"
        raise ProjectInvalid(Problem(what=f"{name} has no {kind}.", mend="Name somebody who has one."))
    return str(found)


def _mailbox(connection: Connection, name: str) -> str | None:
    return _key(name) if "@" in name else contact_called(connection, name).email_key


def _key(name: str) -> str:
    try:
        return email_key(name)
    except ValueError as error:
        raise ProjectInvalid(Problem(what=str(error))) from None
