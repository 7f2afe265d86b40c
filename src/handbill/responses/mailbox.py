"""What people and mail servers write back to us, read from a maildir and taken in."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine

from handbill.channels.contract import EventKind
from handbill.responses.events import Event
from handbill.responses.ingest import take_in_all
from handbill.responses.judging import TOO_LARGE, Judgement, judge
from handbill.responses.received import LARGEST
from handbill.store.connection import writing
from handbill.tokens import Keys

INBOX = ("new", "cur")
DONE, QUARANTINE = "done", "quarantine"
"""Folders of the maildir, where mail lies when it has been read."""

Name = TypeVar("Name", bound=Hashable)

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
        with writing(engine) as connection:
            judged = {mail: judge_mail(connection, raw, keys, now) for mail, raw in _opened(mails[start:][:_AT_A_TIME])}
            read = take_in_mails(connection, judged, now=now)
        total = sum(read.values(), total)
        # Only when the store has it for good does a mail leave the inbox.
        for mail, each in read.items():
            move(mail, folder / (QUARANTINE if each.quarantined else DONE))
    return total


def judge_mail(connection: Connection, raw: bytes | None, keys: Keys, now: datetime) -> Judgement:
    """What a mail means, or None, which stands for one that is too large to be read."""
    return Judgement(waits=TOO_LARGE) if raw is None else judge(connection, raw, keys, now=now)


def take_in_mails(connection: Connection, judged: Mapping[Name, Judgement], *, now: datetime) -> dict[Name, MailRead]:
    """Takes in what mails mean; says of each, by its name, what it was."""
    fresh = {each.source_event_id for each in take_in_all(connection, _events(judged.values()), now=now)}
    read: dict[Name, MailRead] = {}
    for name, each in judged.items():
        mine = [event for event in each.events if event.source_event_id in fresh]
        fresh -= {event.source_event_id for event in mine}  # another copy of the mail tells nothing new
        read[name] = _read(each, [event.kind for event in mine])
    return read


def _events(judged: Iterable[Judgement]) -> Iterator[Event]:
    return (event for each in judged for event in each.events)


def _read(judged: Judgement, fresh: Sequence[str]) -> MailRead:
    if judged.waits:
        return MailRead(quarantined=1)
    if not judged.events:
        return MailRead(set_aside=1)
    counted = (fresh.count(kind) for kind in (EventKind.BOUNCED, EventKind.UNSUBSCRIBED, EventKind.COMPLAINED))
    bounces, unsubscribes, complaints = counted
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
