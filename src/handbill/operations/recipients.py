"""Who stands behind a link of ours: what a page may say of the person, and no more."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from handbill.contacts.erase import living
from handbill.store.tables import contact

_DOTS = "•••"


@dataclass(frozen=True)
class Recipient:
    """A person whom we know. `mailbox` is their address with most of its name left out; empty where there is none."""

    contact_id: int
    mailbox: str
    language: str | None


def recipient(connection: Connection, contact_id: int) -> Recipient | None:
    """The contact with this number; None for a link in a proof, and for people who were erased."""
    columns = (contact.c.id, contact.c.email_key, contact.c.language)
    found = connection.execute(select(*columns).where(contact.c.id == contact_id, living())).one_or_none()
    return Recipient(found.id, masked(found.email_key), found.language) if found else None


def masked(email: str | None) -> str:
    """An address that its owner knows again and that tells others little.

    >>> masked("ann.lee@example.org")
    'a•••@example.org'
    """
    name, at, domain = (email or "").rpartition("@")
    return f"{name[:1]}{_DOTS}{at}{domain}" if at else ""
