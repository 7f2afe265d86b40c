"""Whom we must not write to, kept as keyed hashes so that the list outlives the contact."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, exists

from handbill.store.inserts import insert_into
from handbill.store.tables import contact, suppression


def suppress(connection: Connection, channel: str, key_hash: str, reason: str, at: datetime, source: str) -> None:
    """Suppresses a mailbox (`email_hash`) or an address (`postal_hash`); the first reason stays."""
    values = {"channel": channel, "key_hash": key_hash, "reason": reason, "at": at, "source": source}
    connection.execute(insert_into(connection, suppression).values(values).on_conflict_do_nothing())


def suppressed(channel: str) -> ColumnElement[bool]:
    """Whether the contact of the statement around this one is suppressed on a channel. Never null."""
    own = hash_column(channel)
    return exists().where(suppression.c.channel == channel, suppression.c.key_hash == own).correlate(contact)


def hash_column(channel: str) -> Column[Any]:
    """The contact's column that the suppressions of a channel name."""
    return {"email": contact.c.email_hash, "direct_mail": contact.c.postal_hash}[channel]
