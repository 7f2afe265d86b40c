"""Whoever waits for the database waits no longer than needed, and in the way that is wanted."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DataError

from handbill.channels.switchboard import Switchboard, await_file, rest
from handbill.errors import StoreUnavailable
from handbill.store.connection import open_store, reading, writing
from handbill.store.migrate import upgrade
from handbill.store.patience import Patience
from handbill.store.tables import rate_bucket
from tests.conftest import NOW

WITH_OTHERS = Patience(rest, await_file)


@contextmanager
def shop(place: Path, lock_wait: timedelta) -> Iterator[tuple[Engine, sqlite3.Connection]]:
    """A store on SQLite, and another program that is writing to it."""
    engine = open_store(f"sqlite:///{place / 'shop.db'}", lock_wait=lock_wait)
    upgrade(engine)
    other = sqlite3.connect(place / "shop.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    yield engine, other
    other.close()
    engine.dispose()


def test_a_writer_begins_as_soon_as_the_other_one_is_done(tmp_path: Path) -> None:
    pauses: list[float] = []
    with shop(tmp_path, timedelta(minutes=5)) as (engine, other):

        def sleep(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 3:
                other.execute("COMMIT")

        with writing(engine, Patience(sleep)) as connection:
            connection.execute(insert(rate_bucket).values(name="email", tokens=1, filled_at=NOW))
    assert len(pauses) == 3
    assert max(pauses) < 0.01


def test_a_writer_gives_up_in_time_and_says_why(tmp_path: Path) -> None:
    with (
        shop(tmp_path, timedelta(milliseconds=20)) as (engine, _),
        pytest.raises(StoreUnavailable, match="the database is locked by another program"),
        writing(engine),
    ):
        pass


def test_other_statements_wait_for_locks_as_long_as_before(tmp_path: Path) -> None:
    with shop(tmp_path, timedelta(seconds=7)) as (engine, other):
        other.execute("COMMIT")
        with writing(engine):
            pass
        with reading(engine) as connection:
            assert connection.scalar(text("PRAGMA busy_timeout")) == 7_000


def test_while_postgresql_keeps_one_waiting_the_others_go_on(postgres_database: str) -> None:
    engine, happened = open_store(postgres_database), list[str]()

    def wait_for_the_lock() -> None:
        with writing(engine, WITH_OTHERS) as connection:
            connection.execute(text("SET LOCAL lock_timeout = '60s'"))  # fails then, instead of waiting for ever
            connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
            happened.append("got it")

    with engine.connect() as holder, Switchboard() as board:
        holder.execute(text("SELECT pg_advisory_xact_lock(1)"))

        def let_go() -> None:
            happened.append("let go")
            holder.rollback()

        board.start(wait_for_the_lock)
        board.start(let_go)
        board.run()
    engine.dispose()
    assert happened == ["let go", "got it"]


def test_those_who_will_never_go_on_keep_nothing_locked(postgres_database: str) -> None:
    engine, happened, patience = open_store(postgres_database), list[str](), Patience(rest, await_file)

    def wait_for_the_second_lock() -> None:
        with writing(engine, patience) as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
            happened.append("has the first")
            connection.execute(text("SELECT pg_advisory_xact_lock(2)"))

    def interrupt() -> None:
        while not happened:
            rest(0)
        raise KeyboardInterrupt

    with engine.connect() as holder, Switchboard() as board:
        holder.execute(text("SELECT pg_advisory_xact_lock(2)"))
        board.start(wait_for_the_second_lock)
        board.start(interrupt)
        with pytest.raises(KeyboardInterrupt):
            board.run()
        patience.abandon()
        holder.rollback()
        with writing(engine) as connection:
            connection.execute(text("SET LOCAL lock_timeout = '60s'"))
            connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
    engine.dispose()


def test_what_postgresql_refuses_is_heard_by_the_one_who_waits_for_it(postgres_database: str) -> None:
    engine, answers = open_store(postgres_database), list[object]()

    def ask() -> None:
        with pytest.raises(DataError, match="division by zero"), writing(engine, WITH_OTHERS) as connection:
            connection.execute(text("SELECT 1 / 0"))
        with writing(engine, WITH_OTHERS) as connection:
            answers.append(connection.scalar(text("SELECT 42")))

    with Switchboard() as board:
        board.start(ask)
        board.run()
    engine.dispose()
    assert answers == [42]
