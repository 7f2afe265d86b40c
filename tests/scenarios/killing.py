"""Processes that send one run and are killed again and again, and the count of what came of it."""

import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from handbill.delivery.books import Books, books
from handbill.store.connection import reading
from handbill.store.tables import outbox, run
from tests.operations.shop import add_people, make_project
from tests.scenarios.fault_server import FaultServer, serving
from tests.scenarios.killed_worker import Place, leap, run_spring, work, work_and_tell

SOAK = os.environ.get("HANDBILL_SOAK") == "1"
MESSAGES_A_KILL = 24
CAMPAIGN = """
  spring:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00}
    email: {template: hello, subject: "Hello {{ contact.first_name | default('friend') }}"}
"""
_MOST_STEPS = 160
_MORE_STEPS = 30
"""So many may come after the one that was picked, until the kill comes: however slow the machine, the run outlasts all
kills."""
_LONGEST_START_S = 0.3
_LOOK_EVERY_S = 0.5
_WHILE_STARTING = 0.15
_JITTER_S = 0.01

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(
    ["tests.scenarios.killed_worker", "handbill.rendering.email", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"]
)


@dataclass
class Field:
    """A run that several processes send to one server, over so many `connections` each; `kills` counts the dead."""

    store: Engine
    store_url: str
    root: Path
    server: FaultServer
    connections: int
    kills: int = 0
    began_at: float = field(default_factory=time.monotonic)

    @property
    def run_id(self) -> int:
        """The number of the only run; 0 before there is one."""
        with reading(self.store) as connection:
            return connection.scalar(select(run.c.id)) or 0

    @property
    def leaps(self) -> Path:
        """Tells the workers' clocks how far off they are."""
        return self.root / "leaps"

    def begin(self, machine: int = 0) -> ForkServerProcess:
        """A process at work on the machine with this number."""
        home = self.root / f"machine-{machine}"
        process = processes.Process(target=work, args=(Place(self.root, home, self.store_url, self.leaps),))
        process.start()
        return process

    def begin_and_listen(self, **limits: Any) -> tuple[ForkServerProcess, "Pipe[str, str]"]:
        """A process at work, and the line on which it tells what stood in its way."""
        ours, theirs = processes.Pipe()
        place = Place(self.root, self.root / "machine-0", self.store_url, self.leaps)
        process = processes.Process(target=work_and_tell, args=(place, theirs), kwargs=limits)
        process.start()
        theirs.close()
        return process, ours

    def kill(self, process: ForkServerProcess, *, alive: int = 0) -> Books:
        """Kills a process without warning, unless it had ended by itself; answers the books.

        `alive` is how many others are at work meanwhile.
        """
        process.kill()
        process.join()
        assert process.exitcode in {0, -9}, "the process failed by itself"
        self.kills += process.exitcode == -9
        return self.check(alive=alive)

    def until(self, chance: random.Random, process: ForkServerProcess) -> float:
        """Waits for an instant that chance picks, or for the end of the process; answers how many seconds more to wait.

        Most come some steps of the dialogue later, so that every step is hit; some while a process starts and plans.
        `server.go_on` must follow.
        """
        if chance.random() < _WHILE_STARTING:
            self.server.stand_still(steps=_MOST_STEPS)
            return chance.uniform(0, _LONGEST_START_S)
        steps = chance.randint(1, _MOST_STEPS)
        self.server.stand_still(steps=steps + _MORE_STEPS)
        target = self.server.steps + steps
        while process.is_alive() and not self.server.wait_for_step(target, timeout=_LOOK_EVERY_S):
            pass
        return chance.uniform(0, _JITTER_S)

    @contextmanager
    def standing_still(self, *, steps: int = 0, messages: int = 0) -> Iterator[None]:
        """So many steps and messages from now, until the end of the block: all lines of a process wait for the server.

        So what is done to the process meanwhile comes before it has sent everything, on a machine of any speed.
        """
        self.server.stand_still(steps=steps, messages=messages)
        try:
            self.server.wait_until_standing(self.connections)
            yield
        finally:
            self.server.go_on()

    def put_to_sleep(self, process: ForkServerProcess) -> None:
        """Stops a process where it holds no lock of the database: with one, it would stop everybody."""
        while True:
            os.kill(process.pid or 0, signal.SIGSTOP)
            while _state_of(process) != "T":
                os.sched_yield()
            if not _is_locked(self.store):
                return
            os.kill(process.pid or 0, signal.SIGCONT)

    def finish(self, *, asleep: int = 0) -> Books:
        """Lets workers go on until nothing is open; leases of the dead, and of those `asleep`, may have to run out.

        Their clock moves on, for messages that missed their lease on a busy machine are tried again in a minute.
        """
        for number in range(40):
            leap(self.leaps, schedule=number / 100)
            process = self.begin()
            process.join()
            assert process.exitcode == 0
            made = self.check(alive=asleep)
            if not made.open:
                return made
        raise AssertionError("the run does not come to its end")

    def row(self, name: str) -> tuple[str | int, ...]:
        """What happened, for the table of kills, which adds up the rows of one name."""
        made, counts = self.check(), self.server.counts
        twice = sum(count > 1 for count in counts.values())
        seconds = round(time.monotonic() - self.began_at)
        numbers = (self.kills, made.planned, len(counts), made.accepted, made.uncertain, twice, seconds)
        return (self.store.dialect.name, name, *numbers)

    def check(self, *, alive: int = 0) -> Books:
        """The books, which must balance and agree with what the server counted by itself.

        While others are `alive`, each of their connections may be at the end of a message.
        """
        run_id = self.run_id
        with reading(self.store) as connection:
            made = books(connection, run_id)
            state: dict[str, str] = dict(connection.execute(select(outbox.c.address, outbox.c.state)).tuples().all())
        counts = self.server.counts
        in_doubt = {address for address, each in state.items() if each in {"uncertain", "committing"}}
        accepted = {address for address, each in state.items() if each == "accepted"}
        assert made.balances
        assert max(counts.values(), default=0) <= 1, "somebody got two"
        assert len(in_doubt) <= (self.kills + alive) * self.connections, "more are in doubt than a kill explains"
        assert accepted <= set(counts), "the books say sent, and the server has nothing"
        assert alive or set(counts) - in_doubt == accepted, "the server has more than the books"
        return made


def begin_run(root: Path, store_url: str) -> ForkServerProcess:
    """What `handbill run spring` does, in a process that is about to begin with it."""
    ours, theirs = processes.Pipe()
    process = processes.Process(target=run_spring, args=(root, store_url, theirs))
    process.start()
    theirs.close()
    assert ours.recv() == "ready"
    ours.close()
    return process


@contextmanager
def battlefield(
    store: Engine, store_url: str, root: Path, *, people: int, connections: int, campaign: str = CAMPAIGN
) -> Iterator[Field]:
    """A campaign for so many people, and a server that takes everything."""
    with serving(FaultServer()) as server:
        make_project(root, server.port, campaigns=campaign, email=f"    connections: {connections}")
        add_people(store, people)
        field = Field(store, store_url, root, server, connections)
        leap(field.leaps)
        yield field


def _state_of(process: ForkServerProcess) -> str:
    """R for running, S for waiting, T for stopped…"""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]


def _is_locked(store: Engine) -> bool:
    """Whether somebody else is in the middle of a transaction."""
    if store.dialect.name == "postgresql":
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        with reading(store) as connection:
            return bool(connection.exec_driver_sql(f"{busy} AND state <> 'idle'").scalar())
    with closing(sqlite3.connect(str(store.url.database), timeout=0, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False
