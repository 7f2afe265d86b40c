"""How what is erased leaves no trace in the database's files, as far as they are ours."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine

from handbill.store.connection import plain_errors, writing


@contextmanager
def wiping(engine: Engine) -> Iterator[Connection]:
    """A write transaction whose deleted and replaced values are overwritten in SQLite's file, and in its log.

    While somebody reads at the same time, the log keeps them until the next `wipe_log`. PostgreSQL frees the room of
    old rows with its next vacuum, and keeps them in its own log and in backups for as long as it is told to.
    """
    with writing(engine) as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA secure_delete = ON")
        yield connection
    wipe_log(engine)


def wipe_log(engine: Engine) -> bool:
    """Brings SQLite's log into its file and empties it; False when a reader was in the way, or on PostgreSQL."""
    if engine.dialect.name != "sqlite":
        return False
    with plain_errors(engine):
        raw = engine.raw_connection()
        try:
            busy = raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            return bool(busy) and busy[0] == 0
        finally:
            raw.close()
