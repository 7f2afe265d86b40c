"""Metrics are counted over all assigned units, in their window, the same on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from handbill.reports.measure import Measured, measure
from handbill.reports.metrics import OUTCOMES
from handbill.responses.events import MAILBOX_WATERMARK, Event, store_events
from handbill.statistics.results import Gap
from handbill.statistics.samples import Proportion, Sample
from handbill.store.connection import writing
from handbill.store.tables import orders, outbox
from tests.reports.factory import AFTER, EMAIL, NOTHING, ORIGIN, WITHIN, Cell, fill, members_of, order, watermark


def test_buyers_are_counted_among_all_assigned_units(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [NOTHING, EMAIL])
        connection.execute(update(outbox).values(state="failed"))
        measured = measure(connection, registered, "GBP")
    nothing, email = measured.arms
    assert (nothing.name, nothing.units) == ("nothing", 100)
    assert nothing.metrics["conversion"] == Proportion(10, of=100)
    assert email.metrics["conversion"] == Proportion(20, of=100)
    assert _outcome_gaps(measured) == []


def test_money_is_summed_in_units_of_the_currency(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [NOTHING, EMAIL])
        order(connection, members_of(connection, "email")[0], total=2_500_000)
        measured = measure(connection, registered, "GBP")
    revenue = measured.arms[1].metrics["revenue"]
    assert revenue == Sample(
        n=100, total=802.5, squares=19 * 40.0**2 + 42.5**2, cubes=19 * 40.0**3 + 42.5**3, buyers=20
    )
    assert measured.arms[1].metrics["orders"] == Sample(n=100, total=21, squares=23, cubes=27, buyers=20)


@pytest.mark.parametrize(
    ("after", "counts"),
    [
        (timedelta(0), True),
        (WITHIN - timedelta(microseconds=1), True),
        (WITHIN, False),
        (timedelta(microseconds=-1), False),
    ],
)
def test_the_window_begins_with_the_origin_and_excludes_its_end(store: Engine, after: timedelta, counts: bool) -> None:
    with writing(store) as connection:
        registered = fill(connection, [replace(NOTHING, units=3, buyers=0), replace(EMAIL, units=3, buyers=0)])
        order(connection, members_of(connection, "email")[0], ordered_at=ORIGIN + after)
        measured = measure(connection, registered, "GBP")
    assert measured.arms[1].metrics["conversion"] == Proportion(1 if counts else 0, of=3)


def test_a_household_counts_once_and_all_its_members_orders_count(store: Engine) -> None:
    letter = Cell("letter", 5, 2, ("direct_mail",), size=2)
    with writing(store) as connection:
        registered = fill(connection, [replace(NOTHING, units=5, buyers=0, size=2), letter], unit="household")
        second_member_of_the_first = members_of(connection, "letter")[1]
        order(connection, second_member_of_the_first)
        measured = measure(connection, registered, "GBP")
    assert measured.arms[1].metrics["conversion"] == Proportion(2, of=5)
    assert measured.arms[1].metrics["orders"] == Sample(n=5, total=3, squares=5, cubes=9, buyers=2)


def test_a_cancelled_order_reduces_revenue_and_is_no_order(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [replace(NOTHING, units=2, buyers=1), replace(EMAIL, units=2, buyers=1)])
        order(connection, members_of(connection, "email")[1], total=-15_000_000)
        measured = measure(connection, registered, "GBP")
    metrics = measured.arms[1].metrics
    assert metrics["conversion"] == Proportion(1, of=2)
    assert metrics["revenue"] == Sample(n=2, total=25, squares=1825, cubes=60_625, buyers=2)


def test_margin_is_the_declared_rate_on_the_price_before_discount_less_the_discount(store: Engine) -> None:
    with writing(store) as connection:
        cells = [replace(NOTHING, units=2, buyers=1), replace(EMAIL, units=2, buyers=1, paid=100.0, off=15.0)]
        measured = measure(connection, fill(connection, cells), "GBP")
    margin = measured.arms[1].metrics["margin"]
    assert isinstance(margin, Sample)
    assert margin.total == pytest.approx(0.4 * 100 - 15)


def test_margin_uses_the_cost_of_goods_where_it_is_known(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [replace(NOTHING, units=2, buyers=1), replace(EMAIL, units=2, buyers=1)])
        connection.execute(update(orders).values(cost=30_000_000))
        measured = measure(connection, replace(registered, margin_rate=None), "GBP")
    margin = measured.arms[1].metrics["margin"]
    assert isinstance(margin, Sample)
    assert margin.total == pytest.approx(10.0)
    assert _outcome_gaps(measured) == []


def test_margin_without_costs_or_a_rate_is_absent_with_the_reason(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [NOTHING, EMAIL], margin_rate=None)
        measured = measure(connection, registered, "GBP")
    assert all("margin" not in arm.metrics for arm in measured.arms)
    assert _outcome_gaps(measured) == [
        Gap(
            "30 of 30 orders carry no cost of goods, and no margin_rate is declared in the campaign's goal, "
            "so margin is not known.",
            "margin",
        )
    ]


def test_orders_in_another_currency_are_never_added_up(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [NOTHING, EMAIL])
        order(connection, members_of(connection, "email")[50], currency="EUR")
        measured = measure(connection, registered, "GBP")
    reason = "1 of 31 orders are in another currency than GBP, so their money cannot be added up."
    assert _outcome_gaps(measured) == [Gap(reason, name) for name in ("revenue", "margin", "revenue_per_order")]
    assert measured.arms[1].metrics["conversion"] == Proportion(21, of=100)
    assert "revenue" not in measured.arms[1].metrics


def test_an_arm_that_nobody_fell_into_has_no_units(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [NOTHING, replace(EMAIL, units=0, share=0.01)])
        measured = measure(connection, registered, "GBP")
    assert (measured.arms[1].units, dict(measured.arms[1].metrics)) == (0, {})
    assert measured.arms[0].units == 100


def test_answers_that_nobody_listened_for_are_absent_and_not_zero(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [NOTHING, EMAIL])
        measured = measure(connection, registered, "GBP")
    assert set(measured.arms[1].metrics) == {"conversion", "orders", "revenue", "margin", "revenue_per_order"}
    assert {gap.metric: gap.reason for gap in measured.gaps} == {
        "delivered": "No provider reports deliveries.",
        "bounces": "The mailbox for bounces has not been read. Run `handbill ingest`.",
        "opens": "Opens are not tracked, or none is a person's for certain.",
        "clicks": "Clicks are not tracked, or none is a person's for certain.",
        "unsubscribes": "The mailbox for unsubscribes has not been read. Run `handbill ingest`.",
        "complaints": "No provider reports complaints.",
        "scans": "Nothing reports scans.",
        "codes": "Nothing was printed that could carry a code.",
        "orders_per_click": "Clicks are not tracked, or none is a person's for certain.",
    }


def test_answers_count_once_a_unit_and_not_in_an_arm_without_messages(store: Engine) -> None:
    with writing(store) as connection:
        registered = fill(connection, [replace(NOTHING, units=3, buyers=0), replace(EMAIL, units=3, buyers=0)])
        watermark(connection, AFTER, *reversed(MAILBOX_WATERMARK))
        messages = list(connection.scalars(select(outbox.c.id).order_by(outbox.c.id)))
        store_events(connection, [_answer(messages[0], 1), _answer(messages[0], 2), _answer(messages[1], 3)])
        store_events(connection, [_answer(messages[2], 4, "email.clicked", verdict="machine")])
        measured = measure(connection, registered, "GBP")
    nothing, email = measured.arms
    assert email.metrics["unsubscribes"] == Proportion(2, of=3)
    assert email.metrics["bounces"] == Proportion(0, of=3)
    assert "clicks" not in email.metrics
    assert "unsubscribes" not in nothing.metrics


def _answer(outbox_id: int, number: int, kind: str = "email.unsubscribed", verdict: str | None = None) -> Event:
    return Event("mailbox", str(number), kind, ORIGIN, ORIGIN, outbox_id=outbox_id, verdict=verdict)


def _outcome_gaps(measured: Measured) -> list[Gap]:
    return [gap for gap in measured.gaps if gap.metric in OUTCOMES]
