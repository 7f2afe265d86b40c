"""A run goes from state to state, and each change happens once."""

from datetime import timedelta

from sqlalchemy import Engine, select

from handbill.delivery.run_state import (
    cancel_run,
    expire_overdue,
    finish_run,
    next_due,
    pause_run,
    reopen_run,
    resume_run,
)
from handbill.store.connection import reading, writing
from handbill.store.tables import run
from tests.conftest import NOW
from tests.delivery.queues import change, make_run, rows_of, states

HOUR = timedelta(hours=1)


def state(store: Engine, run_id: int) -> tuple[str, str | None]:
    with reading(store) as connection:
        found = connection.execute(select(run.c.state, run.c.state_reason).where(run.c.id == run_id)).one()
        return found.state, found.state_reason


def test_a_run_is_paused_and_goes_on(store: Engine) -> None:
    run_id = make_run(store)
    with writing(store) as connection:
        assert pause_run(connection, run_id, "by hand")
        assert not pause_run(connection, run_id, "once more")
    assert state(store, run_id) == ("paused", "by hand")
    with writing(store) as connection:
        assert resume_run(connection, run_id, NOW)
        assert not resume_run(connection, run_id, NOW)
    assert state(store, run_id) == ("running", None)


def test_a_cancelled_run_does_not_come_back(store: Engine) -> None:
    run_id = make_run(store, 2)
    with writing(store) as connection:
        assert cancel_run(connection, run_id, "by hand", NOW)
        assert not cancel_run(connection, run_id, "by hand", NOW)
        assert not resume_run(connection, run_id, NOW)
        assert not reopen_run(connection, run_id)
    assert states(store, run_id) == ["cancelled", "cancelled"]


def test_a_run_finishes_when_nothing_is_open_any_more(store: Engine) -> None:
    run_id = make_run(store, 2)
    with writing(store) as connection:
        assert not finish_run(connection, run_id, NOW)
    change(store, run_id, state="uncertain")
    with writing(store) as connection:
        assert finish_run(connection, run_id, NOW)
        assert not finish_run(connection, run_id, NOW)
    assert state(store, run_id) == ("finished", None)


def test_a_paused_run_does_not_finish(store: Engine) -> None:
    run_id = make_run(store, 0)
    with writing(store) as connection:
        pause_run(connection, run_id, "by hand")
        assert not finish_run(connection, run_id, NOW)


def test_a_finished_run_can_be_opened_again(store: Engine) -> None:
    run_id = make_run(store, 0)
    with writing(store) as connection:
        finish_run(connection, run_id, NOW)
        assert reopen_run(connection, run_id)
    assert state(store, run_id) == ("running", None)


def test_messages_expire_with_their_run(store: Engine) -> None:
    run_id = make_run(store, 2, latest_at=NOW + HOUR)
    with writing(store) as connection:
        assert expire_overdue(connection, run_id, NOW + HOUR - timedelta(seconds=1)) == 0
        assert expire_overdue(connection, run_id, NOW + HOUR) == 2
    assert {(row.state, row.reason) for row in rows_of(store, run_id)} == {("expired", "too_late")}


def test_messages_expire_by_themselves(store: Engine) -> None:
    run_id = make_run(store, 1, expires_at=NOW + HOUR)
    with writing(store) as connection:
        assert expire_overdue(connection, run_id, NOW) == 0
        assert expire_overdue(connection, run_id, NOW + HOUR) == 1


def test_the_next_message_that_is_due_is_known(store: Engine) -> None:
    run_id = make_run(store, 2, not_before=NOW + HOUR)
    with reading(store) as connection:
        assert next_due(connection, run_id, "email") == NOW + HOUR
        assert next_due(connection, run_id, "direct_mail") is None
