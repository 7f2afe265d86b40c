"""What people may ask for: everything that we hold about them, and to be erased everywhere."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Row, select

from handbill.contacts.erase import erase_person, erased_with_news, is_erased
from handbill.definitions.project import Project
from handbill.delivery.forgetting import Printed, forget_messages
from handbill.errors import NothingToDo, Problem, ProjectInvalid
from handbill.operations.audit import Action, Doer, contact_number, note
from handbill.operations.holdings import everything_about
from handbill.operations.leftovers import Leftover, files_that_name, forget_rejects
from handbill.responses.webhooks import forget_about
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import contact
from handbill.store.wiping import wiping


@dataclass(frozen=True)
class Erased:
    """What was done, and what a person still has to do by hand: pieces and files that are out of our reach."""

    contact_id: int
    printed: tuple[Printed, ...]
    files: tuple[Leftover, ...]
    rejects_removed: int

    @property
    def by_hand(self) -> tuple[str, ...]:
        """One sentence a thing that is left to do."""
        return tuple(_by_hand(self))


def export_contact(
    engine: Engine, project: Project, settings: Settings, contact_id: int, *, now: datetime, doer: Doer
) -> dict[str, Any]:
    """Everything that we hold about a person, as values for JSON.

    Raises:
        ProjectInvalid: there is no such contact, or it was erased.
    """
    with writing(engine) as connection:
        person = _person(connection, contact_id)
        held = everything_about(connection, person)
        note(connection, doer, Action.EXPORT, contact_number(contact_id), at=now)
    files = files_that_name(settings, _words_of(person))
    return {
        "made_at": now.isoformat(),
        "by": project.brand.name,
        **held,
        "files": [f"{leftover.what}: {leftover.path.name}" for leftover in files],
    }


def erase_contact(engine: Engine, settings: Settings, contact_id: int, *, now: datetime, doer: Doer) -> Erased:
    """Erases a person everywhere in the store, and from the lists of rejected rows.

    What stays: keyed hashes on the suppression list, so that nobody writes to them again, and an empty place in the
    books, so that reports go on adding up.

    Raises:
        ProjectInvalid: there is no such contact.
        NothingToDo: it was erased before.
        RunRefused: a message to the person is leaving at this very moment.
    """
    with wiping(engine) as connection:
        person = _person(connection, contact_id, erased_too=True)
        if is_erased(connection, contact_id):
            raise NothingToDo("This person was erased before.")
        words = _words_of(person)
        printed = erase_in(connection, settings, contact_id, now=now)
        note(connection, doer, Action.ERASE, contact_number(contact_id), at=now)
    removed = forget_rejects(settings, words)
    return Erased(contact_id, printed, tuple(files_that_name(settings, words)), removed)


def erase_in(connection: Connection, settings: Settings, contact_id: int, *, now: datetime) -> tuple[Printed, ...]:
    """Erases a person, or what came in since, inside the caller's transaction; answers the pieces that were printed.

    Raises:
        RunRefused: a message to the person is leaving at this very moment.
    """
    printed = forget_messages(connection, contact_id, now=now)
    forget_about(connection, [contact_id])  # by their events, which name the requests: so before these are emptied
    erase_person(connection, settings.secret, contact_id, now=now)
    return printed


def erase_news(engine: Engine, settings: Settings, *, now: datetime) -> int:
    """Erases what came in about erased people afterwards; answers about how many."""
    with reading(engine) as connection:
        found = erased_with_news(connection)
    for contact_id in found:
        with wiping(engine) as connection:
            erase_in(connection, settings, contact_id, now=now)
    return len(found)


def _person(connection: Connection, contact_id: int, *, erased_too: bool = False) -> Row[Any]:
    found = connection.execute(select(contact).where(contact.c.id == contact_id)).one_or_none()
    if found is None or (not erased_too and is_erased(connection, contact_id)):
        raise ProjectInvalid(Problem(what="there is no such contact.", mend="Name somebody whom the store knows."))
    return found


def _words_of(person: Row[Any]) -> tuple[str, ...]:
    """What a file would name the person by. A single name or number would find too many others."""
    return tuple(word for word in (person.email, person.email_key, person.phone) if word)


def _by_hand(erased: Erased) -> Iterator[str]:
    for piece in erased.printed:
        yield (
            f"Piece {piece.sequence} of the print batch {piece.batch} is theirs: remove it from {piece.directory}, "
            "and ask the printer to delete the files."
        )
    for leftover in erased.files:
        yield f"{leftover.path} names them ({leftover.what}): delete it, or what it says of them."
    yield "Remove them from the shop's own systems too, else the next import brings them back as somebody new."
    yield "Backups of the database, and the mail provider's log, forget them when their own time is over."
