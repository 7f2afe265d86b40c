"""What a process that is gone held is taken back, and nothing else."""

import multiprocessing
import os
import signal
from datetime import datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, update

from handbill.clock import real_clock
from handbill.delivery.claiming import Lease
from handbill.delivery.leases import NO_ANSWER, Swept, gone, holding, machine_time, often, sweep_leases
from handbill.delivery.outbox import mark_committing
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox
from tests.conftest import NOW
from tests.delivery.queues import attempts, change_run, claim_all, make_run, rows_of, states

LATER = NOW + timedelta(minutes=15)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, "sqlite://", b"secret")


def sweep(store: Engine, settings: Settings, run_id: int, **more: Any) -> Swept:
    with writing(store) as connection:
        return sweep_leases(connection, settings, run_id, **{"now": NOW, "machine_now": NOW, **more})


def hold(store: Engine, count: int = 2, *, marked: int = 1, owner: str = "worker-1") -> int:
    """A run whose messages are all claimed until LATER, the first `marked` of them marked."""
    run_id = make_run(store, count, cost=10)
    rows = claim_all(store, run_id, lease=Lease(owner, NOW, LATER))
    with writing(store) as connection:
        mark_committing(connection, rows[:marked], now=NOW, lease_until=LATER, budget=1000)
    return run_id


def test_what_was_claimed_is_queued_again_when_the_lease_is_over(store: Engine, settings: Settings) -> None:
    run_id = hold(store)
    assert sweep(store, settings, run_id, machine_now=LATER) == Swept(queued=1, uncertain=1)
    assert states(store, run_id) == ["uncertain", "queued"]
    assert attempts(store, run_id) == [(1, "uncertain", None)]
    assert [(row.attempt, row.answer_text, row.settled_at) for row in rows_of(store, run_id)] == [
        (1, NO_ANSWER, NOW), (0, None, None),
    ]  # fmt: skip


def test_nothing_is_taken_from_somebody_whose_lease_goes_on(store: Engine, settings: Settings) -> None:
    run_id = hold(store)
    assert sweep(store, settings, run_id, machine_now=LATER - timedelta(seconds=1)) == Swept(0, 0)
    assert states(store, run_id) == ["committing", "claimed"]


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_what_somebody_settles_this_moment_is_left_to_them_and_not_waited_for(
    store: Engine, settings: Settings
) -> None:
    """Each would lock first what the other wants next."""
    run_id = hold(store)
    with writing(store) as settling:
        settling.execute(update(outbox).where(outbox.c.state == "committing").values(answer_text="taken"))
        assert sweep(store, settings, run_id, machine_now=LATER) == Swept(queued=1, uncertain=0)
    assert sweep(store, settings, run_id, machine_now=LATER) == Swept(queued=0, uncertain=1)


def test_the_messages_of_a_paused_run_are_swept_too(store: Engine, settings: Settings) -> None:
    run_id = hold(store)
    change_run(store, run_id, state="paused")
    assert sweep(store, settings, run_id, machine_now=LATER) == Swept(queued=1, uncertain=1)


@pytest.mark.parametrize(
    ("policy", "state"), [("hold", "uncertain"), ("resend", "queued"), ("assume_sent", "accepted")]
)
def test_the_campaign_declares_what_becomes_of_an_unanswered_message(
    store: Engine, settings: Settings, policy: str, state: str
) -> None:
    run_id = hold(store, 1)
    sweep(store, settings, run_id, machine_now=LATER, on_uncertain=policy)
    (row,) = rows_of(store, run_id)
    assert (row.state, row.accepted_at is not None) == (state, state == "accepted")
    assert attempts(store, run_id) == [(1, "uncertain", None)]


# ---------------------------------------------------------------- processes of this machine


def hold_a_name(settings: Settings, pipe: "Pipe[str, str]") -> None:
    with holding(settings) as name:
        pipe.send(name)
        pipe.recv()


def test_a_killed_process_is_known_to_be_gone_at_once(settings: Settings) -> None:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=hold_a_name, args=(settings, theirs))
    process.start()
    name = ours.recv()
    assert gone(settings, [name]) == set()
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    assert gone(settings, [name]) == {name}


def test_what_a_killed_process_held_is_taken_back_before_its_lease_is_over(store: Engine, settings: Settings) -> None:
    with holding(settings) as name:
        path = settings.work_dir / "owners" / name
    path.write_text("")  # as a process leaves it that did not come to remove it
    run_id = hold(store, owner=name)
    assert sweep(store, settings, run_id) == Swept(queued=1, uncertain=1)


def test_a_process_that_lives_keeps_what_it_holds(store: Engine, settings: Settings) -> None:
    with holding(settings) as name:
        run_id = hold(store, owner=name)
        assert sweep(store, settings, run_id) == Swept(0, 0)


def test_nobody_judges_processes_of_other_machines(settings: Settings) -> None:
    stranger = settings.work_dir / "owners" / "elsewhere-1-abc"
    stranger.parent.mkdir(parents=True)
    stranger.write_text("")
    assert gone(settings, ["elsewhere-1-abc", "worker-1"]) == set()


def test_what_killed_processes_left_is_removed_after_a_day(settings: Settings) -> None:
    with holding(settings) as name:
        owners = settings.work_dir / "owners"
    for kept, age in (("yesterday", timedelta(days=2)), ("today", timedelta(hours=2))):
        (owners / kept).write_text("")
        at = (real_clock() - age).timestamp()
        os.utime(owners / kept, (at, at))
    with holding(settings) as name:
        assert {path.name for path in owners.iterdir()} == {"today", name}


def test_leases_are_measured_by_a_clock_that_runs(store: Engine) -> None:
    with reading(store) as connection:
        assert abs(machine_time(connection) - real_clock()) < timedelta(seconds=5)


def test_those_who_ask_often_get_the_time_as_it_goes_on(store: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    seconds, asked = 100.0, []

    def ask(_: Connection) -> datetime:
        asked.append(seconds)
        return NOW + timedelta(seconds=seconds)

    monkeypatch.setattr("handbill.delivery.leases.awake_and_asleep", lambda: seconds)
    time_of = often(ask)
    with reading(store) as connection:
        for seconds in (100.0, 100.2, 100.5, 3_700.0):  # the machine slept for an hour
            assert time_of(connection) == NOW + timedelta(seconds=seconds)
    assert asked == [100.0, 3_700.0]
