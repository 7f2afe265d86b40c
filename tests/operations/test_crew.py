"""Several processes send one run together; one that is lost takes nothing with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, select

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.delivery.books import Books, books
from handbill.errors import ChannelUnavailable, RunRefused
from handbill.operations.crew import Crew, hire, shared_out
from handbill.operations.driving import end
from handbill.operations.run import drain_run, start_run
from handbill.rendering.processes import program
from handbill.settings import load_settings
from handbill.store.connection import reading
from handbill.store.tables import outbox
from tests.conftest import NOW
from tests.operations.shop import SECRET, add_people, make_project
from tests.scenarios.fault_server import DOT, MAIL, Fault, FaultServer, serving

CLOCK = fixed_clock(NOW)


@contextmanager
def run_of(
    root: Path,
    store: Engine,
    url: str,
    monkeypatch: pytest.MonkeyPatch,
    server: FaultServer,
    people: int,
    email: str = "",
) -> Iterator[tuple[Project, int]]:
    """A sealed run, in a project whose processes find the same store."""
    monkeypatch.setenv("HANDBILL_DATABASE_URL", url)
    monkeypatch.setenv("HANDBILL_SECRET", SECRET.decode())
    with serving(server):
        project = make_project(root, server.port, email=f"    connections: 6\n{email}")
        add_people(store, people)
        yield project, start_run(store, project, "spring", clock=CLOCK).run_id


def hired(root: Path, run_id: int, workers: int | None) -> Crew:
    return hire(root, run_id, workers, clock=CLOCK, now=NOW.isoformat())


def books_of(store: Engine, run_id: int) -> Books:
    with reading(store) as connection:
        made = books(connection, run_id)
    assert made.balances
    return made


def test_processes_share_the_messages_and_the_connections(
    store: Engine, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FaultServer()
    with (
        run_of(tmp_path, store, store_url, monkeypatch, server, people=150) as (_, run_id),
        hired(tmp_path, run_id, 3) as crew,
    ):
        assert (crew.connections, len(crew.helpers)) == (2, 2)
        assert not crew.finish()
    assert books_of(store, run_id).accepted == len(server.counts) == 150
    assert max(server.counts.values()) == 1
    assert server.most_connections <= 4


def test_a_process_that_is_lost_before_it_hears_its_task_is_one_that_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Lost(subprocess.Popen[bytes]):
        def __init__(self, _command: object, **options: Any) -> None:
            super().__init__(["/bin/false"], **options)
            self.wait()

    monkeypatch.setattr(subprocess, "Popen", Lost)
    with Crew(1) as crew:
        crew.add(tmp_path, 1, 1, None)
        assert crew.finish()


def test_when_one_is_killed_the_others_go_on_and_take_over_what_it_held(
    store: Engine, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FaultServer()
    with run_of(tmp_path, store, store_url, monkeypatch, server, people=300) as (project, run_id):
        server.stand_still(messages=40)
        with hired(tmp_path, run_id, 3) as crew:
            server.wait_until_standing(1)
            os.kill(crew.helpers[0], signal.SIGKILL)
            server.go_on()
            assert crew.finish()
            drain_run(store, project, load_settings(tmp_path), run_id, clock=CLOCK)
    made = books_of(store, run_id)
    assert (made.open, made.accepted + made.uncertain) == (0, 300)
    assert made.uncertain <= 2
    assert max(server.counts.values()) == 1
    assert made.accepted <= len(server.counts) <= made.accepted + made.uncertain


def test_those_who_are_dismissed_finish_what_is_on_its_way_and_no_more(
    store: Engine, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FaultServer()
    with run_of(tmp_path, store, store_url, monkeypatch, server, people=400) as (_, run_id):
        server.stand_still(messages=20)
        with hired(tmp_path, run_id, 3) as crew:
            server.wait_until_standing(1)
            server.faults = [Fault(DOT, slow=0.1)]  # ten seconds for all, and they hear of it in a moment
            server.go_on()
        assert crew.helpers == []
    made = books_of(store, run_id)
    assert made.accepted == len(server.counts) < 400
    with reading(store) as connection:
        assert set(connection.scalars(select(outbox.c.state).distinct())) == {"accepted", "queued"}


def test_processes_together_stay_inside_the_budget(
    store: Engine, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FaultServer()
    email = "    cost: 1\n    budget: 30"
    with (
        run_of(tmp_path, store, store_url, monkeypatch, server, people=90, email=email) as (_, run_id),
        hired(tmp_path, run_id, 3) as crew,
    ):
        crew.finish()
    assert books_of(store, run_id).accepted == len(server.counts) == 30


def test_a_server_that_refuses_the_helpers_is_told_by_whoever_goes_on(
    store: Engine, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FaultServer()
    with run_of(tmp_path, store, store_url, monkeypatch, server, people=5) as (project, run_id):
        server.faults = [Fault(MAIL, says="550 5.7.1 go away")]
        with hired(tmp_path, run_id, 2) as crew:
            assert crew.finish()
        drain_run(store, project, load_settings(tmp_path), run_id, clock=CLOCK)
        with pytest.raises(ChannelUnavailable, match=r"does not take our mail, at mail: 550 5\.7\.1 go away") as caught:
            end(tmp_path, run_id, now=NOW.isoformat(), trouble=crew.trouble)
        assert [problem.what for problem in caught.value.problems][1:] == ["spring is paused, and nobody has failed."]
    assert books_of(store, run_id).open == 5


def test_a_small_run_takes_one_process(
    store: Engine, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        run_of(tmp_path, store, store_url, monkeypatch, FaultServer(), people=5) as (_, run_id),
        hired(tmp_path, run_id, None) as crew,
    ):
        assert (crew.connections, crew.helpers) == (6, [])


def test_there_are_no_more_processes_than_connections() -> None:
    assert shared_out(2, 5) == [1, 1]


def test_more_processes_than_make_sense_are_refused(
    store: Engine, store_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = pytest.raises(RunRefused, match=r"^17 workers are wanted\. Give a number from 1 to 16\.$")
    with run_of(tmp_path, store, store_url, monkeypatch, FaultServer(), people=1) as (_, run_id), refused:
        hired(tmp_path, run_id, 17)


def test_a_helper_loads_only_what_it_needs_to_send() -> None:
    spared = {
        "numpy", "scipy", "prefect", "weasyprint", "handbill.rendering.print", "segno",  # plans, measures and prints
        "alembic", "mako", "pygments",  # upgrade a store
        "requests", "urllib3", "charset_normalizer", "botocore", "cryptography",  # speak to vendors, and sign
        "psycopg", "ruamel.yaml",  # serve another database, and explain mistakes
    }  # fmt: skip
    code = f"import sys, handbill.operations.crew_member; print({spared} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_a_helper_looks_for_rubbish_among_what_it_makes_and_not_among_what_it_loaded() -> None:
    *command, code = program("handbill.operations.crew_member")
    code = code.replace("; main()", "; print(gc.isenabled(), gc.get_freeze_count() > 50_000)")
    done = subprocess.run([*command, code], capture_output=True, text=True, check=True)
    assert done.stdout == "True True\n"
