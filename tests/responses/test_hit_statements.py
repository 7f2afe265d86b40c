"""The statements that keep hits find their rows by an index, whatever the database knows of its tables."""

from datetime import timedelta

from sqlalchemy import Connection, Engine, func, insert, select

from handbill.responses.classify import Hit
from handbill.responses.hits import Arrived, store_hits
from handbill.store.connection import reading, writing
from handbill.store.tables import event, outbox
from tests.conftest import NOW
from tests.delivery.queues import make_run
from tests.delivery.test_statements import plan_for, reads_a_whole_table


def arrived(connection: Connection, name: str = "one", link: int = 1) -> Arrived:
    outbox_id = connection.scalar(select(func.min(outbox.c.id)))
    return Arrived(name, Hit("email.clicked", NOW, "GET", "Firefox", "net", link_id=link), outbox_id or 0)


def test_earlier_hits_are_found_by_their_message_in_a_table_that_was_never_analysed(store: Engine) -> None:
    make_run(store, 5, state="accepted", accepted_at=NOW - timedelta(minutes=1))
    plan = plan_for(store, lambda c: store_hits(c, [arrived(c)], frozenset(), now=NOW), "occurred_at >=")
    assert plan.count("ix_event_outbox_id_kind_verdict") == 2  # when it was delivered, and what was clicked before
    assert "uq_event_source" not in plan
    assert not reads_a_whole_table(plan)


def test_what_vendors_report_of_a_message_is_no_part_of_a_burst(store: Engine) -> None:
    make_run(store, 1, state="accepted", accepted_at=NOW - timedelta(minutes=1))
    with writing(store) as connection:
        message = arrived(connection).outbox_id
        reported = {"source": "postmark", "kind": "email.clicked", "outbox_id": message, "occurred_at": NOW}
        rows = [{**reported, "source_event_id": str(n), "received_at": NOW, "link_id": n} for n in (2, 3)]
        connection.execute(insert(event), rows)
        store_hits(connection, [arrived(connection)], frozenset(), now=NOW)
    with reading(store) as connection:
        assert connection.scalar(select(event.c.verdict).where(event.c.source == "tracking")) == "human"
