"""Seed mailboxes get each message of a run once, whatever is killed, and neither hold a run up nor count in it."""

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path
from signal import SIGKILL

import pytest
from sqlalchemy import Engine, select

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.delivery import seed_books
from handbill.delivery.deliver import drain
from handbill.delivery.job import job_of
from handbill.delivery.seeds import HEADER, seed_copies
from handbill.delivery.worker import Worker
from handbill.operations.control import status
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.planning.plan import make_plan
from handbill.planning.wording import page_of
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox, seed_copy
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project, make_settings
from tests.scenarios.fault_server import DOT, RCPT, Fault, FaultServer, Taken, serving
from tests.scenarios.killing import begin_run

ON_TIME = fixed_clock(NOW)
QA, INBOX = "qa@shop.test", "inbox@seed.test"
CAMPAIGNS = """
  spring:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00}
    email: {template: hello}
    goal: {event: order, within: 14 days}
    experiment:
      hypothesis: It sells.
      salt: spring
      arms:
        nothing: {share: 20%, holdout: true}
        plain: {share: 40%, email: {subject: Plain}}
        deal: {share: 40%, email: {subject: Deal}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
"""


@dataclass(frozen=True)
class Started:
    """A sealed run of ten people, and the server that its messages and copies go to."""

    store: Engine
    project: Project
    settings: Settings
    server: FaultServer
    run_id: int

    def drain(self) -> None:
        drain_run(self.store, self.project, self.settings, self.run_id, clock=ON_TIME)

    @property
    def copies(self) -> Counter[str]:
        """How often each seed's mailbox got something."""
        return Counter({name: count for name, count in self.server.counts.items() if name in {QA, INBOX}})

    @property
    def said(self) -> str:
        with reading(self.store) as connection:
            return seed_books.seeds_in_words(connection, self.run_id)

    @property
    def states(self) -> Counter[str]:
        with reading(self.store) as connection:
            return Counter(connection.scalars(select(seed_copy.c.state)))


@pytest.fixture
def started(store: Engine, tmp_path: Path) -> Iterator[Started]:
    with serving(FaultServer()) as server:
        email = f"    seeds: [{QA}, {INBOX}]\n    connections: 1"
        project = make_project(tmp_path, server.port, campaigns=CAMPAIGNS, email=email)
        add_people(store, 10)
        run_id = start_run(store, project, "spring", clock=ON_TIME).run_id
        yield Started(store, project, make_settings(tmp_path, store), server, run_id)


def test_the_plan_says_how_many_seeds_there_are(started: Started) -> None:
    with reading(started.store) as connection:
        plan = make_plan(connection, started.project, "spring", now=NOW, wave="again")
    part = next(each for each in page_of(plan).parts if each.title == "How much")
    assert part.sentences[0] == "And 2 seeds get a copy of each arm's e-mail, which nothing counts."


def test_each_seed_gets_each_arm_once_marked_and_with_nobodys_values(started: Started) -> None:
    started.drain()
    assert started.copies == {QA: 2, INBOX: 2}
    mails = [message_from_bytes(each.message) for each in started.server.taken if each.recipient == QA]
    assert sorted((str(each[HEADER]), str(each["Subject"])) for each in mails) == [
        ("spring/deal/en", "Deal"),
        ("spring/plain/en", "Plain"),
    ]
    assert all(b"Hello Alex" in each.message for each in started.server.taken if each.recipient == QA)


def test_copies_count_nowhere(started: Started) -> None:
    with reading(started.store) as connection:
        planned = len(connection.execute(select(outbox.c.id)).all())
    started.drain()
    books = finish_run(started.store, started.run_id, clock=ON_TIME)
    assert (books.planned, books.accepted, books.balances) == (planned, planned, True)
    assert len(started.server.taken) == planned + 4
    assert status(started.store)[0].sentence == f"Sent {planned} · Seeds: 4 of 4 copies sent"


def test_a_repeated_run_sends_no_copy_again(started: Started) -> None:
    started.drain()
    with writing(started.store) as connection:
        connection.execute(outbox.update().values(state="queued"))
    started.drain()
    assert started.copies == {QA: 2, INBOX: 2}


def test_a_copy_that_was_begun_when_the_process_died_is_never_sent_again(started: Started) -> None:
    copies = [(arm, "en", address) for arm in ("plain", "deal") for address in (QA, INBOX)]
    with writing(started.store) as connection:
        seed_books.write_down(connection, started.run_id, copies)
        first = seed_books.waiting_copies(connection, started.run_id)[0]
        assert seed_books.begin(connection, first.id, NOW)
        assert not seed_books.begin(connection, first.id, NOW)
    started.drain()
    assert started.copies == {QA: 1, INBOX: 2}
    assert started.said == f"Seeds: 3 of 4 copies sent, {QA} (plain): unsure"


def test_a_process_that_is_killed_over_a_copy_is_repeated_without_a_second_one(
    store: Engine, store_url: str, tmp_path: Path
) -> None:
    with serving(FaultServer()) as server:
        make_project(tmp_path, server.port, email=f"    seeds: [{QA}, {INBOX}]\n    connections: 1")
        add_people(store, 30)
        process = begin_run(tmp_path, store_url)

        def kill_over_the_first_copy(taken: Taken) -> None:
            if taken.recipient in {QA, INBOX}:
                process.kill()

        server.on_taken = kill_over_the_first_copy
        process.join()
        assert process.exitcode == -SIGKILL
        server.on_taken = None
        begin_run(tmp_path, store_url).join()
        assert max(server.counts.values()) == 1
        assert {QA, INBOX} <= set(server.counts)
        assert len(server.counts) >= 32 - 1, "one of the thirty may be uncertain, by the rules of the outbox"
        assert status(store)[0].state == "finished"


def test_a_server_that_goes_silent_over_a_copy_leaves_it_in_doubt(started: Started) -> None:
    started.server.faults = (Fault(DOT, drops=True, recipient=QA),)
    started.drain()
    assert started.copies == {INBOX: 2}
    assert started.states == {"accepted": 2, "uncertain": 2}
    with writing(started.store) as connection:
        connection.execute(outbox.update().values(state="queued"))
    started.server.faults = ()
    started.drain()
    assert started.copies == {INBOX: 2}


def test_a_refused_seed_is_reported_and_stops_nobody(started: Started) -> None:
    started.server.faults = (Fault(RCPT, says="550 5.1.1 no such mailbox", recipient=INBOX),)
    started.drain()
    assert finish_run(started.store, started.run_id, clock=ON_TIME).open == 0
    assert started.said == (
        f"Seeds: 2 of 4 copies sent, {INBOX} (plain): 550 5.1.1 no such mailbox, "
        f"{INBOX} (deal): 550 5.1.1 no such mailbox"
    )


def test_a_seed_that_is_put_off_is_tried_again_with_the_next_step(started: Started) -> None:
    started.server.faults = (Fault(RCPT, says="450 4.2.0 greylisted", recipient=INBOX, times=2),)
    started.drain()
    assert started.states == {"accepted": 2, "waiting": 2}
    with writing(started.store) as connection:
        connection.execute(outbox.update().values(state="queued"))
    started.drain()
    assert started.copies == {QA: 2, INBOX: 2}


def test_a_seeds_server_that_never_answers_does_not_hold_the_run_up(started: Started) -> None:
    started.server.faults = (Fault(DOT, silent=True, recipient=QA),)
    worker = Worker("worker-1", ON_TIME)
    job = job_of(started.store, started.project, started.settings, started.run_id, worker)
    with seed_copies(job, patience=0.05):
        done = drain(started.store, started.project, started.settings, started.run_id, worker)
    assert done.stopped == ""
    assert finish_run(started.store, started.run_id, clock=ON_TIME).open == 0
    started.server.closing.set()
    for thread in threading.enumerate():
        if thread.name == "seeds":
            thread.join(10)
