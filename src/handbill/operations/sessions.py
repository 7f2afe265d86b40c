"""How colleagues sign in and out: one session a sign-in, which ends by itself, and few tries for whoever guesses."""

import hashlib
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, and_, delete, insert, or_, select, update

from handbill.operations.audit import Action, Doer, note
from handbill.operations.logins import hashed_anew, is_password
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.inserts import insert_into
from handbill.store.tables import login, rate_bucket, web_session
from handbill.tokens import keyed_hash

IDLE = timedelta(hours=12)
"""So long after the last page a session is over."""
AT_LONGEST = timedelta(days=7)
"""So long after the sign-in it is over in any case."""


@dataclass(frozen=True)
class Tries:
    """So many wrong passwords at once, and one more every so often."""

    most: int
    every: timedelta


OF_A_NAME = Tries(8, timedelta(minutes=3))
OF_A_NETWORK = Tries(30, timedelta(seconds=30))

_PREFIX = "sign-in "
_FORGET_TRIES_AFTER = timedelta(days=1)
_NOTE_USE_EVERY = timedelta(minutes=1)
_ONE_OR_TWO = threading.BoundedSemaphore(2)
"""Each check of a password takes 64 MiB of memory for a moment."""


@dataclass(frozen=True)
class SignedIn:
    """The token that goes into the cookie, and nowhere else."""

    token: str


@dataclass(frozen=True)
class Refused:
    """Nobody was signed in; `wait` is set when there were too many tries, whoever's name it was."""

    wait: timedelta | None = None


@dataclass(frozen=True)
class Session:
    """Who is signed in, and what their session is called in the store."""

    name: str
    digest: str


def sign_in(
    engine: Engine, settings: Settings, name: str, password: str, network: str, *, now: datetime
) -> SignedIn | Refused:
    """Begins a session when name and password are right.

    For a name that nobody has, the same work is done and the same is answered as for a wrong password.
    """
    network_bucket = f"{_PREFIX}network {keyed_hash(settings.secret, 'network', network)}"
    name_bucket = f"{_PREFIX}name {keyed_hash(settings.secret, 'login', name)}"
    with writing(engine) as connection:
        # The network first: whoever is stopped there makes no bucket for every name that they think of.
        wait = _take(connection, network_bucket, OF_A_NETWORK, now) or _take(connection, name_bucket, OF_A_NAME, now)
        known = connection.scalar(select(login.c.password_hash).where(login.c.name == name))
    if wait is not None:
        return Refused(wait)
    with _ONE_OR_TWO:
        right = is_password(known, password)
    doer = Doer(name if known is not None else "unknown", "web")
    with writing(engine) as connection:
        if not right or known is None:
            note(connection, doer, Action.SIGN_IN_REFUSED, at=now)
            return Refused()
        token = _begin(connection, name, now)
        connection.execute(delete(rate_bucket).where(rate_bucket.c.name == name_bucket))
        if (anew := hashed_anew(known, password)) is not None:
            connection.execute(update(login).where(login.c.name == name).values(password_hash=anew))
        note(connection, doer, Action.SIGN_IN, at=now)
    return SignedIn(token)


def session_of(engine: Engine, token: str, *, now: datetime) -> Session | None:
    """Whose session a token opens; None for a token that is none, and for a session that is over."""
    digest = _digest(token)
    with reading(engine) as connection:
        row = connection.execute(select(web_session).where(web_session.c.digest == digest)).one_or_none()
    if row is None or now - row.seen_at >= IDLE or now - row.begun_at >= AT_LONGEST:
        return None
    if now - row.seen_at >= _NOTE_USE_EVERY:
        with writing(engine) as connection:
            connection.execute(update(web_session).where(web_session.c.digest == digest).values(seen_at=now))
    return Session(row.login_name, digest)


def sign_out(engine: Engine, session: Session, *, now: datetime) -> None:
    """Ends a session; its token opens nothing any more."""
    with writing(engine) as connection:
        if connection.execute(delete(web_session).where(web_session.c.digest == session.digest)).rowcount:
            note(connection, Doer(session.name, "web"), Action.SIGN_OUT, at=now)


def forget_sessions(engine: Engine, *, now: datetime) -> int:
    """Deletes sessions that are over, and what is remembered of tries long ago; answers how many sessions."""
    over = or_(web_session.c.seen_at <= now - IDLE, web_session.c.begun_at <= now - AT_LONGEST)
    old = and_(rate_bucket.c.name.startswith(_PREFIX), rate_bucket.c.filled_at < now - _FORGET_TRIES_AFTER)
    with writing(engine) as connection:
        connection.execute(delete(rate_bucket).where(old))
        return connection.execute(delete(web_session).where(over)).rowcount


def too_many_words(wait: timedelta) -> str:
    """What to say to whoever tried too often."""
    minutes = max(1, -(-int(wait.total_seconds()) // 60))
    return f"Too many tries. Try again in {minutes} {'minute' if minutes == 1 else 'minutes'}."


def _begin(connection: Connection, name: str, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    row = {"digest": _digest(token), "login_name": name, "begun_at": now, "seen_at": now}
    connection.execute(insert(web_session).values(row))
    return token


def _digest(token: str) -> str:
    """The token is random and long, so that a plain hash cannot be tried out."""
    return hashlib.sha256(token.encode(errors="surrogateescape")).hexdigest()


def _take(connection: Connection, bucket: str, tries: Tries, now: datetime) -> timedelta | None:
    """Takes one try out of a bucket that fills in time; how long to wait where it is empty."""
    full = {"name": bucket, "tokens": float(tries.most), "filled_at": now}
    connection.execute(insert_into(connection, rate_bucket).values(full).on_conflict_do_nothing())
    row = connection.execute(select(rate_bucket).where(rate_bucket.c.name == bucket).with_for_update()).one()
    gained = max(timedelta(0), now - row.filled_at) / tries.every
    tokens = min(float(tries.most), row.tokens + gained)
    wait = (1 - tokens) * tries.every if tokens < 1 else None
    left = tokens if wait is not None else tokens - 1
    connection.execute(update(rate_bucket).where(rate_bucket.c.name == bucket).values(tokens=left, filled_at=now))
    return wait
