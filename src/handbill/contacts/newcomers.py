"""Who owns a mailbox that was proven to be somebody's: the contacts who have it, or a new one."""

from datetime import datetime
from uuid import uuid4

from sqlalchemy import Connection, insert, select

from handbill.contacts.identity import email_hash, email_key, id_from_email, own_household_key
from handbill.contacts.merging.history import EMAIL
from handbill.contacts.suppressions import suppress_known_digests
from handbill.store.tables import attribute_history, contact


def owners_of(
    connection: Connection, secret: bytes, email: str, *, language: str | None, now: datetime
) -> tuple[int, ...]:
    """The contacts with a mailbox, the first one first; one is made where nobody has it."""
    key = email_key(email)
    mine = select(contact.c.id).where(contact.c.email_key == key).order_by(contact.c.id)
    known = tuple(connection.scalars(mine))
    return known or (_made(connection, secret, email, key, language, now),)


def _made(connection: Connection, secret: bytes, email: str, key: str, language: str | None, now: datetime) -> int:
    external_id = id_from_email(secret, key)
    if connection.scalar(select(contact.c.id).where(contact.c.external_id == external_id)) is not None:
        external_id = f"e-{uuid4().hex}"  # whoever had the mailbox before has another one by now, and keeps the id
    values = {
        "external_id": external_id,
        "email": email,
        "email_key": key,
        "email_hash": email_hash(secret, key),
        "household_key": own_household_key(external_id),
        "language": language,
        "created_at": now,
        "updated_at": now,
    }
    made: int = connection.execute(insert(contact).values(values).returning(contact.c.id)).scalar_one()
    history = {"contact_id": made, "name": EMAIL, "value": key, "from_at": now}
    connection.execute(insert(attribute_history).values(history))
    suppress_known_digests(connection, contact.c.id == made)
    return made
