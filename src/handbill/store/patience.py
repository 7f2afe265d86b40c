"""How a process waits for the database: asleep by itself, or letting others in its thread go on."""

import sqlite3
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection

if TYPE_CHECKING:
    from psycopg.waiting import Ready, Wait

PATIENCE = "handbill_patience"
LOCK_WAIT_MS = "handbill_lock_wait_ms"
_SHORTEST, _LONGEST = 0.0005, 0.01
"""Seconds between looks whether SQLite's one writer is done; most take less than two thousandths."""

Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Patience:
    """`sleep` waits so many seconds; `await_file` waits until a file can be read, or written to."""

    sleep: Callable[[float], object]
    await_file: Callable[[int, bool, bool], object] | None = None
    _asking: list[Any] = field(default_factory=list)

    @contextmanager
    def with_postgresql(self, connection: Connection) -> Iterator[None]:
        """Waits in this way for all that PostgreSQL is asked in the block."""
        raw: Any = connection.connection.driver_connection
        if self.await_file is None or connection.dialect.name != "postgresql":
            yield
            return
        raw.wait = lambda steps, *_, **__: self._follow(steps, raw)
        self._asking.append(raw)
        try:
            yield
        finally:
            self._asking.remove(raw)
            del raw.wait

    def abandon(self) -> None:
        """Cuts the lines of all who still wait, because they will never go on: what they held would stay locked."""
        for raw in self._asking:
            raw.close()

    def _follow(self, steps: "Generator[Wait, Ready, Result]", raw: Any) -> Result:
        """Takes psycopg's steps, each as soon as the server is ready for it."""
        from psycopg.pq import TransactionStatus  # noqa: PLC0415 - SQLite needs none of psycopg
        from psycopg.waiting import Ready, Wait  # noqa: PLC0415 - as above

        assert self.await_file is not None  # noqa: S101 - for the type checker: asked above
        try:
            wanted = next(steps)
            while True:
                self.await_file(raw.pgconn.socket, bool(wanted & Wait.R), bool(wanted & Wait.W))
                wanted = steps.send(Ready(wanted))
        except StopIteration as end:
            result: Result = end.value
            return result
        except BaseException:
            if raw.pgconn.transaction_status == TransactionStatus.ACTIVE:  # interrupted: nobody reads the answer now
                raw.close()
            raise


ASLEEP = Patience(time.sleep)


def take_turn(connection: Connection) -> None:
    """Begins SQLite's one write transaction, as soon as no other process is in it.

    SQLite itself looks ever more rarely, up to ten times a second. Raises what it raises when it takes too long.
    """
    raw: Any = connection.connection.dbapi_connection  # a detached one has no record to ask
    patience: Patience = connection.get_execution_options().get(PATIENCE, ASLEEP)
    most_ms: int = connection.info[LOCK_WAIT_MS]
    until, pause = time.monotonic() + most_ms / 1000, _SHORTEST
    raw.execute("PRAGMA busy_timeout = 0")
    try:
        while time.monotonic() < until:
            try:
                raw.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:  # above stands what it is busy with
                    break
                patience.sleep(pause)
                pause = min(pause * 1.5, _LONGEST)
            else:
                return
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # so that its complaint comes as every other does
    finally:
        raw.execute(f"PRAGMA busy_timeout = {most_ms}")
