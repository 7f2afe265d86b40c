"""Which other systems may bring what: keys that are shown once, and kept as hashes only."""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Engine, Row, func, select, update

from handbill.definitions.words import quoted, unknown
from handbill.errors import KeyRefused, NothingToDo, Problem
from handbill.operations.audit import Action, note, operator
from handbill.store.connection import reading, writing
from handbill.store.inserts import insert_into
from handbill.store.tables import api_key

SCOPES: Mapping[str, str] = {
    "events": "bring what contacts did",
    "orders": "bring orders",
    "contacts": "bring contacts",
}
PREFIX = "hbk_"
"""So that programs which look for secrets in files know one of ours."""
LONGEST_NAME = 60

_SECRET_BYTES = 32
_NOTE_USE_EVERY = timedelta(hours=1)


@dataclass(frozen=True)
class ApiKey:
    """A key without the key: whose it is, and what it may bring. `used_at` is right to about an hour."""

    id: int
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def create_key(engine: Engine, name: str, scopes: Sequence[str], *, now: datetime) -> str:
    """A new key, which is answered this once and kept nowhere.

    Raises:
        KeyRefused: the name is taken or impossible, or a scope is not known.
    """
    problems = _wrong(name, scopes)
    if problems:
        raise KeyRefused(*problems)
    key = PREFIX + secrets.token_urlsafe(_SECRET_BYTES)
    values = {"name": name, "digest": digest_of(key), "scopes": " ".join(dict.fromkeys(scopes)), "created_at": now}
    with writing(engine) as connection:
        statement = insert_into(connection, api_key).values(values).on_conflict_do_nothing(index_elements=["name"])
        if not connection.execute(statement.returning(api_key.c.id)).all():
            raise KeyRefused(f"there is a key {quoted(name)} already. Choose another name, also for one in its place.")
        note(connection, operator(), Action.API_KEY_ADD, name, at=now, scopes=values["scopes"])
    return key


def list_keys(engine: Engine) -> list[ApiKey]:
    """All keys that there ever were, by name."""
    with reading(engine) as connection:
        return [_read(row) for row in connection.execute(select(api_key).order_by(func.lower(api_key.c.name)))]


def revoke_key(engine: Engine, name: str, *, now: datetime) -> None:
    """From now on the key opens nothing.

    Raises:
        KeyRefused: there is no such key.
        NothingToDo: it was revoked before.
    """
    with writing(engine) as connection:
        row = connection.execute(select(api_key).where(api_key.c.name == name)).one_or_none()
        if row is None:
            what, mend = unknown("key", name, connection.scalars(select(api_key.c.name)))
            raise KeyRefused(Problem(what=what, mend=mend))
        if row.revoked_at is not None:
            raise NothingToDo(f"the key {quoted(name)} was revoked before, on {row.revoked_at:%Y-%m-%d}.")
        connection.execute(update(api_key).where(api_key.c.id == row.id).values(revoked_at=now))
        note(connection, operator(), Action.API_KEY_REVOKE, name, at=now)


def find_key(engine: Engine, given: str, *, now: datetime) -> ApiKey | None:
    """The key that somebody shows; None for one that is not known or was revoked.

    The time that the search takes tells nothing: it looks for a hash, which nobody can choose.
    """
    with reading(engine) as connection:
        found = select(api_key).where(api_key.c.digest == digest_of(given), api_key.c.revoked_at.is_(None))
        row = connection.execute(found).one_or_none()
    key = None if row is None else _read(row)
    if key is not None and (key.used_at is None or now - key.used_at >= _NOTE_USE_EVERY):
        with writing(engine) as connection:
            _note_use(connection, key, now)
    return key


def digest_of(key: str) -> str:
    """What is kept of a key. It is random and long, so that a plain hash cannot be tried out."""
    return hashlib.sha256(key.encode(errors="surrogateescape")).hexdigest()


def _note_use(connection: Connection, key: ApiKey, now: datetime) -> None:
    connection.execute(update(api_key).where(api_key.c.id == key.id).values(used_at=now))


def _wrong(name: str, scopes: Sequence[str]) -> list[Problem]:
    problems = []
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        what = f"{quoted(name)} cannot be a name."
        problems.append(Problem(what=what, mend=f"Use 1 to {LONGEST_NAME} letters, such as shop."))
    if not scopes:
        problems.append(Problem("--scope", what="a key that may bring nothing is no key.", mend="Say what it may."))
    for scope in scopes:
        if scope not in SCOPES:
            what, mend = unknown("scope", scope, SCOPES)
            problems.append(Problem("--scope", what=what, mend=mend))
    return problems


def _read(row: Row[Any]) -> ApiKey:
    return ApiKey(row.id, row.name, tuple(row.scopes.split()), row.created_at, row.used_at, row.revoked_at)
