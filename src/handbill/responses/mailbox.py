"""What people and mail servers write back to us, read from a maildir and taken in."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine

from handbill.channels.contract import EventKind
from handbill.responses.ingest import take_in
from handbill.responses.judging import TOO_LARGE, Judgement, judge
from handbill.responses.received import LARGEST
from handbill.store.connection import writing
from handbill.tokens import Keys

INBOX = ("new", "cur")
DONE, QUARANTINE = "done", "quarantine"
"""Folders of the maildir, where mail lies when it has been read."""

_AT_A_TIME = 100


@dataclass(frozen=True)
class MailRead:
    """How many mails told what; `known` ones had been read before, `quarantined` ones wait for a person.

    `others` are notifications of delays and deliveries; `set_aside` ones ask for nothing, such as automatic replies.
    """

    bounces: int = 0
    unsubscribes: int = 0
    others: int = 0
    known: int = 0
    quarantined: int = 0
    complaints: int = 0
    set_aside: int = 0

    def __add__(self, other: "MailRead") -> "MailRead":
        return MailRead(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)})


def read_mail(engine: Engine, folder: Path, keys: Keys, *, now: datetime) -> MailRead:
    """Reads all mail of a maildir and files it; read again after a crash, it changes nothing more."""
    mails = sorted(path for part in INBOX for path in (folder / part).glob("*") if path.is_file())
    total = MailRead()
    for start in range(0, len(mails), _AT_A_TIME):
        filed: dict[Path, str] = {}
        with writing(engine) as connection:
            for mail, raw in _opened(mails[start : start + _AT_A_TIME]):
                read = take_in_mail(connection, raw, keys, now=now)
                filed[mail] = QUARANTINE if read.quarantined else DONE
                total += read
        # Only when the store has it for good does a mail leave the inbox.
        for mail, name in filed.items():
            move(mail, folder / name)
    return total


def take_in_mail(connection: Connection, raw: bytes | None, keys: Keys, *, now: datetime) -> MailRead:
    """Takes in one mail, or None for one that is too large to be read; says what it was."""
    judged = Judgement(waits=TOO_LARGE) if raw is None else judge(connection, raw, keys, now=now)
    if judged.waits:
        return MailRead(quarantined=1)
    if not judged.events:
        return MailRead(set_aside=1)
    fresh = [each.kind for each in judged.events if take_in(connection, each, now=now)]
    bounces, unsubscribes, complaints = (
        fresh.count(kind) for kind in (EventKind.BOUNCED, EventKind.UNSUBSCRIBED, EventKind.COMPLAINED)
    )
    others = len(fresh) - bounces - unsubscribes - complaints
    return MailRead(bounces, unsubscribes, others, known=int(not fresh), complaints=complaints)


def move(mail: Path, folder: Path) -> None:
    """Moves a mail into a folder, and never over another one of its name."""
    folder.mkdir(exist_ok=True)
    target, number = folder / mail.name, 1
    while target.exists():
        number += 1
        target = folder / f"{mail.name}-{number}"
    with suppress(FileNotFoundError):  # somebody else's program moved it first, and it comes up again
        mail.rename(target)


def _opened(mails: list[Path]) -> Iterator[tuple[Path, bytes | None]]:
    """The bytes of each mail; what another program took away meanwhile is left out, and comes up the next time."""
    for mail in mails:
        try:
            yield mail, mail.read_bytes() if mail.stat().st_size <= LARGEST else None
        except FileNotFoundError:
            continue
