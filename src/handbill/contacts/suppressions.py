"""Whom we must not write to, kept as keyed hashes so that the list outlives the contact."""

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Text, exists, literal, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from handbill.store.inserts import insert_into
from handbill.store.tables import contact, suppressed_digest, suppression


def suppress(connection: Connection, channel: str, key_hash: str, reason: str, at: datetime, source: str) -> None:
    """Suppresses a mailbox (`email_hash`) or an address (`postal_hash`); the first reason stays.

    Messages to erased people have an empty hash: nothing of their address is left to suppress.
    """
    if not key_hash:
        return
    values = {"channel": channel, "key_hash": key_hash, "reason": reason, "at": at, "source": source}
    connection.execute(insert_into(connection, suppression).values(values).on_conflict_do_nothing())


def suppressed(channel: str) -> ColumnElement[bool]:
    """Whether the contact of the statement around this one is suppressed on a channel. Never null."""
    own = hash_column(channel)
    return exists().where(suppression.c.channel == channel, suppression.c.key_hash == own).correlate(contact)


def hash_column(channel: str) -> Column[Any]:
    """The contact's column that the suppressions of a channel name."""
    return {"email": contact.c.email_hash, "direct_mail": contact.c.postal_hash}[channel]


def suppress_known_digests(connection: Connection, among: ColumnElement[bool] | None = None) -> None:
    """Suppresses the contacts, or those `among` them, whose mailbox somebody gave us as a SHA-256 hash."""
    if connection.scalar(select(suppressed_digest.c.digest).limit(1)) is None:
        return
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.dbapi_connection
        driver.create_function("sha256_hex", 1, email_digest, deterministic=True)
    said = suppressed_digest.c
    rows = (
        select(literal("email"), contact.c.email_hash, said.reason, said.at, said.source)
        .join(suppressed_digest, said.digest == _Sha256(contact.c.email_key))
        .where(contact.c.email_key.is_not(None), true() if among is None else among)
        .order_by(contact.c.id)
    )
    names = ["channel", "key_hash", "reason", "at", "source"]
    connection.execute(insert_into(connection, suppression).from_select(names, rows).on_conflict_do_nothing())


def email_digest(key: str) -> str:
    """What mailing services export instead of a mailbox: the SHA-256 of its address in lower case.

    >>> email_digest("ann@example.com")[:16]
    '71d4f55f72fa128d'
    """
    return hashlib.sha256(key.encode()).hexdigest()


class _Sha256(FunctionElement[str]):
    """`email_digest` of a column, as a SQL expression."""

    type = Text()
    inherit_cache = True


@compiles(_Sha256, "sqlite")
def _on_sqlite(element: _Sha256, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"sha256_hex({compiler.process(element.clauses, **keywords)})"


@compiles(_Sha256, "postgresql")
def _on_postgresql(element: _Sha256, compiler: SQLCompiler, **keywords: Any) -> str:
    return f"encode(sha256(convert_to({compiler.process(element.clauses, **keywords)}, 'UTF8')), 'hex')"
