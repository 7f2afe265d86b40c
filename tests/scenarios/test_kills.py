"""A run that is killed at any instant and repeated reaches everybody once.

The processes are real and so is kill -9. HANDBILL_SOAK=1 sends 5,000 messages and kills more often.
"""

import multiprocessing
import os
import random
import threading
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from handbill.delivery.books import Books, books
from handbill.operations.control import status
from handbill.store.connection import reading
from handbill.store.tables import outbox, run
from tests.operations.shop import add_people, make_project
from tests.scenarios.fault_server import FaultServer, Taken, serving
from tests.scenarios.killed_worker import run_spring

SOAK = os.environ.get("HANDBILL_SOAK") == "1"
PEOPLE = 5_000 if SOAK else 250
KILLS = 25 if SOAK else 5
MOST_BETWEEN = 1.5 * PEOPLE / KILLS
"""Messages that a process may send before it is killed."""

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["tests.scenarios.killed_worker", "handbill.rendering.email", "psycopg"])


@pytest.mark.parametrize("connections", [1, 4])
def test_a_run_that_is_killed_and_repeated_reaches_everybody_once(
    store: Engine, store_url: str, tmp_path: Path, connections: int
) -> None:
    chance = random.Random(connections)
    with serving(FaultServer()) as server:
        make_project(tmp_path, server.port, email=f"    connections: {connections}")
        add_people(store, PEOPLE)
        kills = 0
        while kills < KILLS:
            process = begin(tmp_path, store_url)
            # The first one dies while it plans or seals, perhaps; the others in the middle of sending.
            wait_for(server, process, messages=0 if kills == 0 else chance.uniform(1, MOST_BETWEEN))
            process.join(timeout=chance.uniform(0.0, 0.02))
            if process.exitcode is not None:
                break  # it was done already
            process.kill()
            process.join()
            kills += 1
            check(store, server, most_uncertain=kills * connections)
        assert kills > 1, "nothing was killed while it sent, so nothing was proven"
        begin(tmp_path, store_url).join()
        made = check(store, server, most_uncertain=kills * connections)
        assert (made.planned, made.open) == (PEOPLE, 0)
        assert [standing.state for standing in status(store)] == ["finished"]


def wait_for(server: FaultServer, process: ForkServerProcess, *, messages: float) -> None:
    """Until the server has taken so many more messages, or the process has ended."""
    enough, target = threading.Event(), len(server.taken) + messages

    def count(_taken: Taken) -> None:
        if len(server.taken) >= target:
            enough.set()

    server.on_taken = count if messages else None
    while messages and process.is_alive() and not enough.wait(timeout=0.2):
        pass
    server.on_taken = None


def begin(root: Path, store_url: str) -> ForkServerProcess:
    """A process at work; it is about to start or take up the run."""
    ours, theirs = processes.Pipe()
    process = processes.Process(target=run_spring, args=(root, store_url, theirs))
    process.start()
    theirs.close()
    assert ours.recv() == "ready"
    ours.close()
    return process


def check(store: Engine, server: FaultServer, *, most_uncertain: int) -> Books:
    """The books balance, and agree with what the server counted by itself."""
    with reading(store) as connection:
        run_id = connection.scalar(select(run.c.id)) or 0
        made = books(connection, run_id)
        state: dict[str, str] = dict(connection.execute(select(outbox.c.address, outbox.c.state)).tuples().all())
    counts = server.counts
    in_doubt = {address for address, each in state.items() if each in {"uncertain", "committing"}}
    assert made.balances
    assert max(counts.values(), default=0) <= 1, "somebody got two"
    assert len(in_doubt) <= most_uncertain
    assert {address for address, each in state.items() if each == "accepted"} == set(counts) - in_doubt
    return made
