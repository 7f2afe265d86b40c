"""What people and mail servers write back to us: bounces and unsubscribe requests from a maildir.

Only signed mail is believed: a bounce by the address that it comes back to (or the random Message-ID of what came
back), an unsubscribe by the token in its subject. Everything else is set aside for a person; nothing is dropped.
"""

import email
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.message import Message
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, select

from handbill.channels.contract import EventKind
from handbill.delivery.links import BOUNCE_MAILBOX, read_bounce, read_unsubscribe
from handbill.responses.bounces import Notice, read_notices, returned_message_id
from handbill.responses.events import Event
from handbill.responses.ingest import take_in
from handbill.store.connection import writing
from handbill.store.tables import contact, outbox
from handbill.tokens import Keys

SOURCE = "mailbox"
INBOX = ("new", "cur")
DONE, QUARANTINE = "done", "quarantine"
"""Folders of the maildir, where mail lies when it has been read."""
RECIPIENT_HEADERS = ("To", "Delivered-To", "X-Original-To", "Envelope-To")
LARGEST = 2 * 1024 * 1024
"""No bounce or unsubscribe request is larger; what is goes into quarantine unread."""

_AT_A_TIME = 100


@dataclass(frozen=True)
class MailRead:
    """How many mails told what; `known` ones had been read before, `quarantined` ones wait for a person."""

    bounces: int = 0
    unsubscribes: int = 0
    others: int = 0
    known: int = 0
    quarantined: int = 0

    def __add__(self, other: "MailRead") -> "MailRead":
        return MailRead(
            self.bounces + other.bounces,
            self.unsubscribes + other.unsubscribes,
            self.others + other.others,
            self.known + other.known,
            self.quarantined + other.quarantined,
        )


def read_mail(engine: Engine, folder: Path, keys: Keys, *, now: datetime) -> MailRead:
    """Reads all mail of a maildir and files it; read again after a crash, it changes nothing more.

    `others` are notifications of delays and deliveries.
    """
    mails = sorted(path for part in INBOX for path in (folder / part).glob("*") if path.is_file())
    total = MailRead()
    for start in range(0, len(mails), _AT_A_TIME):
        filed: dict[Path, str] = {}
        with writing(engine) as connection:
            for mail in mails[start : start + _AT_A_TIME]:
                read = _read_one(connection, mail, keys, now)
                filed[mail] = QUARANTINE if read.quarantined else DONE
                total += read
        # Only when the store has it for good does a mail leave the inbox.
        for mail, name in filed.items():
            (folder / name).mkdir(exist_ok=True)
            mail.rename(folder / name / mail.name)
    return total


def _read_one(connection: Connection, mail: Path, keys: Keys, now: datetime) -> MailRead:
    if mail.stat().st_size > LARGEST:
        return MailRead(quarantined=1)
    raw = mail.read_bytes()
    message = email.message_from_bytes(raw, policy=policy.default)
    received = _Received(message, hashlib.sha256(raw).hexdigest()[:24], _sent_at(message, now), now)
    events = [*_unsubscribe(connection, received, keys), *_bounce(connection, received, keys)]
    if not events:
        return MailRead(quarantined=1)
    fresh = [each for each in events if take_in(connection, each, now=now)]
    bounces = sum(each.kind == EventKind.BOUNCED for each in fresh)
    unsubscribes = sum(each.kind == EventKind.UNSUBSCRIBED for each in fresh)
    return MailRead(bounces, unsubscribes, len(fresh) - bounces - unsubscribes, known=int(not fresh))


@dataclass(frozen=True)
class _Received:
    """One mail. Its `digest` names its events, so that the same mail put into the folder again is no new event."""

    message: Message
    digest: str
    sent_at: datetime
    now: datetime

    def event(self, name: str, kind: EventKind, **values: Any) -> Event:
        return Event(SOURCE, f"{name}-{self.digest}", kind, self.sent_at, self.now, **values)


def _unsubscribe(connection: Connection, received: _Received, keys: Keys) -> Iterator[Event]:
    for word in " ".join(_headers(received.message, "Subject")).split():
        wish = read_unsubscribe(keys, word)
        if wish is not None:
            known = _message_where(connection, outbox.c.id == wish.outbox_id)
            yield received.event(
                f"unsubscribe-{wish.outbox_id}",
                EventKind.UNSUBSCRIBED,
                contact_id=_known_contact(connection, wish.contact_id),
                outbox_id=known[0] if known else None,
                properties={"topic": wish.topic, "by": "mailto"},
            )
            return


def _bounce(connection: Connection, received: _Received, keys: Keys) -> Iterator[Event]:
    notices = read_notices(received.message)
    answered = _answered(connection, received.message, keys) if notices else None
    if answered is None:
        return
    outbox_id, contact_id = answered
    for place, notice in enumerate(notices):
        yield received.event(
            f"notice-{outbox_id}-{place}",
            notice.kind,
            contact_id=contact_id,
            outbox_id=outbox_id,
            properties=_properties(notice),
        )


def _answered(connection: Connection, message: Message, keys: Keys) -> tuple[int, int] | None:
    """Message and contact that a notification is about, when it proves it."""
    for address in _recipients(message):
        outbox_id = read_bounce(keys, address)
        if outbox_id is not None:
            return _message_where(connection, outbox.c.id == outbox_id)
    returned = returned_message_id(message)
    return _message_where(connection, outbox.c.message_id == returned) if returned else None


def _message_where(connection: Connection, condition: ColumnElement[bool]) -> tuple[int, int] | None:
    row = connection.execute(select(outbox.c.id, outbox.c.contact_id).where(condition)).one_or_none()
    return (row.id, row.contact_id) if row else None


def _known_contact(connection: Connection, contact_id: int) -> int | None:
    return connection.scalar(select(contact.c.id).where(contact.c.id == contact_id))


def _recipients(message: Message) -> Iterator[str]:
    """Every address of our bounce mailbox that the mail says it was sent to."""
    for header in _headers(message, *RECIPIENT_HEADERS):
        yield from (word.strip("<>,;") for word in header.split() if BOUNCE_MAILBOX in word.lower())


def _properties(notice: Notice) -> dict[str, str]:
    words = {"bounce": notice.bounce, "status": notice.status, "said": notice.said}
    return {name: str(word) for name, word in words.items() if word}


def _sent_at(message: Message, now: datetime) -> datetime:
    """The mail's own date, unless that lies in the future or says nothing."""
    for header in _headers(message, "Date"):
        with suppress(ValueError):
            sent_at = parsedate_to_datetime(header)
            if sent_at.tzinfo is not None:
                return min(sent_at.astimezone(UTC), now)
    return now


def _headers(message: Message, *names: str) -> list[str]:
    """The values of headers; what is broken beyond reading is left out."""
    values = []
    for name in names:
        # The standard library's parser trips over some broken headers with errors of many sorts.
        with suppress(ValueError, LookupError, AttributeError):
            values += [str(header) for header in message.get_all(name, [])]
    return values
