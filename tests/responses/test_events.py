"""Events are kept once, whoever reports them how often and in which order."""

from datetime import timedelta

from sqlalchemy import Engine, func, select

from handbill.responses.events import Event, store_events
from handbill.store.connection import reading, writing
from handbill.store.tables import event
from tests.conftest import NOW


def viewed(number: int, source: str = "shop") -> Event:
    return Event(source, str(number), "page_view", NOW, NOW, properties={"page": f"/p/{number}"})


def test_the_same_event_twice_is_stored_once(store: Engine) -> None:
    with writing(store) as connection:
        assert store_events(connection, [viewed(1), viewed(2), viewed(1)]) == 2
        assert store_events(connection, [viewed(2), viewed(3)]) == 1
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(event)) == 3


def test_two_sources_may_use_the_same_number(store: Engine) -> None:
    with writing(store) as connection:
        assert store_events(connection, [viewed(1), viewed(1, "till")]) == 2


def test_an_event_keeps_what_it_said(store: Engine) -> None:
    told = Event("shop", "1", "cart_add", NOW - timedelta(hours=1), NOW, verdict="human", properties={"sku": "A"})
    with writing(store) as connection:
        store_events(connection, [told])
        row = connection.execute(select(event)).one()
    assert (row.kind, row.verdict, row.properties) == ("cart_add", "human", {"sku": "A"})
    assert (row.occurred_at, row.received_at) == (NOW - timedelta(hours=1), NOW)


def test_many_events_fit_into_one_call(store: Engine) -> None:
    with writing(store) as connection:
        assert store_events(connection, (viewed(number) for number in range(1_234))) == 1_234


def test_no_events_are_no_mistake(store: Engine) -> None:
    with writing(store) as connection:
        assert store_events(connection, []) == 0
