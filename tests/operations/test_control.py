"""Runs are looked at and steered from any machine, at any moment."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.errors import NothingToDo, RunRefused
from handbill.operations.control import cancel, leave, pause, resend, resume, retry, status, uncertain
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.store.connection import writing
from handbill.store.tables import run
from tests.conftest import NOW
from tests.operations.shop import CAMPAIGN, add_people, make_project, make_settings, state_of, states_of
from tests.scenarios.fault_server import DOT, RCPT, Fault, FaultServer, serving

HOUR = timedelta(hours=1)
ON_TIME = fixed_clock(NOW)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: FaultServer, store: Engine) -> Project:
    add_people(store, 4)
    return make_project(tmp_path, server.port)


def start(store: Engine, project: Project) -> int:
    return start_run(store, project, "spring", clock=ON_TIME).run_id


def send(store: Engine, project: Project, run_id: int) -> None:
    drain_run(store, project, make_settings(project.root, store), run_id, clock=ON_TIME)
    finish_run(store, run_id, clock=ON_TIME)


@pytest.fixture
def unsure(store: Engine, project: Project, server: FaultServer) -> int:
    """A finished run with one message that the server took without an answer."""
    server.faults = [Fault(DOT, drops=True, takes=True, times=1, recipient="person2@example.org")]
    run_id = start(store, project)
    send(store, project, run_id)
    return run_id


# ---------------------------------------------------------------- status


def test_the_books_are_said_in_one_sentence(store: Engine, project: Project, server: FaultServer) -> None:
    add_people(store, 2)
    server.faults = [
        Fault(DOT, drops=True, times=1, recipient="person1@example.org"),
        Fault(RCPT, says="550 no", recipient="person2@example.org"),
        Fault(RCPT, says="550 no", recipient="person3@example.org"),
        Fault(RCPT, says="450 later", recipient="person4@example.org"),
    ]
    send(store, project, start(store, project))
    (standing,) = status(store, "spring")
    assert standing.sentence == (
        "Sent 2 · Not sent 2 (2 refused at rcpt with 550) · Unsure 1: the server went silent after taking the message, "
        "so it was not sent again. [List] [Send again] [Leave] · Waiting 1"
    )
    assert (standing.campaign, standing.wave, standing.state) == ("spring", "once", "running")


def test_reasons_are_said_as_plans_say_them(store: Engine, project: Project) -> None:
    start(store, project)
    late = fixed_clock(NOW + 7 * HOUR)
    drain_run(store, project, make_settings(project.root, store), 1, clock=late)
    (standing,) = status(store)
    assert standing.sentence == "Sent 0 · Not sent 4 (4 too late)"
    assert standing.as_json()["books"]["expired"] == 4


def test_a_campaign_that_never_ran_has_no_status(store: Engine) -> None:
    with pytest.raises(NothingToDo, match=r"^spring has never run\.$"):
        status(store, "spring")
    with pytest.raises(NothingToDo, match=r"^Nothing has ever run\.$"):
        status(store)


# ---------------------------------------------------------------- pause, resume, cancel


def test_a_campaign_is_paused_and_resumed(store: Engine, project: Project) -> None:
    run_id = start(store, project)
    assert pause(store, "spring") == ["spring"]
    send(store, project, run_id)
    assert (states_of(store), state_of(store, run_id)) == ({"queued": 4}, ("paused", "by hand"))
    assert resume(store, "spring", clock=ON_TIME) == ["spring"]
    send(store, project, run_id)
    assert states_of(store) == {"accepted": 4}


def test_without_a_name_everything_that_runs_is_paused(store: Engine, project: Project) -> None:
    start(store, project)
    assert pause(store) == ["spring"]


def test_there_must_be_something_to_pause_or_resume(store: Engine) -> None:
    with pytest.raises(NothingToDo, match=r"^No run of spring is running\.$"):
        pause(store, "spring")
    with pytest.raises(NothingToDo, match=r"^No run is paused\.$"):
        resume(store)


def test_a_run_that_is_too_late_is_not_resumed(store: Engine, project: Project) -> None:
    run_id = start(store, project)
    pause(store, "spring")
    with pytest.raises(RunRefused) as caught:
        resume(store, "spring", clock=fixed_clock(NOW + 7 * HOUR))
    assert str(caught.value) == (
        "spring: it is too late, nothing was to leave after 2026-12-01 15:00 UTC. "
        "Make an extra wave: `handbill run spring --new-wave NAME`."
    )
    assert state_of(store, run_id)[0] == "paused"


def test_a_cancelled_campaign_sends_nothing_more(store: Engine, project: Project, server: FaultServer) -> None:
    run_id = start(store, project)
    assert cancel(store, "spring", clock=ON_TIME) == ["spring"]
    send(store, project, run_id)
    assert (states_of(store), server.taken) == ({"cancelled": 4}, [])
    with pytest.raises(NothingToDo, match="the wave once is cancelled"):
        start(store, project)


# ---------------------------------------------------------------- retry


def test_messages_that_wait_can_be_tried_now(store: Engine, project: Project, server: FaultServer) -> None:
    server.faults = [Fault(RCPT, says="450 later", times=1)]
    run_id = start(store, project)
    send(store, project, run_id)
    assert states_of(store) == {"accepted": 3, "queued": 1}
    assert retry(store, "spring", clock=ON_TIME) == 1
    send(store, project, run_id)
    assert states_of(store) == {"accepted": 4}


def test_failed_messages_are_tried_again_when_asked(store: Engine, project: Project, server: FaultServer) -> None:
    server.faults = [Fault(RCPT, says="550 no", times=1)]
    run_id = start(store, project)
    send(store, project, run_id)
    assert state_of(store, run_id)[0] == "finished"
    with pytest.raises(NothingToDo, match=r"^spring has no message that waits for another try\.$"):
        retry(store, "spring", clock=ON_TIME)
    assert retry(store, "spring", failed=True, clock=ON_TIME) == 1
    send(store, project, start(store, project))
    assert states_of(store) == {"accepted": 4}
    assert set(server.counts.values()) == {1}
    assert state_of(store, run_id)[0] == "finished"


def test_failed_messages_are_not_tried_again_when_it_is_too_late(
    store: Engine, project: Project, server: FaultServer
) -> None:
    server.faults = [Fault(RCPT, says="550 no", times=1)]
    send(store, project, start(store, project))
    with pytest.raises(RunRefused, match="it is too late"):
        retry(store, "spring", failed=True, clock=fixed_clock(NOW + 7 * HOUR))
    assert states_of(store) == {"accepted": 3, "failed": 1}


# ---------------------------------------------------------------- uncertain


def test_uncertain_messages_are_listed(store: Engine, unsure: int) -> None:
    (message,) = uncertain(store, "spring")
    assert (message.contact, message.address, message.said) == (
        "C-00002", "person2@example.org", "the server closed the connection",
    )  # fmt: skip
    assert uncertain(store, "summer") == []


def test_uncertain_messages_are_sent_again_when_somebody_says_so(
    store: Engine, project: Project, server: FaultServer, unsure: int
) -> None:
    assert resend(store, "spring", clock=ON_TIME) == 1
    send(store, project, unsure)
    assert states_of(store) == {"accepted": 4}
    copies = [each.message for each in server.taken if each.recipient == "person2@example.org"]
    assert len(copies) == 2
    assert copies[0] == copies[1]


def test_uncertain_messages_are_left_when_somebody_says_so(store: Engine, unsure: int) -> None:
    assert leave(store, "spring", clock=ON_TIME) == 1
    assert states_of(store) == {"accepted": 3, "closed_unknown": 1}
    assert status(store)[0].sentence == "Sent 3 · Never known 1"
    with pytest.raises(NothingToDo, match=r"^spring has no message that is uncertain\.$"):
        leave(store, "spring", clock=ON_TIME)


def test_uncertain_messages_are_not_sent_again_when_it_is_too_late(store: Engine, unsure: int) -> None:
    with writing(store) as connection:
        connection.execute(update(run).values(latest_at=NOW))
    with pytest.raises(RunRefused, match="it is too late"):
        resend(store, "spring", clock=ON_TIME)
    assert states_of(store) == {"accepted": 3, "uncertain": 1}


def test_the_campaign_may_declare_that_silence_is_answered_by_a_second_copy(
    store: Engine, tmp_path: Path, server: FaultServer
) -> None:
    add_people(store, 2)
    server.faults = [Fault(DOT, drops=True, takes=True, times=1)]
    project = make_project(tmp_path, server.port, campaigns=CAMPAIGN + "    on_uncertain: resend\n")
    run_id = start(store, project)
    send(store, project, run_id)
    assert states_of(store) == {"accepted": 1, "queued": 1}
    later = fixed_clock(NOW + timedelta(minutes=2))
    drain_run(store, project, make_settings(tmp_path, store), run_id, clock=later)
    assert states_of(store) == {"accepted": 2}
    assert len(server.taken) == 3
