"""While one process sends, others pause, cancel, unsubscribe people or start the same campaign: heard in time."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from handbill.contacts.consent import record_consent
from handbill.contacts.suppressions import suppress
from handbill.delivery.run_state import cancel_run
from handbill.operations.control import cancel, pause
from handbill.store.connection import open_store, writing
from handbill.store.tables import contact, run
from tests.conftest import NOW
from tests.delivery.queues import rows_of
from tests.operations.shop import CAMPAIGN, SECRET, add_people, make_project
from tests.scenarios.between import Moments
from tests.scenarios.fault_server import DATA, DOT, EHLO, MAIL, RCPT, Fault, FaultServer, serving
from tests.scenarios.killed_worker import leap
from tests.scenarios.killing import battlefield, begin_run, processes
from tests.scenarios.sending import Sending, counted, sending

ONE = "person1@example.org"
STAGES = (EHLO, MAIL, RCPT, DATA)


def elsewhere(function: Callable[..., None], *arguments: object) -> None:
    """Lets another process do something, and waits until it is done."""
    process = processes.Process(target=function, args=arguments)
    process.start()
    process.join()
    assert process.exitcode == 0


def once(do: Callable[[], None], recipient: str = ONE) -> Callable[[str], None]:
    """Something that happens when the message to this recipient is there for the first time."""
    happened: list[str] = []

    def happen(to: str) -> None:
        if to == recipient and not happened:
            happened.append(to)
            do()

    return happen


# ---------------------------------------------------------------- people who want no more


def suppress_one(store_url: str) -> None:
    store = open_store(store_url)
    with writing(store) as connection:
        address_hash = connection.scalar(select(contact.c.email_hash).where(contact.c.email_key == ONE))
        suppress(connection, "email", str(address_hash), "unsubscribed", NOW, "test")
    store.dispose()


def withdraw_one(store_url: str) -> None:
    store = open_store(store_url)
    with writing(store) as connection:
        id_ = connection.scalar(select(contact.c.id).where(contact.c.email_key == ONE)) or 0
        record_consent(connection, id_, "email", "offers", "withdrawn", NOW, "test")
    store.dispose()


@pytest.mark.parametrize(("leave", "reason"), [(suppress_one, "suppressed"), (withdraw_one, "no_consent")])
def test_who_unsubscribes_between_body_and_dot_gets_nothing(
    store: Engine, store_url: str, tmp_path: Path, leave: Callable[[str], None], reason: str
) -> None:
    moments = Moments(after_body=once(lambda: elsewhere(leave, store_url)))
    with sending(store, tmp_path, FaultServer()) as sent:
        sent.drain(provider=moments.provider)
        assert counted(sent) == {"accepted": 4, "skipped": 1}
        assert ONE not in sent.server.counts
        assert reasons_of(sent) == {ONE: reason}


@pytest.mark.parametrize("stage", STAGES)
def test_who_unsubscribes_at_any_stage_before_the_dot_gets_nothing(
    store: Engine, store_url: str, tmp_path: Path, stage: str
) -> None:
    """The server itself sees the stage reached, and answers only when the wish is stored."""
    server = FaultServer()
    with sending(store, tmp_path, server) as sent:
        server.on_stage = once_at(stage, lambda: suppress_one(store_url))
        sent.drain()
        assert counted(sent) == {"accepted": 4, "skipped": 1}
        assert ONE not in server.counts


def test_who_unsubscribes_after_the_mark_gets_this_message_and_no_other(
    store: Engine, store_url: str, tmp_path: Path
) -> None:
    moments = Moments(after_mark=once(lambda: suppress_one(store_url)))
    with sending(store, tmp_path, FaultServer()) as sent:
        sent.drain(provider=moments.provider)
        assert counted(sent) == {"accepted": 5}


def once_at(stage: str, do: Callable[[], None]) -> Callable[[str], None]:
    happened: list[str] = []

    def happen(at: str) -> None:
        if at == stage and not happened:
            happened.append(at)
            do()

    return happen


def reasons_of(sent: Sending) -> dict[str, str]:
    return {row.address: row.reason for row in rows_of(sent.store, sent.run_id) if row.reason}


# ---------------------------------------------------------------- people who steer


def pause_all(store_url: str) -> None:
    pause(open_store(store_url), "spring")


def cancel_all(store_url: str) -> None:
    cancel(open_store(store_url), "spring")


def test_a_pause_from_another_process_between_body_and_dot_stops_that_very_message(
    store: Engine, store_url: str, tmp_path: Path
) -> None:
    moments = Moments(after_body=once(lambda: elsewhere(pause_all, store_url), "person3@example.org"))
    with sending(store, tmp_path, FaultServer()) as sent:
        assert sent.drain(provider=moments.provider).stopped == "paused"
        assert counted(sent) == {"accepted": 2, "open": 3}
        assert sent.state == ("paused", "by hand")
        handbill(sent, "resume", "spring", "--now", "2026-12-01T09:00")
        sent.drain()
        assert counted(sent) == {"accepted": 5}


def test_a_cancellation_from_another_process_between_body_and_dot_stops_that_very_message(
    store: Engine, store_url: str, tmp_path: Path
) -> None:
    moments = Moments(after_body=once(lambda: elsewhere(cancel_all, store_url), "person3@example.org"))
    with sending(store, tmp_path, FaultServer()) as sent:
        assert sent.drain(provider=moments.provider).stopped == "cancelled"
        assert counted(sent) == {"accepted": 2, "cancelled": 3}


def test_a_cancellation_and_a_claim_that_come_at_once_do_not_wait_for_each_other(store: Engine, tmp_path: Path) -> None:
    """The run's row is locked by whoever cancels when the worker comes to claim; then its messages are."""
    with sending(store, tmp_path, FaultServer()) as sent:
        with ThreadPoolExecutor() as pool:
            with writing(store) as connection:
                connection.execute(update(run).values(state_reason="about to be cancelled"))
                draining = pool.submit(sent.drain)
                wait_until_somebody_waits(store)
                assert cancel_run(connection, sent.run_id, "by hand", NOW)
            assert draining.result().by_state == {}
        assert counted(sent) == {"cancelled": 5}


def wait_until_somebody_waits(store: Engine) -> None:
    """For a lock of PostgreSQL; on SQLite everybody waits before they begin."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    while store.dialect.name == "postgresql":
        with store.connect() as connection:
            if connection.exec_driver_sql(waiting).scalar():
                return


def handbill(sent: Sending, *words: str) -> str:
    """What the command says that somebody types elsewhere."""
    url = sent.store.url.render_as_string(hide_password=False)
    environment = {**os.environ, "HANDBILL_DATABASE_URL": url, "HANDBILL_SECRET": SECRET.decode()}
    command = [sys.executable, "-m", "handbill", *words, "--project", str(sent.project.root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_failed_messages_are_tried_again_at_the_wish_of_another_process(store: Engine, tmp_path: Path) -> None:
    refusal = Fault(RCPT, says="550 5.1.1 no such user", recipient=ONE, times=1)
    with sending(store, tmp_path, FaultServer([refusal])) as sent:
        sent.drain()
        assert counted(sent) == {"accepted": 4, "failed": 1}
        said = handbill(sent, "retry", "spring", "--failed", "--now", "2026-12-01T09:00")
        assert said == "1 message is due now. Run `handbill run spring` to go on, or leave it to `handbill up`.\n"
        sent.drain()
        assert counted(sent) == {"accepted": 5}


def test_uncertain_messages_are_listed_and_sent_again_at_the_wish_of_another_process(
    store: Engine, tmp_path: Path
) -> None:
    with sending(store, tmp_path, FaultServer([Fault(DOT, drops=True, recipient=ONE, times=1)])) as sent:
        sent.drain()
        assert handbill(sent, "uncertain", "list", "spring") == (
            f"2026-12-01 09:00 UTC  spring  C-00001  {ONE}  the server closed the connection\n"
        )
        assert handbill(sent, "uncertain", "resend", "spring", "--now", "2026-12-01T09:00") == (
            "1 message is queued again. Run `handbill run spring` to go on, or leave it to `handbill up`.\n"
        )
        sent.drain()
        assert counted(sent) == {"accepted": 5}


def test_uncertain_messages_are_left_at_the_wish_of_another_process(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer([Fault(DOT, drops=True, recipient=ONE, times=1)])) as sent:
        sent.drain()
        assert handbill(sent, "uncertain", "leave", "spring") == "1 message is closed.\n"
        sent.drain(now=NOW + timedelta(hours=2))
        assert counted(sent) == {"accepted": 4, "closed_unknown": 1}


# ---------------------------------------------------------------- schedulers


def test_two_schedulers_that_start_at_once_make_one_run(store: Engine, store_url: str, tmp_path: Path) -> None:
    with serving(FaultServer()) as server:
        make_project(tmp_path, server.port, email="    connections: 2")
        add_people(store, 40)
        both = [begin_run(tmp_path, store_url) for _ in range(3)]
        for process in both:
            process.join()
        with store.connect() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM run").scalar() == 1
        assert server.counts.total() == len(server.counts) == 40


def test_a_laptop_that_wakes_up_past_the_lateness_sends_nothing_more(
    store: Engine, store_url: str, tmp_path: Path
) -> None:
    """It fell asleep in the middle of sending, and its clock is a day ahead when it wakes up."""
    with battlefield(store, store_url, tmp_path, people=200, connections=2, campaign=CAMPAIGN) as field:
        laptop = field.begin()
        with field.standing_still(messages=20):
            field.put_to_sleep(laptop)
        leap(field.leaps, schedule=1)
        marked = 2  # one message of each connection may have been past its last look at the clock
        before = field.server.counts.total()
        os.kill(laptop.pid or 0, signal.SIGCONT)
        laptop.join()
        field.kills += 1
        made = field.check()
        assert field.server.counts.total() <= before + marked
        assert made.accepted + made.uncertain + made.expired == 200
        assert made.expired > 100
