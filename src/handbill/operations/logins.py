"""Which colleagues may look at reports: their names, and their passwords as argon2 hashes that nobody can read back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Engine, delete, select, update

from handbill.definitions.words import quoted
from handbill.errors import NothingToDo, Problem, ProjectInvalid
from handbill.operations.audit import Action, Doer, note
from handbill.store.connection import reading, writing
from handbill.store.inserts import insert_into
from handbill.store.tables import login, web_session

SHORTEST, LONGEST = 12, 256
"""Characters of a password."""
LONGEST_NAME = 60
_FEWEST_LETTERS = 5
_COMMON = ("password", "passwort", "letmein", "welcome", "qwerty", "qwertz", "123456", "abc123", "iloveyou", "handbill",
           "changeme", "administrator", "dragon", "monkey", "sunshine", "princess", "football", "trustno1")  # fmt: skip
_LITTLE_BESIDE = 5


@dataclass(frozen=True)
class Login:
    """A colleague who may sign in."""

    name: str
    added_at: datetime
    changed_at: datetime


def add_login(engine: Engine, name: str, password: str, *, now: datetime, doer: Doer) -> None:
    """Lets somebody sign in.

    Raises:
        ProjectInvalid: the name is taken or impossible, or the password is weak; all that is wrong with them.
    """
    problems = [*_wrong_name(name), *weaknesses(name, password)]
    if problems:
        raise ProjectInvalid(*problems)
    values = {"name": name, "password_hash": _hasher().hash(password), "added_at": now, "changed_at": now}
    with writing(engine) as connection:
        statement = insert_into(connection, login).values(values).on_conflict_do_nothing()
        if not connection.execute(statement.returning(login.c.name)).all():
            mend = "Choose another name, or set its password with `handbill login password`."
            raise ProjectInvalid(Problem(what=f"there is a login {quoted(name)} already.", mend=mend))
        note(connection, doer, Action.LOGIN_ADD, name, at=now)


def remove_login(engine: Engine, name: str, *, now: datetime, doer: Doer) -> None:
    """Signs somebody out everywhere, and lets them in no more.

    Raises:
        NothingToDo: there is no such login.
    """
    with writing(engine) as connection:
        if connection.execute(delete(login).where(login.c.name == name)).rowcount == 0:
            raise _nobody(name)
        note(connection, doer, Action.LOGIN_REMOVE, name, at=now)


def set_password(engine: Engine, name: str, password: str, *, now: datetime, doer: Doer) -> None:
    """Gives somebody another password, and signs them out everywhere.

    Raises:
        ProjectInvalid: the password is weak.
        NothingToDo: there is no such login.
    """
    if problems := list(weaknesses(name, password)):
        raise ProjectInvalid(*problems)
    hashed = _hasher().hash(password)
    with writing(engine) as connection:
        changed = update(login).where(login.c.name == name).values(password_hash=hashed, changed_at=now)
        if connection.execute(changed).rowcount == 0:
            raise _nobody(name)
        connection.execute(delete(web_session).where(web_session.c.login_name == name))
        note(connection, doer, Action.LOGIN_PASSWORD, name, at=now)


def list_logins(engine: Engine) -> list[Login]:
    """Everybody who may sign in, by name."""
    with reading(engine) as connection:
        rows = connection.execute(select(login.c.name, login.c.added_at, login.c.changed_at).order_by(login.c.name))
        return [Login(*row) for row in rows]


def weaknesses(name: str, password: str) -> Iterator[Problem]:
    """What makes a password easy to guess. Length counts, not signs of many sorts."""
    if len(password) < SHORTEST:
        yield Problem(what=f"the password has {len(password)} characters.", mend=f"Use {SHORTEST} or more.")
    if len(password) > LONGEST:
        yield Problem(what="the password is too long.", mend=f"Use {LONGEST} characters or fewer.")
    if password and len(set(password)) < _FEWEST_LETTERS:
        yield Problem(what="the password repeats the same few characters.", mend="Use several words, for example.")
    for word in (name, *_COMMON):
        beside = len(password) - len(word)
        if len(word) > 2 and word.lower() in password.lower() and beside < max(_LITTLE_BESIDE, len(word)):
            what = "the password is little more than a word that everybody tries."
            yield Problem(what=what, mend="Use several words that have nothing to do with each other.")
            return


def is_password(password_hash: str | None, password: str) -> bool:
    """Whether a password is the one behind a hash. For None as much work is done as for any, and the answer is no."""
    try:
        right = _hasher().verify(password_hash or _nobodys_hash(), password[:LONGEST])
    except (VerificationError, InvalidHashError):
        return False
    return right and password_hash is not None and len(password) <= LONGEST


def hashed_anew(password_hash: str, password: str) -> str | None:
    """The hash by today's parameters, when it was made by older ones."""
    return _hasher().hash(password) if _hasher().check_needs_rehash(password_hash) else None


@cache
def _hasher() -> PasswordHasher:
    """The library's own parameters: argon2id after RFC 9106, for machines with little memory."""
    return PasswordHasher()


@cache
def _nobodys_hash() -> str:
    return _hasher().hash("nobody has this password")


def _wrong_name(name: str) -> Iterator[Problem]:
    if not name.strip() or name != name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        yield Problem(what=f"{quoted(name)} cannot be a name.", mend=f"Use 1 to {LONGEST_NAME} letters, such as ann.")


def _nobody(name: str) -> NothingToDo:
    return NothingToDo(f"There is no login {quoted(name)}. `handbill login list` shows those that there are.")
