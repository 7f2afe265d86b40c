"""How somebody gets a copy of their data or has it erased: asked for in the preference centre, confirmed by mail."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select

from handbill.contacts.identity import email_hash
from handbill.definitions.project import Project
from handbill.delivery.links import read_preferences
from handbill.operations.audit import themselves
from handbill.operations.confirmations import Asked, Purpose, Request, ask, asked, hand_over, note_confirmed
from handbill.operations.privacy import erase_contact, export_contact
from handbill.operations.recipients import Recipient, recipient
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import contact

SOURCE = "preferences"


@dataclass(frozen=True)
class Errand:
    """What a link in a confirmation mail leads to. `person` is None for somebody who was erased."""

    person: Recipient | None
    language: str
    is_over: bool


def request_confirmation(
    engine: Engine, settings: Settings, token: str, purpose: Purpose, *, language: str, network_hash: str, now: datetime
) -> Recipient | None:
    """Lets a mail be sent to the mailbox on file, and nowhere else; None where nobody, or no mailbox, is known.

    Whoever asks too often is told the same, and no mail is sent.
    """
    bearer = read_preferences(settings.keys, token)
    if bearer is None:
        return None
    with writing(engine) as connection:
        person = recipient(connection, bearer.contact_id)
        key = connection.scalar(select(contact.c.email_key).where(contact.c.id == bearer.contact_id))
        if person is None or not key:
            return None
        request = Request(
            purpose, key, email_hash(settings.secret, key), language, SOURCE, network_hash, person.contact_id
        )
        ask(connection, request, now=now)
        return person


def errand(engine: Engine, settings: Settings, purpose: Purpose, token: str, *, now: datetime) -> Errand | None:
    """What a confirmation link leads to; None for a text that is none. Changes nothing."""
    with reading(engine) as connection:
        found = asked(connection, settings.keys, purpose, token)
        if found is None:
            return None
        person = recipient(connection, found.contact_id) if found.contact_id else None
        return Errand(person, found.language, _is_over(found, now))


def take_data(
    engine: Engine, project: Project, settings: Settings, token: str, *, now: datetime
) -> dict[str, object] | None:
    """Everything that is held about the person, as values for JSON; None for a link that does not work (any more)."""
    with writing(engine) as connection:
        found = asked(connection, settings.keys, Purpose.EXPORT, token)
        if found is None or found.contact_id is None or _is_over(found, now):
            return None
        if recipient(connection, found.contact_id) is None:
            return None
        note_confirmed(connection, found.id, now=now)
        hand_over(connection, found.id, found.contact_id)
    return export_contact(engine, project, settings, found.contact_id, now=now, doer=themselves())


def erase_me(engine: Engine, settings: Settings, token: str, *, now: datetime) -> bool:
    """Erases the person everywhere; False for a link that does not work (any more)."""
    with reading(engine) as connection:
        found = asked(connection, settings.keys, Purpose.ERASE, token)
        if found is None or found.contact_id is None or _is_over(found, now):
            return False
        if recipient(connection, found.contact_id) is None:
            return False
    erase_contact(engine, settings, found.contact_id, now=now, doer=themselves())
    return True


def _is_over(found: Asked, now: datetime) -> bool:
    return now > found.until
