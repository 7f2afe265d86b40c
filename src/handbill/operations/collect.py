"""What came back since the last time: mail in inbox and mailbox, vendors' webhooks, and files of other systems.

The inbox is `.handbill/inbox/`: a maildir for bounces and unsubscribe requests, and beside its folders files such as
`orders-2026-12-01.csv`, named after what they hold. What has been read moves to `done/`; what cannot be believed or
read waits in `quarantine/` for a person. A mailbox on an IMAP server is read where campaigns.yaml declares one.
"""

import fcntl
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from sqlalchemy import Engine

from handbill.clock import Clock, real_clock
from handbill.contacts.imports import DEFAULT_SOURCE, KINDS, ImportResult, import_file
from handbill.contacts.watermarks import move_watermark
from handbill.definitions.project import Project
from handbill.errors import ChannelUnavailable, ImportRefused, Problem, SetupIncomplete
from handbill.operations.audit import Action, Doer, note, operator
from handbill.operations.imports import note_import
from handbill.operations.imports import sentences as sentences_of_import
from handbill.operations.opening import opened
from handbill.operations.webhooks import read_webhooks
from handbill.responses.bounce_policy import give_up_addresses
from handbill.responses.events import MAILBOX_WATERMARK
from handbill.responses.imap import declared_mailbox, read_imap
from handbill.responses.mailbox import DONE, INBOX, QUARANTINE, MailRead, move, read_mail
from handbill.responses.reports import Drained
from handbill.settings import Settings
from handbill.store.connection import writing

INBOX_DIR = "inbox"
ENDINGS = (".csv", ".jsonl", ".parquet")

SCHEDULED = Doer("inbox", "schedule")
"""Who collects where nobody does it by hand."""

_KIND = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Collected:
    """What was read. `refused` files were not loaded at all, and wait in quarantine.

    `given_up` is how many addresses the bounce policy suppressed. `unread` says why the mailbox could not be read.
    """

    mail: MailRead
    files: tuple[ImportResult, ...]
    refused: tuple[Problem, ...]
    given_up: int = 0
    unread: tuple[Problem, ...] = ()
    reports: Drained = field(default_factory=Drained)

    @property
    def counts(self) -> dict[str, int]:
        """How much of each kind came in."""
        counts = {
            "bounces": self.mail.bounces,
            "complaints": self.mail.complaints,
            "unsubscribes": self.mail.unsubscribes,
            "notifications": self.mail.others,
            "set_aside": self.mail.set_aside,
            "quarantined": self.mail.quarantined + len(self.refused),
            "given_up": self.given_up,
            "reports": self.reports.events,
            "strays": self.reports.strays,
        }
        for result in self.files:
            counts[result.kind] = counts.get(result.kind, 0) + result.loaded
        return counts


def collect(
    engine: Engine,
    project: Project,
    settings: Settings,
    *,
    clock: Clock,
    source: Path | None = None,
    doer: Doer | None = None,
) -> Collected:
    """Reads inbox, mailbox and stored webhooks (or only the folder `source`) once, for whoever runs this process.

    Killed and repeated, it loads nothing twice and drops nothing.
    """
    inbox = source or settings.work_dir / INBOX_DIR
    collected = Collected(MailRead(), (), ())
    if inbox.is_dir():
        with _alone(inbox / ".lock"):
            mail = read_mail(engine, inbox, settings.keys, now=clock())
            files, refused = _load_all(engine, project, settings, inbox, clock, doer or operator())
            collected = replace(collected, mail=mail, files=files, refused=refused)
    was_read = any((inbox / part).is_dir() for part in INBOX)
    try:
        server = declared_mailbox(project) if source is None else None
        if server is not None:
            settings.work_dir.mkdir(parents=True, exist_ok=True)
            with _alone(settings.work_dir / ".mailbox.lock"):
                read = read_imap(engine, server, settings.keys, now=clock())
            collected, was_read = replace(collected, mail=collected.mail + read), True
    except (ChannelUnavailable, SetupIncomplete) as error:
        collected, was_read = replace(collected, unread=error.problems), False
    if source is None:
        collected = replace(collected, reports=read_webhooks(engine, settings, clock=clock))
    with writing(engine) as connection:
        if was_read:  # from now on, "no bounces" means that there were none
            move_watermark(connection, *MAILBOX_WATERMARK, clock(), clock())
        given_up = give_up_addresses(connection, project.policies.bounces, now=clock())
        collected = replace(collected, given_up=given_up)
        if came := _by_mail(collected):
            note(connection, doer or operator(), Action.INGEST, None, at=clock(), **came)
    return collected


def collect_project(project_dir: Path, clock: Clock = real_clock) -> dict[str, int]:
    """The same for the project in a folder; answers how much of each kind came in.

    Raises:
        ChannelUnavailable: the mailbox could not be read; everything else was.
    """
    with opened(project_dir) as (project, settings, engine):
        collected = collect(engine, project, settings, clock=clock, doer=SCHEDULED)
    if collected.unread:
        raise ChannelUnavailable(*collected.unread)
    return collected.counts


def sentences(collected: Collected) -> Iterator[str]:
    """What was read, in words."""
    mail = collected.mail
    for number, one, many in (
        (mail.bounces, "bounce", "bounces"),
        (mail.complaints, "complaint", "complaints"),
        (mail.unsubscribes, "unsubscribe request", "unsubscribe requests"),
        (mail.others, "notification of a delay or a delivery", "notifications of delays and deliveries"),
    ):
        if number:
            yield f"Read {number:,} {one if number == 1 else many}."
    if mail.known:
        yield f"{mail.known:,} {_mails(mail.known)} had been read before."
    yield from _of_reports(collected.reports)
    for result in collected.files:
        yield from sentences_of_import(result)
    if mail.set_aside:
        asks = "asks" if mail.set_aside == 1 else "ask"
        yield f"Set aside {mail.set_aside:,} {_mails(mail.set_aside)} that {asks} for nothing, as automatic replies do."
    if collected.given_up:
        addresses = "address" if collected.given_up == 1 else "addresses"
        yield f"Gave up {collected.given_up:,} {addresses}: mail kept coming back."
    if mail.quarantined:
        verb = "waits" if mail.quarantined == 1 else "wait"
        yield (
            f"{mail.quarantined:,} {_mails(mail.quarantined)} {verb} in quarantine, for a person to look at: "
            "`handbill ingest --list-quarantine`."
        )
    is_idle = not any(collected.counts.values()) and not mail.known and not collected.reports.requests
    if is_idle and not collected.files and not collected.unread:
        yield "There was nothing new."


def _of_reports(reports: Drained) -> Iterator[str]:
    for number, verb, one, many in (
        (reports.events, "Read", "report of a vendor", "reports of vendors"),
        (reports.strays, "Kept", "report about a message that is not ours", "reports about messages that are not ours"),
        (reports.unknown, "Kept", "report in a word that is not known", "reports in words that are not known"),
        (reports.broken, "Kept", "request that nobody can read", "requests that nobody can read"),
    ):
        if number:
            yield f"{verb} {number:,} {one if number == 1 else many}."


def _mails(number: int) -> str:
    return "mail" if number == 1 else "mails"


def _by_mail(collected: Collected) -> dict[str, int]:
    """What is written down of a reading; imports have lines of their own, and vendors report day and night."""
    counts = replace(collected, files=(), reports=Drained()).counts
    return {name: count for name, count in counts.items() if count}


def _load_all(
    engine: Engine, project: Project, settings: Settings, inbox: Path, clock: Clock, doer: Doer
) -> tuple[tuple[ImportResult, ...], tuple[Problem, ...]]:
    files: list[ImportResult] = []
    refused: list[Problem] = []
    for path in sorted(each for each in inbox.iterdir() if each.suffix in ENDINGS):
        try:
            files.append(_load(engine, project, settings, path, clock))
            note_import(engine, files[-1], doer, at=clock(), source=DEFAULT_SOURCE)
        except ImportRefused as error:
            refused += error.problems
            move(path, inbox / QUARANTINE)
        else:
            move(path, inbox / DONE)
    return tuple(files), tuple(refused)


def _load(engine: Engine, project: Project, settings: Settings, path: Path, clock: Clock) -> ImportResult:
    match = _KIND.match(path.stem)
    kind = match[0] if match else ""
    if kind not in KINDS:
        what = "a file in the inbox must be named after what it holds."
        raise ImportRefused(Problem(str(path), what=what, mend="Call it orders-….csv, events-….jsonl or the like."))
    return import_file(engine, project, settings, kind, path, clock=clock, infer=False)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Two readers of one inbox would take each other's files away."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
