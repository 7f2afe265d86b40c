"""Three processes send one run from one database: limits, pauses and quiet hours hold for all of them together."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.delivery.books import Books, books
from handbill.delivery.leases import machine_time
from handbill.operations.control import resume
from handbill.operations.crew import hire
from handbill.operations.run import drain_run, start_run
from handbill.settings import load_settings
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox, rate_bucket
from tests.conftest import NOW
from tests.delivery.test_night import EVENING, QUIET, states_by_zone
from tests.operations.shop import CAMPAIGN, SECRET, add_people, make_project, state_of
from tests.scenarios.fault_server import RCPT, Fault, FaultServer, Taken, serving

WORKERS, LINES = 3, 6
PER_SECOND = 10


@dataclass
class Crowd:
    """A run that three processes send, and the server that counts what they do."""

    store: Engine
    project: Project
    server: FaultServer
    run_id: int
    now: datetime = NOW
    taken_at: list[float] = field(default_factory=list)

    def send(self) -> None:
        """This process and two others, until none of them finds more to do."""
        clock = fixed_clock(self.now)
        settings = load_settings(self.project.root)
        with hire(self.project.root, self.run_id, WORKERS, clock=clock, now=self.now.isoformat()) as crew:
            assert len(crew.helpers) == WORKERS - 1
            drain_run(self.store, self.project, settings, self.run_id, clock=clock, connections=crew.connections)
            crew.finish()

    def note(self, _taken: Taken) -> None:
        self.taken_at.append(time.monotonic())

    @property
    def books(self) -> Books:
        with reading(self.store) as connection:
            made = books(connection, self.run_id)
        assert made.balances
        assert max(self.server.counts.values(), default=0) <= 1
        return made

    def in_hand(self) -> int:
        """Messages that some process has claimed, or sent."""
        with reading(self.store) as connection:
            return connection.scalar(select(func.count()).where(outbox.c.state != "queued")) or 0


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, store_url: str) -> None:
    """By which all processes find the same store."""
    monkeypatch.setenv("HANDBILL_DATABASE_URL", store_url)
    monkeypatch.setenv("HANDBILL_SECRET", SECRET.decode())


def crowd(store: Engine, root: Path, server: FaultServer, people: int, email: str = "") -> Crowd:
    project = make_project(root, server.port, email=f"    connections: {LINES}\n{email}")
    add_people(store, people)
    run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
    return Crowd(store, project, server, run_id)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("email", "bucket"),
    [
        (f"    rate: {60 * PER_SECOND}/minute", "email"),
        (f"    per_domain: {{example.org: {60 * PER_SECOND}/minute}}", "email example.org"),
    ],
    ids=["the channel's rate", "a domain's rate"],
)
def test_a_rate_holds_for_all_processes_together(
    store: Engine, tmp_path: Path, server: FaultServer, email: str, bucket: str
) -> None:
    """However fast or slow they are: at no moment has the server more than the rate allowed since the beginning."""
    run = crowd(store, tmp_path, server, 60, email)
    begun = time.monotonic()
    with writing(store) as connection:
        connection.execute(insert(rate_bucket).values(name=bucket, tokens=0, filled_at=_machine_now(store)))
    server.on_taken = run.note
    run.send()
    assert run.books.accepted == len(server.counts) == 60
    too_early = [number for number, at in enumerate(run.taken_at, start=1) if number > (at - begun) * PER_SECOND + 1]
    assert too_early == []


@pytest.mark.usefixtures("environment")
def test_a_breaker_that_trips_in_one_process_stops_all(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    run = crowd(store, tmp_path, server, 600)
    server.faults = [Fault(RCPT, says="550 5.1.1 no such person")]
    run.send()
    state, reason = state_of(store, run.run_id)
    assert state == "paused"
    assert reason == "11 of the first 11 messages were refused for good"
    made = run.books
    assert made.failed <= WORKERS * 11 + LINES
    assert (made.failed + made.open, made.accepted) == (600, 0)
    server.faults = []
    resume(store, "spring", clock=fixed_clock(NOW))
    run.send()
    assert run.books.accepted == 600 - made.failed


@pytest.mark.usefixtures("environment")
def test_a_pause_from_elsewhere_stops_all_processes(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    run = crowd(store, tmp_path, server, 300)
    seen: list[int] = []
    first = threading.Lock()

    def pause(_taken: Taken) -> None:
        if len(server.taken) >= 30 and first.acquire(blocking=False):
            with server.standing_still():
                _handbill(tmp_path, "pause", "spring")
                seen.append(len(server.taken))

    server.on_taken = pause
    run.send()
    made = run.books
    assert state_of(store, run.run_id) == ("paused", "by hand")
    assert made.accepted <= seen[0] + LINES, "one of each line was marked already"
    assert (made.uncertain, made.open) == (0, 300 - made.accepted)
    resume(store, "spring", clock=fixed_clock(NOW))
    run.send()
    assert run.books.accepted == len(server.counts) == 300


@pytest.mark.usefixtures("environment")
def test_quiet_hours_and_time_zones_hold_in_all_processes(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    """Eight in the evening in London is nine in Paris, where nobody is written to before the morning."""
    campaign = CAMPAIGN.replace(", max_lateness: 6 hours", "")
    project = make_project(tmp_path, server.port, campaigns=campaign, email=f"    connections: {LINES}", channels=QUIET)
    for zone in ("Europe/London", "Europe/Paris", "America/New_York"):
        add_people(store, 40, timezone=zone)
    run_id = start_run(store, project, "spring", clock=fixed_clock(EVENING)).run_id
    run = Crowd(store, project, server, run_id, now=EVENING)
    run.send()
    assert states_by_zone(store) == {
        "Europe/London": "accepted", "Europe/Paris": "queued", "America/New_York": "accepted"
    }  # fmt: skip
    assert run.books.accepted == len(server.counts) == 80
    run.now = EVENING + timedelta(hours=11)
    run.send()
    assert run.books.accepted == len(server.counts) == 120


def _machine_now(store: Engine) -> datetime:
    with reading(store) as connection:
        return machine_time(connection)


def _handbill(root: Path, *words: str) -> None:
    """What somebody types at another machine."""
    command = [sys.executable, "-m", "handbill", *words, "--project", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ}, timeout=240)
    assert done.returncode == 0, done.stderr
