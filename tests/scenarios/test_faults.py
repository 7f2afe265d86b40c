"""Wherever the server breaks, every message ends in the state that it should, and nobody gets two."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.errors import ChannelUnavailable
from tests.conftest import NOW
from tests.delivery.queues import attempts, rows_of
from tests.scenarios.fault_server import (
    ANSWERED,
    AUTH,
    BODY,
    DATA,
    DOT,
    EHLO,
    GREETING,
    MAIL,
    RCPT,
    Fault,
    FaultServer,
    Taken,
)
from tests.scenarios.sending import counted, sending

TRANSIENT = [
    Fault(RCPT, drops=True, times=1),
    Fault(RCPT, says="garbage", times=1),
    Fault(RCPT, says="421 going down", drops=True, times=1),
    Fault(RCPT, says="450 4.2.0 greylisted", times=1),
    Fault(RCPT, says="552 mailbox full", times=1),
    Fault(DATA, drops=True, times=1),
    Fault(DATA, says="451 no room", times=1),
    Fault(DOT, says="451 4.3.0 queue full", times=1),
    Fault(DOT, says="421 going down", drops=True, times=1),
]
SILENT = [
    Fault(DOT, drops=True, times=1),
    Fault(DOT, drops=True, takes=True, times=1),
    Fault(DOT, says="what?", takes=True, times=1),
]
FINAL = {
    "refused at rcpt with 550": Fault(RCPT, says="550 5.1.1 no such user"),
    "refused at data with 554": Fault(DATA, says="554 no"),
    "refused at dot with 554": Fault(DOT, says="554 5.7.1 spam"),
    "refused at dot with 552": Fault(DOT, says="552 too big"),
}


def one_each(faults: Iterable[Fault]) -> list[Fault]:
    """The faults, each for another recipient: person1, person2…"""
    return [replace(fault, recipient=f"person{number}@example.org") for number, fault in enumerate(faults, start=1)]


def test_connections_that_end_between_messages_cost_nothing(store: Engine, tmp_path: Path) -> None:
    faults = [
        Fault(GREETING, drops=True, times=1),
        Fault(EHLO, drops=True, times=1),
        Fault(MAIL, drops=True, times=1),
        Fault(MAIL, drops=True, times=1, spares=2),
        Fault(MAIL, says="421 enough for one connection", drops=True, times=1, spares=5),
        Fault(ANSWERED, drops=True, times=2, spares=7),
    ]
    with sending(store, tmp_path, FaultServer(faults), people=10) as sent:
        sent.drain(reconnect_after=(0.0,) * 4)
        assert counted(sent) == {"accepted": 10}
        assert [fault.times for fault in faults] == [0] * len(faults)
        assert attempts(store, sent.run_id) == [(1, "accepted", 250)] * 10


def test_messages_that_were_not_taken_are_tried_again_a_minute_later(store: Engine, tmp_path: Path) -> None:
    people = len(TRANSIENT) + 1
    with sending(store, tmp_path, FaultServer(one_each(TRANSIENT)), people=people) as sent:
        result = sent.drain()
        assert counted(sent) == {"accepted": 1, "open": len(TRANSIENT)}
        assert result.next_due_at == NOW + timedelta(minutes=1)
        sent.drain(now=NOW + timedelta(seconds=59))
        assert counted(sent) == {"accepted": 1, "open": len(TRANSIENT)}
        sent.drain(now=NOW + timedelta(minutes=1))
        assert counted(sent) == {"accepted": people}
        tries = attempts(store, sent.run_id)
        assert [outcome for number, outcome, _ in tries if number == 1].count("retry") == len(TRANSIENT)
        assert [outcome for number, outcome, _ in tries if number == 2] == ["accepted"] * len(TRANSIENT)


def test_a_connection_that_breaks_in_the_body_is_never_a_second_copy(store: Engine, tmp_path: Path) -> None:
    """Whether the hanging up is known here before the dot is written is a matter of luck; either way it is safe."""
    with sending(store, tmp_path, FaultServer([Fault(BODY, drops=True, times=1)])) as sent:
        sent.drain()
        sent.drain(now=NOW + timedelta(minutes=1))
        assert counted(sent) in ({"accepted": 5}, {"accepted": 4, "uncertain": 1})


def test_a_lost_last_answer_leaves_one_message_in_doubt_and_it_is_not_sent_again(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer(one_each(SILENT))) as sent:
        sent.drain()
        sent.drain(now=NOW + timedelta(hours=2))
        assert counted(sent) == {"accepted": 2, "uncertain": len(SILENT)}
        assert len(sent.server.taken) == 2 + 2  # two of the three were taken before the server went silent


def test_refused_messages_fail_and_the_others_go(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer(one_each(FINAL.values()))) as sent:
        sent.drain()
        assert counted(sent) == {"accepted": 1, "failed": len(FINAL)}
        assert [row.reason for row in rows_of(store, sent.run_id) if row.state == "failed"] == list(FINAL)


def test_a_greylisted_message_is_tried_later_and_later_and_then_expires(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer([Fault(RCPT, says="450 greylisted")]), people=1) as sent:
        waits: list[int] = []
        now = NOW
        while (due := sent.drain(now=now).next_due_at) is not None and len(waits) < 30:
            waits.append(int((due - now).total_seconds() // 60))
            now = due
        # The campaign's max_lateness of six hours ends it, long before a day is over.
        assert waits == [1, 5, 15, 30, 60, 60, 60, 60, 60]
        assert counted(sent) == {"expired": 1}


# ---------------------------------------------------------------- what concerns all messages


def test_a_server_that_is_not_there_fails_nobody(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer()) as sent:
        pass
    with pytest.raises(ChannelUnavailable) as caught:
        sent.drain()
    assert str(caught.value) == (
        f"the mail server 127.0.0.1:{sent.server.port} cannot be reached (connection refused). "
        "Start it, or correct channels.email in campaigns.yaml."
    )
    assert counted(sent) == {"open": 5}
    assert [(row.state, row.attempt, row.owner) for row in rows_of(store, sent.run_id)] == [("queued", 0, None)] * 5
    assert sent.state == ("running", None)


def test_a_server_that_greets_nobody_fails_nobody(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer([Fault(GREETING, says="421 too busy", drops=True)])) as sent:
        with pytest.raises(ChannelUnavailable) as caught:
            sent.drain()
        assert str(caught.value) == (
            f"127.0.0.1:{sent.server.port} does not take our mail, at greeting: 421 too busy. "
            "Correct channels.email in campaigns.yaml, or try again later."
        )
        assert counted(sent) == {"open": 5}


def test_a_server_that_goes_away_in_the_middle_leaves_the_rest_queued(store: Engine, tmp_path: Path) -> None:
    def go_away(taken: Taken) -> None:
        if len(server.taken) == 2:
            server.faults = [Fault(ANSWERED, drops=True), Fault(GREETING, drops=True)]

    server = FaultServer(on_taken=go_away)
    with sending(store, tmp_path, server) as sent:
        with pytest.raises(ChannelUnavailable):
            sent.drain()
        assert counted(sent) == {"accepted": 2, "open": 3}
        server.faults = ()
        sent.drain()
        assert counted(sent) == {"accepted": 5}


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(GREETING, says="554 no mail from you"), "greeting: 554 no mail from you"),
        (Fault(EHLO, says="550 not you"), "ehlo: 550 not you"),
        (Fault(MAIL, says="550 5.7.1 sender rejected"), "mail: 550 5.7.1 sender rejected"),
        (Fault(RCPT, says="554 5.7.1 Relay access denied"), "rcpt: 554 5.7.1 Relay access denied"),
    ],
    ids=lambda value: value.stage if isinstance(value, Fault) else "",
)
def test_a_refused_sender_pauses_the_campaign_and_fails_nobody(
    store: Engine, tmp_path: Path, fault: Fault, said: str
) -> None:
    with sending(store, tmp_path, FaultServer([fault])) as sent:
        with pytest.raises(ChannelUnavailable) as caught:
            sent.drain()
        where = f"127.0.0.1:{sent.server.port} does not take our mail, at {said}."
        assert str(caught.value) == (
            f"{where} Correct channels.email in campaigns.yaml, or try again later.\n"
            "spring is paused, and nobody has failed. Then run `handbill resume spring`."
        )
        assert sent.state == ("paused", where)
        assert counted(sent) == {"open": 5}


def test_a_wrong_password_pauses_the_campaign_and_fails_nobody(
    store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SMTP_USER", "shop")
    monkeypatch.setenv("SMTP_PASSWORD", "right")
    server = FaultServer([Fault(AUTH, says="535 5.7.8 wrong password")], login=("shop", "right"))
    signed_in = "    user: ${SMTP_USER}\n    password: ${SMTP_PASSWORD}\n    connections: 1"
    with sending(store, tmp_path, server, email=signed_in) as sent:
        with pytest.raises(ChannelUnavailable, match=r"at auth: 535 5\.7\.8 wrong password"):
            sent.drain()
        assert sent.state[0] == "paused"
        assert counted(sent) == {"open": 5}


def test_a_server_that_wants_fewer_connections_gets_fewer(store: Engine, tmp_path: Path) -> None:
    limit = Fault(GREETING, says="421 too many connections", drops=True, spares=2)
    with sending(store, tmp_path, FaultServer([limit]), people=40, email="    connections: 4") as sent:
        sent.drain()
        assert counted(sent) == {"accepted": 40}
        assert sent.server.most_connections >= 2


def test_several_connections_share_the_work(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer(), people=40, email="    connections: 4") as sent:
        sent.drain()
        assert counted(sent) == {"accepted": 40}
        assert 1 <= sent.server.most_connections <= 4
