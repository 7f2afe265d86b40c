"""How long messages are tried again, and what is certain not to have been sent, against real servers."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.channels.contract import Provider
from handbill.channels.smtp import SmtpServer
from handbill.channels.smtp_dialogue import Timeouts
from handbill.definitions.project import Project
from handbill.delivery.leases import COMMIT_LEASE
from handbill.delivery.providers import email_provider
from handbill.errors import ChannelUnavailable
from tests.conftest import NOW
from tests.delivery.queues import attempts, change, change_run, rows_of
from tests.scenarios.fault_server import DOT, MAIL, RCPT, Fault, FaultServer
from tests.scenarios.sending import Sending, counted, sending

DAY = timedelta(days=1)
REFUSALS = [
    Fault(RCPT, says="450 4.2.0 greylisted"),
    Fault(RCPT, says="421 going down", drops=True),
    Fault(RCPT, says="552 too many"),
    Fault(MAIL, says="451 later"),
    Fault(DOT, says="451 queue full"),
]


def tries_until_it_expires(sent: Sending, *, chance: float) -> list[int]:
    """Minutes from one try to the next; at each, the server refuses for now."""
    change_run(sent.store, sent.run_id, latest_at=None)
    change(sent.store, sent.run_id, expires_at=None)
    waits: list[int] = []
    now: datetime = NOW
    while (due := sent.drain(now=now, random=lambda: chance).next_due_at) is not None and len(waits) < 40:
        waits.append(round((due - now) / timedelta(minutes=1)))
        now = due
    return waits


@pytest.mark.parametrize("fault", REFUSALS, ids=lambda fault: f"{fault.stage} {fault.says[:3]}")
def test_what_is_refused_for_now_is_tried_for_a_day(store: Engine, tmp_path: Path, fault: Fault) -> None:
    with sending(store, tmp_path, FaultServer([replace(fault)]), people=1) as sent:
        waits = tries_until_it_expires(sent, chance=0.0)
        assert waits == [1, 5, 15, 30, *[60] * 23]
        assert sum(waits) <= DAY / timedelta(minutes=1)
        assert counted(sent) == {"expired": 1}
        said = f"refused for now until it expired (refused at {fault.stage} with {fault.says[:3]})"
        assert rows_of(store, sent.run_id)[0].reason == said
        assert {outcome for _, outcome, _ in attempts(store, sent.run_id)} == {"retry"}


def test_chance_makes_waits_up_to_a_fifth_longer_and_the_day_no_longer(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer([replace(REFUSALS[0])]), people=1) as sent:
        waits = tries_until_it_expires(sent, chance=0.999_999)
        assert waits == [1, 6, 18, 36, *[72] * 19]
        assert sum(waits) <= DAY / timedelta(minutes=1)


# ---------------------------------------------------------------- how long an answer is waited for


def test_the_answer_to_the_dot_is_waited_for_as_long_as_the_standard_wants(store: Engine, tmp_path: Path) -> None:
    """Ten minutes; a shorter wait made one of the well-known servers deliver three copies. The lease is longer."""
    assert Timeouts() == Timeouts(connect=30, command=300, data=120, body=180, dot=600, quit=5)
    assert timedelta(seconds=Timeouts().dot) < COMMIT_LEASE
    silent = Fault(DOT, silent=True, takes=True, times=1)
    with sending(store, tmp_path, FaultServer([silent])) as sent:
        sent.drain(provider=lambda project: changed(project, timeouts=Timeouts(dot=2)))
        assert counted(sent) == {"accepted": 4, "uncertain": 1}
        unsure = next(row for row in rows_of(store, sent.run_id) if row.state == "uncertain")
        assert unsure.answer_text == "the server did not answer for 2 seconds"


# ---------------------------------------------------------------- certainly not sent


def changed(project: Project, **changes: object) -> Provider:
    declared = email_provider(project)
    assert isinstance(declared, SmtpServer)
    return replace(declared, **changes)  # type: ignore[arg-type] # fields of SmtpServer


@pytest.fixture
def port_that_answers_nobody() -> Iterator[int]:
    """A port whose queue is full: who comes now gets no answer, not even a refusal."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        port = listener.getsockname()[1]
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.1", port))
        yield port


def nobody_is_there(sent: Sending, said: str, **changes: object) -> None:
    with pytest.raises(ChannelUnavailable) as caught:
        sent.drain(provider=lambda project: changed(project, **changes))
    assert said in str(caught.value)
    assert counted(sent) == {"open": 5}
    assert attempts(sent.store, sent.run_id) == []
    assert sent.state == ("running", None)


def test_a_server_that_cannot_be_connected_to_in_time_was_sent_nothing(
    store: Engine, tmp_path: Path, port_that_answers_nobody: int
) -> None:
    with sending(store, tmp_path, FaultServer()) as sent:
        timeouts = Timeouts(connect=0.3)
        nobody_is_there(sent, "(connection timed out)", port=port_that_answers_nobody, timeouts=timeouts)


def test_a_server_whose_name_is_not_known_was_sent_nothing(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer()) as sent:
        nobody_is_there(sent, "cannot be reached (", host="no such host.invalid")


def test_a_port_where_nobody_listens_was_sent_nothing(store: Engine, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    with sending(store, tmp_path, FaultServer()) as sent:
        nobody_is_there(sent, "(connection refused)", port=port)
