"""The commands that look at runs and steer them, as somebody types them."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.cli import invoke
from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.store.connection import open_store
from handbill.store.migrate import upgrade
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project, make_settings, states_of
from tests.scenarios.fault_server import DOT, RCPT, Fault, FaultServer, serving

AT = ["--now", "2026-12-01T09:00"]
GO_ON = "Run `handbill run spring` to go on, or leave it to `handbill up`."


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Engine]:
    """The store that the commands find in the project."""
    engine = open_store(f"sqlite:///{tmp_path / '.handbill' / 'handbill.db'}")
    upgrade(engine)
    add_people(engine, 3)
    yield engine
    engine.dispose()


@pytest.fixture
def project(tmp_path: Path, server: FaultServer, store: Engine) -> Project:
    """A project with a run of three messages."""
    project = make_project(tmp_path, server.port)
    start_run(store, project, "spring", clock=fixed_clock(NOW))
    return project


def handbill(project: Project, *words: str) -> int:
    return invoke([*words, "--project", str(project.root)])


def send(store: Engine, project: Project) -> None:
    drain_run(store, project, make_settings(project.root, store), 1, clock=fixed_clock(NOW))
    finish_run(store, 1, clock=fixed_clock(NOW))


def test_status_says_where_each_run_stands(
    store: Engine, project: Project, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults = [Fault(RCPT, says="550 no", times=1)]
    send(store, project)
    assert handbill(project, "status") == 0
    assert capsys.readouterr().out == (
        "spring, wave once: finished\n  Sent 2 · Not sent 1 (1 refused at rcpt with 550)\n"
    )
    assert handbill(project, "status", "spring", "--json") == 0
    (standing,) = json.loads(capsys.readouterr().out)
    assert (standing["state"], standing["books"]["accepted"], standing["reasons"]) == (
        "finished", 2, {"refused at rcpt with 550": 1},
    )  # fmt: skip


def test_status_of_a_campaign_that_never_ran_is_nothing_to_do(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    assert handbill(project, "status", "summer") == 1
    assert capsys.readouterr().err == "summer has never run.\n"


def test_a_campaign_can_be_stopped_while_its_files_have_mistakes(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    (project.root / "campaigns.yaml").write_text("campaigns: [")
    assert handbill(project, "pause", "spring") == 0
    assert capsys.readouterr().out == "spring is paused. Run `handbill resume spring` to let it go on.\n"
    assert handbill(project, "status") == 0
    assert capsys.readouterr().out == "spring, wave once: paused (by hand)\n  Sent 0 · Waiting 3\n"
    assert handbill(project, "resume", "spring", *AT) == 0
    assert capsys.readouterr().out == f"spring may go on. {GO_ON}\n"


def test_machines_read_what_was_paused(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert handbill(project, "pause", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"runs": ["spring"]}


def test_cancelling_asks_first(
    store: Engine, project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO())
    assert handbill(project, "cancel", "spring", *AT) == 1
    assert states_of(store) == {"queued": 3}
    capsys.readouterr()
    assert handbill(project, "cancel", "spring", "--yes", *AT) == 0
    assert capsys.readouterr().out == "spring is cancelled.\n"
    assert states_of(store) == {"cancelled": 3}


def test_failed_messages_are_queued_again(
    store: Engine, project: Project, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.faults = [Fault(RCPT, says="550 no", times=1)]
    send(store, project)
    assert handbill(project, "retry", "spring", *AT) == 1
    assert capsys.readouterr().err == "spring has no message that waits for another try.\n"
    assert handbill(project, "retry", "spring", "--failed", *AT) == 0
    assert capsys.readouterr().out == f"1 message is due now. {GO_ON}\n"
    assert states_of(store) == {"accepted": 2, "queued": 1}


@pytest.fixture
def unsure(store: Engine, project: Project, server: FaultServer) -> Project:
    """One message was taken without an answer."""
    server.faults = [Fault(DOT, drops=True, takes=True, times=1, recipient="person2@example.org")]
    send(store, project)
    return project


def test_uncertain_messages_are_listed(unsure: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert handbill(unsure, "uncertain", "list") == 0
    assert capsys.readouterr().out == (
        "2026-12-01 09:00 UTC  spring  C-00002  person2@example.org  the server closed the connection\n"
    )
    assert handbill(unsure, "uncertain", "list", "spring", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["contact"] == "C-00002"


def test_uncertain_messages_are_sent_again(store: Engine, unsure: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert handbill(unsure, "uncertain", "resend", "spring", *AT) == 0
    assert capsys.readouterr().out == f"1 message is queued again. {GO_ON}\n"
    assert states_of(store) == {"accepted": 2, "queued": 1}


def test_uncertain_messages_are_left(store: Engine, unsure: Project, capsys: pytest.CaptureFixture[str]) -> None:
    assert handbill(unsure, "uncertain", "leave", *AT) == 0
    assert capsys.readouterr().out == "1 message is closed.\n"
    assert handbill(unsure, "uncertain", "list") == 1
    assert capsys.readouterr().err == "No message is uncertain.\n"
