"""How the store is opened: SQLite tuned to be safe against kill -9, PostgreSQL as it comes, errors in plain words."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sqlalchemy import URL, Connection, Dialect, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DisconnectionError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from handbill.errors import StoreUnavailable
from handbill.store.draw import unit_fraction
from handbill.store.patience import ASLEEP, LOCK_WAIT_MS, PATIENCE, Patience, take_turn

LOCK_WAIT = timedelta(seconds=30)
IDLE_S = 0.05
"""Seconds after which a connection is asked whether it still works: no server ends and starts again in less."""
WRITES = "handbill_writes"
USED_AT = "handbill_used_at"
UNDEFINED_TABLE = "42P01"  # PostgreSQL's SQLSTATE
DISK_FULL = "53100"
DEADLOCK = "40P01"


def open_store(url: str, *, lock_wait: timedelta = LOCK_WAIT, survives_power: bool = False) -> Engine:
    """An engine for `sqlite:///path` or `postgresql://…`; connects lazily.

    `lock_wait` is how long a statement waits for another writer of SQLite, unless the URL says `?timeout=SECONDS`.
    With `survives_power` SQLite waits for the disk at each commit, as PostgreSQL always does.

    Raises:
        StoreUnavailable: the URL is not one that we can open.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise StoreUnavailable("the database URL cannot be read. Write it like postgresql://user@host/name.") from None
    if parsed.drivername == "sqlite":
        engine = _open_sqlite(parsed, lock_wait)
        if survives_power:
            event.listen(engine, "connect", _wait_for_the_disk)
        return engine
    if parsed.drivername in {"postgresql", "postgres", "postgresql+psycopg"}:
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"))
        event.listen(engine, "connect", _prepare_postgresql)
        event.listen(engine, "checkin", _note_its_use)
        event.listen(engine, "checkout", partial(_look_whether_it_lives, engine.dialect))
        return engine
    raise StoreUnavailable(f'database "{parsed.drivername}" is not known. Use sqlite or postgresql.')


def database_file(url: URL) -> Path | None:
    """The file that a SQLite URL names, plainly or as a URI (`sqlite:///file:shop.db?mode=ro&uri=true`).

    None if the database is kept in memory, or on a server.
    """
    if url.get_backend_name() != "sqlite":
        return None
    path = url.database or ""
    if url.query.get("uri") and path.startswith("file:"):
        path = "" if url.query.get("mode") == "memory" else unquote(urlsplit(path).path)
    return Path(path) if path not in {"", ":memory:"} else None


def keep_few_pages(engine: Engine) -> None:
    """From now on connections to SQLite keep 8 MB of pages in memory in place of 64.

    For those who change a few rows at a time, for hours: more would fill with pages that nobody asks for again.
    """
    if database_file(engine.url) and not event.contains(engine, "connect", _keep_few_pages):
        event.listen(engine, "connect", _keep_few_pages)
        engine.dispose()  # whatever the connections have kept so far goes with them


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection for reading only; nothing is kept."""
    with plain_errors(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine, patience: Patience = ASLEEP) -> Iterator[Connection]:
    """A connection in one write transaction: all or nothing; `patience` says how to wait for it.

    On SQLite it takes the write lock at once, so that two writers wait for each other instead of failing half-way.
    """
    with plain_errors(engine), engine.connect() as connection:
        writer = connection.execution_options(**{WRITES: True, PATIENCE: patience})
        with patience.with_postgresql(connection), writer.begin():
            yield writer


@contextmanager
def plain_errors(engine: Engine) -> Iterator[None]:
    """Turns "cannot connect", "locked" and "no such table" into a line that says how to mend it."""
    try:
        yield
    except DatabaseError as error:
        if mended := _in_plain_words(engine, error):
            raise mended from error
        raise


def lacks_tables(error: DatabaseError) -> bool:
    """Whether the database complains that a table is not there."""
    return "no such table" in str(error.orig) or getattr(error.orig, "sqlstate", None) == UNDEFINED_TABLE


def _in_plain_words(engine: Engine, error: DatabaseError) -> StoreUnavailable | None:
    place = engine.url.render_as_string(hide_password=True)
    said = str(error.orig).strip().splitlines()[0] if error.orig else ""
    state = getattr(error.orig, "sqlstate", None)
    is_away = isinstance(error, OperationalError) and (error.connection_invalidated or _cannot_connect(said))
    sentences = (
        ("locked" in said or "lock timeout" in said,
         "the database is locked by another program. Stop it, or try again later."),
        (lacks_tables(error), "the database has no tables of ours. Run `handbill db upgrade`."),
        (state == DEADLOCK, "two programs waited for each other, and this one was stopped. Do it again."),
        ("disk is full" in said or state == DISK_FULL, "the disk is full. Make room, then do it again."),
        ("disk I/O error" in said, f"the disk takes no more ({said}). Make room or mend it, then do it again."),
        ("not a database" in said, "this file is not a database. Mend the URL."),
        (is_away, f"the database cannot be reached ({said}). Start it or mend the URL."),
    )  # fmt: skip
    return next((StoreUnavailable(f"{place}: {what}") for is_so, what in sentences if is_so), None)


def _cannot_connect(said: str) -> bool:
    signs = ("unable to open", "connection failed", "could not connect", "connection refused", "connection is bad",
             "connection to server", "server closed the connection", "could not translate host name", "readonly",
             "the database system is", "terminating connection")  # fmt: skip
    return any(sign in said.lower() for sign in signs)


def _open_sqlite(url: URL, lock_wait: timedelta) -> Engine:
    if path := database_file(url):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            what = f"{url}: the database's folder cannot be made ({error.strerror})."
            raise StoreUnavailable(f"{what} Mend the URL, or the folder's permissions.") from error
    # A `?timeout=` of the URL goes before ours.
    given = {} if "timeout" in url.query else {"timeout": lock_wait.total_seconds()}
    engine = create_engine(url, connect_args=given)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_postgresql(connection: Any, _record: ConnectionPoolEntry) -> None:
    """Room to group a million contacts in memory, and no compiler that takes longer than what it compiles."""
    with connection.cursor() as cursor:
        cursor.execute("SET work_mem = '64MB'")
        cursor.execute("SET jit = off")
    connection.commit()


def _note_its_use(_connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[USED_AT] = time.monotonic()


def _look_whether_it_lives(dialect: Dialect, connection: Any, record: ConnectionPoolEntry, *_: object) -> None:
    """Asks a connection that has lain idle whether it still works; whoever writes all the time finds out by writing."""
    if time.monotonic() - record.info.get(USED_AT, time.monotonic()) < IDLE_S:
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        raise DisconnectionError from error  # the pool opens another one


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get(WRITES):
        take_turn(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _wait_for_the_disk(connection: Any, _record: ConnectionPoolEntry) -> None:
    raw: sqlite3.Connection = connection
    raw.execute("PRAGMA synchronous = FULL")


def _keep_few_pages(connection: Any, _record: ConnectionPoolEntry) -> None:
    raw: sqlite3.Connection = connection
    raw.execute("PRAGMA cache_size = -8192")


def _prepare_sqlite(connection: Any, record: ConnectionPoolEntry) -> None:
    raw: sqlite3.Connection = connection
    record.info[LOCK_WAIT_MS] = raw.execute("PRAGMA busy_timeout").fetchone()[0]
    raw.isolation_level = None  # transactions are begun by `_begin_sqlite`
    raw.execute("PRAGMA journal_mode = WAL")
    raw.execute("PRAGMA synchronous = NORMAL")
    raw.execute("PRAGMA foreign_keys = ON")
    raw.execute("PRAGMA cache_size = -65536")
    raw.execute("PRAGMA mmap_size = 4294967296")  # reports read millions of rows: a third of the time without copies
    # Temporary tables and sorts of a plan grow with the audience: in files they take as long, and less memory.
    raw.execute("PRAGMA temp_store = FILE")
    raw.execute("PRAGMA temp.cache_size = -65536")
    raw.create_function("unit_fraction", 2, unit_fraction, deterministic=True)
