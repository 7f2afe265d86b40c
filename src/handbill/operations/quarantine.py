"""What a person has to look at among the mail that came back, wherever it lies, and that they have looked."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sqlalchemy import Engine

from handbill.clock import Clock
from handbill.definitions.project import Project
from handbill.errors import NothingToDo, Problem, ProjectInvalid
from handbill.operations.collect import INBOX_DIR
from handbill.responses.imap import declared_mailbox
from handbill.responses.imap_folder import LOST
from handbill.responses.mailbox import QUARANTINE
from handbill.responses.quarantine import (
    ON_THE_SERVER,
    Waiting,
    settle_in_folder,
    settle_on_server,
    waiting_in_folder,
    waiting_on_server,
)
from handbill.settings import Settings
from handbill.store.connection import reading


def list_quarantine(
    engine: Engine, project: Project, settings: Settings, *, clock: Clock, source: Path | None = None
) -> list[tuple[str, list[Waiting]]]:
    """Each place where mail waits for a person, and what waits there.

    Raises:
        ChannelUnavailable: the mailbox cannot be reached, or refuses us.
        SetupIncomplete: its secret is not in the environment.
    """
    inbox, server = source or settings.work_dir / INBOX_DIR, declared_mailbox(project) if source is None else None
    with reading(engine) as connection:
        places = [(str(inbox / QUARANTINE), [*waiting_in_folder(connection, inbox, settings.keys, now=clock())])]
        if server is not None:
            try:
                found = [*waiting_on_server(connection, server, settings.keys, now=clock())]
            except LOST as error:
                raise server.unreachable(error) from None
            places.append((f"the folder {server.quarantine} of {server.host}", found))
    return [(place, found) for place, found in places if found]


def settle_quarantined(
    project: Project, settings: Settings, names: Sequence[str], *, source: Path | None = None
) -> int:
    """Puts away mails that a person has looked at; answers how many.

    Raises:
        ProjectInvalid: some of the names are none; the others are put away all the same.
        ChannelUnavailable: the mailbox cannot be reached, or refuses us.
        SetupIncomplete: its secret is not in the environment.
    """
    inbox, server = source or settings.work_dir / INBOX_DIR, declared_mailbox(project) if source is None else None
    unknown = []
    for name in names:
        try:
            on_server = server is not None and name.startswith(ON_THE_SERVER) and settle_on_server(server, name)
        except LOST as error:
            if server is None:
                raise
            raise server.unreachable(error) from None
        if not on_server and not settle_in_folder(inbox, name):
            unknown.append(name)
    if unknown:
        mend = "`handbill ingest --list-quarantine` lists them."
        raise ProjectInvalid(*(Problem(what=f"no mail {each} waits in quarantine.", mend=mend) for each in unknown))
    return len(names)


def as_rows(places: Sequence[tuple[str, Sequence[Waiting]]]) -> list[dict[str, str]]:
    """What waits, for other programs."""
    return [
        {
            "place": place,
            "name": each.name,
            "sent_at": each.sent_at.isoformat() if each.sent_at else "",
            "sender": each.sender,
            "subject": each.subject,
            "why": each.why,
        }
        for place, found in places
        for each in found
    ]


def sentences(places: Sequence[tuple[str, Sequence[Waiting]]]) -> Iterator[str]:
    """What waits, in words.

    Raises:
        NothingToDo: nothing does.
    """
    if not places:
        raise NothingToDo("Nothing waits in quarantine.")
    for place, found in places:
        yield f"{len(found):,} {'mail' if len(found) == 1 else 'mails'} in {place}:"
        for each in found:
            about = ", ".join(
                part for part in (f"{each.sent_at:%Y-%m-%d %H:%M}" if each.sent_at else "", each.sender) if part
            )
            yield f"  {each.name}  {about}{f': {each.subject}' if each.subject else ''}"
            yield f"    {each.why}."
    yield "Looked at one? Put it away with `handbill ingest --settle NAME`."
    yield 'To stop writing to its sender: `handbill suppression add ADDRESS --reason "asked by mail"`.'
