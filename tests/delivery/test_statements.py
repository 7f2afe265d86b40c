"""The statements of the sending loop find their rows by an index, however many messages there are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event

from handbill.contacts.identity import email_hash
from handbill.contacts.suppressions import suppress
from handbill.delivery.claiming import claim
from handbill.delivery.outbox import Claimed, Settlement, Verdict, mark_committing
from handbill.delivery.settling import settle, settle_and_mark
from handbill.store.connection import writing
from tests.conftest import NOW
from tests.delivery.queues import LEASE, SECRET, attempts, claim_all, make_run, states

Statement = tuple[str, Any]


@contextmanager
def noted(store: Engine) -> Iterator[list[Statement]]:
    """Every statement that is executed in the block."""
    found: list[Statement] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters))

    event.listen(store, "before_cursor_execute", note)
    yield found
    event.remove(store, "before_cursor_execute", note)


def plan_of(connection: Connection, statement: Statement) -> str:
    """How the database goes about it; PostgreSQL is told that reading whole tables is dear, as it is with many rows."""
    text, parameters = statement
    if connection.dialect.name == "sqlite":
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", parameters)
        return "\n".join(str(row[3]) for row in rows)
    connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
    return "\n".join(str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {text}", parameters))


def plan_for(store: Engine, act: Callable[[Connection], object], word: str) -> str:
    """The plan of the first statement with that word in it, of those that `act` executes."""
    with noted(store) as statements, writing(store) as connection:
        act(connection)
    with writing(store) as connection:
        return plan_of(connection, next(each for each in statements if word in each[0]))


def reads_a_whole_table(plan: str) -> bool:
    return "SCAN outbox" in plan or "Seq Scan on outbox" in plan


def test_a_claim_goes_along_the_index_of_what_waits(store: Engine) -> None:
    run_id = make_run(store, 5)
    plan = plan_for(store, lambda c: claim(c, run_id, "email", lease=LEASE, limit=500, now=NOW), "not_before <=")
    assert "ix_outbox_claim" in plan
    assert not reads_a_whole_table(plan)


def test_a_claim_does_not_sort_a_run_that_the_database_knows_nothing_of_yet(store: Engine) -> None:
    with writing(store) as connection:
        connection.exec_driver_sql("ANALYZE")
    run_id = make_run(store, 1_000)
    plan = plan_for(store, lambda c: claim(c, run_id, "email", lease=LEASE, limit=20, now=NOW), "not_before <=")
    assert "ix_outbox_claim" in plan
    assert "Sort" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize("topic", ["offers", None])
def test_a_marker_finds_its_rows_by_number(store: Engine, topic: str | None) -> None:
    rows = claim_all(store, make_run(store, 5))

    def mark(connection: Connection) -> None:
        mark_committing(connection, rows, now=NOW, lease_until=NOW + timedelta(minutes=1), topic=topic)

    plan = plan_for(store, mark, "held")
    assert not reads_a_whole_table(plan)
    assert "SCAN consent" not in plan
    assert "SCAN suppression" not in plan
    assert "ix_outbox_run_state" not in plan  # that would be everything that is claimed


def test_a_settlement_finds_its_rows_by_number(store: Engine) -> None:
    rows = claim_all(store, make_run(store, 5))
    plan = plan_for(store, lambda c: settle(c, [_accepted(row) for row in rows], now=NOW), "UPDATE outbox")
    assert not reads_a_whole_table(plan)


def test_the_text_of_a_statement_is_the_same_for_any_number_of_rows(store: Engine) -> None:
    rows = claim_all(store, make_run(store, 5))
    texts: list[list[str]] = []
    for some in (rows[:1], rows[1:]):
        with noted(store) as statements, writing(store) as connection:
            mark_committing(connection, some, now=NOW, lease_until=NOW + timedelta(minutes=1), topic="offers")
            settle(connection, [_accepted(row) for row in some], now=NOW)
        texts.append([text for text, _ in statements])
    assert texts[0] == texts[1]


def test_ends_and_markers_of_a_group_take_one_trip_to_a_server(store: Engine) -> None:
    run_id = make_run(store, 4)
    rows = claim_all(store, run_id)
    with writing(store) as connection:
        mark_committing(connection, rows[:2], now=NOW, lease_until=NOW + timedelta(minutes=1), topic="offers")
        suppress(connection, "email", email_hash(SECRET, rows[3].address), "unsubscribed", NOW, "test")
    with noted(store) as statements, writing(store) as connection:
        ended = [_accepted(row) for row in rows[:2]]
        until = NOW + timedelta(minutes=1)
        verdicts = settle_and_mark(connection, ended, rows[2:], now=NOW, lease_until=until, topic="offers")
    assert verdicts == {rows[2].id: Verdict.GO, rows[3].id: Verdict.SUPPRESSED}
    assert states(store, run_id) == ["accepted", "accepted", "committing", "skipped"]
    assert attempts(store, run_id) == [(1, "accepted", 250)] * 2
    if store.dialect.name == "postgresql":
        writes = [text for text, _ in statements if "UPDATE outbox" in text]
        assert len(writes) == 2  # the second one lets the suppressed one go


def _accepted(row: Claimed) -> Settlement:
    return Settlement(row, "accepted", "accepted", was_marked=True, code=250, text="ok")
