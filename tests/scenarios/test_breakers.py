"""A run stops by itself before it harms the sender's name, says why, and goes on when somebody says so."""

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from handbill.channels.contract import EventKind, Outcome
from handbill.clock import fixed_clock
from handbill.delivery.breakers import FIRST, IN_A_ROW, Breaker, BreakerTripped
from handbill.operations.control import resume
from handbill.responses.events import Event, store_events
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox
from tests.conftest import NOW
from tests.scenarios.fault_server import RCPT, Fault, FaultServer
from tests.scenarios.sending import Sending, sending

LATER = timedelta(minutes=2)


def counted(sent: Sending) -> dict[str, int]:
    with reading(sent.store) as connection:
        return dict(Counter(connection.scalars(select(outbox.c.state).where(outbox.c.run_id == sent.run_id))))


def report(store: Engine, kind: EventKind, messages: int) -> None:
    """So many accepted messages are reported on, a moment after they were sent."""
    with writing(store) as connection:
        ids = connection.scalars(select(outbox.c.id).where(outbox.c.state == "accepted").limit(messages)).all()
        store_events(connection, [Event("test", f"{kind}-{id_}", kind, NOW, NOW, outbox_id=id_) for id_ in ids])


def test_a_list_that_nobody_takes_mail_for_is_not_tried_to_its_end(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer([Fault(RCPT, says="550 no such person")]), people=40) as sent:
        assert sent.drain().stopped == "11 of the first 11 messages were refused for good"
        assert counted(sent) == {"failed": 11, "queued": 29}
        assert sent.state == ("paused", "11 of the first 11 messages were refused for good")
        sent.server.faults = ()
        resume(store, "spring", clock=fixed_clock(NOW))
        sent.drain()
        assert counted(sent) == {"failed": 11, "accepted": 29}


def test_complaints_stop_what_is_left_until_somebody_resumes(store: Engine, tmp_path: Path) -> None:
    later = Fault(RCPT, says="450 later", spares=5)
    with sending(store, tmp_path, FaultServer([later]), people=8) as sent:
        sent.drain()
        assert counted(sent) == {"accepted": 5, "queued": 3}
        sent.server.faults = ()
        report(store, EventKind.COMPLAINED, 3)
        stopped = sent.drain().stopped
        assert stopped == "3 of 5 recipients reported the message as spam"
        assert sent.state == ("paused", stopped)
        resume(store, "spring", clock=fixed_clock(NOW + LATER))
        sent.drain(now=NOW + LATER)
        assert counted(sent) == {"accepted": 8}


def test_a_few_bounces_are_no_reason_to_stop(store: Engine, tmp_path: Path) -> None:
    later = Fault(RCPT, says="450 later", spares=12, times=1)
    with sending(store, tmp_path, FaultServer([later]), people=13) as sent:
        sent.drain()
        report(store, EventKind.BOUNCED, 10)
        sent.drain(now=NOW + LATER)
        assert counted(sent) == {"accepted": 13}


def test_many_bounces_are(store: Engine, tmp_path: Path) -> None:
    later = Fault(RCPT, says="450 later", spares=12, times=1)
    with sending(store, tmp_path, FaultServer([later]), people=13) as sent:
        sent.drain()
        report(store, EventKind.BOUNCED, 11)
        assert sent.drain(now=NOW + LATER).stopped == "11 of 12 messages came back"


def test_refusals_in_a_row_stop_a_run_that_began_well() -> None:
    breaker = Breaker()
    for _ in range(FIRST):
        breaker.note(Outcome.ACCEPTED)
    for _ in range(IN_A_ROW - 1):
        breaker.note(Outcome.FAILED)
    breaker.note(Outcome.RETRY)
    with pytest.raises(BreakerTripped, match="25 messages in a row were refused for good"):
        breaker.note(Outcome.FAILED)


def test_refusals_among_others_do_not() -> None:
    breaker = Breaker()
    for _ in range(FIRST // 20):
        for _ in range(19):
            breaker.note(Outcome.ACCEPTED)
        breaker.note(Outcome.FAILED)
    for _ in range(1000):
        breaker.note(Outcome.FAILED)
        breaker.note(Outcome.ACCEPTED)
