"""What came back since the last time: mail in the project's inbox, and files that other systems put there.

The inbox is `.handbill/inbox/`: a maildir for bounces and unsubscribe requests, and beside its folders files such as
`orders-2026-12-01.csv`, named after what they hold. What has been read moves to `done/`; what cannot be believed or
read waits in `quarantine/` for a person.
"""

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from handbill.clock import Clock, real_clock
from handbill.contacts.imports import KINDS, ImportResult, import_file
from handbill.definitions.project import Project
from handbill.errors import ImportRefused, Problem
from handbill.operations.imports import sentences as sentences_of_import
from handbill.operations.opening import opened
from handbill.responses.events import MAILBOX_WATERMARK
from handbill.responses.mailbox import DONE, INBOX, QUARANTINE, MailRead, read_mail
from handbill.settings import Settings
from handbill.store.connection import writing
from handbill.store.inserts import insert_into
from handbill.store.tables import source_watermark

INBOX_DIR = "inbox"
ENDINGS = (".csv", ".jsonl", ".parquet")

_KIND = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Collected:
    """What was read. `refused` files were not loaded at all, and wait in quarantine."""

    mail: MailRead
    files: tuple[ImportResult, ...]
    refused: tuple[Problem, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How much of each kind came in."""
        counts = {
            "bounces": self.mail.bounces,
            "unsubscribes": self.mail.unsubscribes,
            "notifications": self.mail.others,
            "quarantined": self.mail.quarantined + len(self.refused),
        }
        for result in self.files:
            counts[result.kind] = counts.get(result.kind, 0) + result.loaded
        return counts


def collect(
    engine: Engine, project: Project, settings: Settings, *, clock: Clock, source: Path | None = None
) -> Collected:
    """Reads the inbox (or the folder `source`) once. Killed and repeated, it loads nothing twice and drops nothing."""
    inbox = source or settings.work_dir / INBOX_DIR
    if not inbox.is_dir():
        return Collected(MailRead(), (), ())
    with _alone(inbox):
        mail = read_mail(engine, inbox, settings.keys, now=clock())
        if any((inbox / part).is_dir() for part in INBOX):
            _note_reading(engine, clock())
        files: list[ImportResult] = []
        refused: list[Problem] = []
        for path in sorted(each for each in inbox.iterdir() if each.suffix in ENDINGS):
            try:
                files.append(_load(engine, project, settings, path, clock))
            except ImportRefused as error:
                refused += error.problems
                _move(path, QUARANTINE)
            else:
                _move(path, DONE)
    return Collected(mail, tuple(files), tuple(refused))


def collect_project(project_dir: Path, clock: Clock = real_clock) -> dict[str, int]:
    """The same for the project in a folder; answers how much of each kind came in."""
    with opened(project_dir) as (project, settings, engine):
        return collect(engine, project, settings, clock=clock).counts


def sentences(collected: Collected) -> Iterator[str]:
    """What was read, in words."""
    mail = collected.mail
    for number, one, many in (
        (mail.bounces, "bounce", "bounces"),
        (mail.unsubscribes, "unsubscribe request", "unsubscribe requests"),
        (mail.others, "notification of a delay or a delivery", "notifications of delays and deliveries"),
    ):
        if number:
            yield f"Read {number:,} {one if number == 1 else many}."
    if mail.known:
        yield f"{mail.known:,} {'mail' if mail.known == 1 else 'mails'} had been read before."
    for result in collected.files:
        yield from sentences_of_import(result)
    if mail.quarantined:
        verb = "mail waits" if mail.quarantined == 1 else "mails wait"
        yield f"{mail.quarantined:,} {verb} in quarantine: nothing signed by us was in it."
    if not any(collected.counts.values()) and not mail.known and not collected.files:
        yield "There was nothing new."


def _load(engine: Engine, project: Project, settings: Settings, path: Path, clock: Clock) -> ImportResult:
    match = _KIND.match(path.stem)
    kind = match[0] if match else ""
    if kind not in KINDS:
        what = "a file in the inbox must be named after what it holds."
        raise ImportRefused(Problem(str(path), what=what, mend="Call it orders-….csv, events-….jsonl or the like."))
    return import_file(engine, project, settings, kind, path, clock=clock, infer=False)


def _note_reading(engine: Engine, now: datetime) -> None:
    """From now on, "no bounces" means that there were none."""
    kind, name = MAILBOX_WATERMARK
    row = {"kind": kind, "source": name, "complete_until": now, "imported_at": now}
    with writing(engine) as connection:
        new = insert_into(connection, source_watermark).values(row)
        changed = {"complete_until": new.excluded.complete_until, "imported_at": new.excluded.imported_at}
        connection.execute(new.on_conflict_do_update(index_elements=["kind", "source"], set_=changed))


def _move(path: Path, folder: str) -> None:
    target = path.parent / folder
    target.mkdir(exist_ok=True)
    path.rename(target / path.name)


@contextmanager
def _alone(inbox: Path) -> Iterator[None]:
    """Two readers of one inbox would take each other's files away."""
    with (inbox / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
