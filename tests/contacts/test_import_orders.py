"""Rows that share an order id are one order, taken whole or not at all; cancellations reduce."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from handbill.clock import fixed_clock
from handbill.errors import ImportRefused
from handbill.store.connection import reading
from handbill.store.tables import order_line, orders, source_watermark
from tests.conftest import NOW
from tests.contacts.conftest import Shop

HEADER = "order_id,contact,ordered_at,sku,quantity,price\n"


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """The shop with two contacts."""
    shop.load("contacts", "id,email\n1,ann@example.com\n2,bob@example.com\n")
    return shop


def test_rows_of_one_order_are_one_order_with_lines(shop: Shop) -> None:
    result = shop.load(
        "orders",
        HEADER + "A,1,2026-07-01 09:30,mug,2,4.99\nB,2,2026-07-02,pen,1,0.10\nA,1,2026-07-01 09:29,pen,10,0.10\n",
    )

    assert (result.loaded, result.rejected, dict(result.counts)) == (2, 0, {"lines": 3, "refunds": 0})
    first, second = shop.rows(orders)
    assert first._asdict() == {
        "id": 1, "external_id": "A", "contact_id": 1, "ordered_at": datetime(2026, 7, 1, 8, 29, tzinfo=UTC),
        "received_at": NOW, "total": 10_980_000, "discount": 0, "refund": 0, "cost": None, "currency": "GBP",
        "code": None, "source": "import", "matched_by": None,
    }  # fmt: skip
    assert second.total == 100_000
    lines = {(row.order_id, row.sku, row.quantity, row.price, row.cost) for row in shop.rows(order_line)}
    assert lines == {(1, "mug", 2, 4_990_000, None), (1, "pen", 10, 100_000, None), (2, "pen", 1, 100_000, None)}


def test_an_order_that_comes_again_is_replaced(shop: Shop) -> None:
    shop.load("orders", HEADER + "A,1,2026-07-01,mug,2,5\nA,1,2026-07-01,pen,1,1\n")
    shop.load("orders", HEADER + "A,1,2026-07-01,mug,1,5\n", clock=fixed_clock(NOW + timedelta(days=1)), source="new")

    (row,) = shop.rows(orders)
    assert (row.total, row.received_at, row.source) == (5_000_000, NOW, "import")
    assert [line.quantity for line in shop.rows(order_line)] == [1]


def test_what_a_later_file_has_no_column_for_stays(shop: Shop) -> None:
    shop.load(
        "orders",
        "order_id,email,date,sku,qty,price,line_cost,code,discount\nA,ANN@example.com,2026-07-01,mug,2,5,2,HB7,1\n",
    )
    shop.load("orders", "order_id,email,date,total\nA,ann@example.com,2026-07-01,9.50\n")

    (row,) = shop.rows(orders)
    assert (row.contact_id, row.total, row.cost, row.code, row.discount) == (1, 9_500_000, 4_000_000, "HB7", 1_000_000)
    assert len(shop.rows(order_line)) == 1


def test_a_cancellation_lowers_the_sum_and_is_counted_as_a_refund(shop: Shop) -> None:
    result = shop.load("orders", HEADER + "536379,1,2026-07-01,mug,3,5\nC536379,1,2026-07-02,mug,-1,5\n")

    assert dict(result.counts) == {"lines": 2, "refunds": 1}
    assert [(row.external_id, row.total, row.refund) for row in shop.rows(orders)] == [
        ("536379", 15_000_000, 0),
        ("C536379", -5_000_000, 5_000_000),
    ]
    with reading(shop.engine) as connection:
        assert connection.scalar(select(func.sum(orders.c.total))) == 10_000_000


def test_a_refund_column_lowers_the_total_of_the_lines(shop: Shop) -> None:
    shop.load("orders", "order_id,contact,ordered_at,sku,quantity,price,refund\nA,1,2026-07-01,mug,3,5,5\n")
    (row,) = shop.rows(orders)
    assert (row.total, row.refund) == (10_000_000, 5_000_000)


def test_a_total_of_the_file_is_taken_as_it_is(shop: Shop) -> None:
    shop.load("orders", "id,customer,date,total,cost,refund\nA,1,2026-07-01,12.345678,3,0.5\n")
    (row,) = shop.rows(orders)
    assert (row.total, row.cost, row.refund) == (12_345_678, 3_000_000, 500_000)
    assert shop.rows(order_line) == []


def test_a_cost_that_some_lines_lack_is_unknown(shop: Shop) -> None:
    content = (
        "order_id,contact,ordered_at,sku,quantity,price,line_cost\nA,1,2026-07-01,mug,1,5,2\nA,1,2026-07-01,pen,1,1,\n"
    )
    shop.load("orders", content)
    assert [row.cost for row in shop.rows(orders)] == [None]


def test_an_order_with_a_rejected_row_is_rejected_whole(shop: Shop) -> None:
    result = shop.load("orders", HEADER + "A,1,2026-07-01,mug,1,5\nA,1,2026-07-01,pen,one,5\nB,2,2026-07-01,pen,1,1\n")

    assert (result.loaded, result.rejected) == (1, 2)
    assert [row.external_id for row in shop.rows(orders)] == ["B"]
    assert shop.rejects(result) == [
        '3,rejected,quantity,one,"""one"" is not a whole number. Write it like 42."',
        '2,rejected,order_id,A,"order ""A"" is not whole: row 3 of it is rejected."',
    ]


@pytest.mark.parametrize(
    ("rows", "rejects"),
    [
        ("A,,2026-07-01,mug,1,5\n", ["2,rejected,contact,,the value is missing: the row belongs to no contact."]),
        ("A,9,2026-07-01,mug,1,5\n", ['2,rejected,contact,9,"contact ""9"" is not known. Import the contacts first."']),
        (",1,2026-07-01,mug,1,5\n", ["2,rejected,order_id,,the value is missing."]),
        ("A,1,,mug,1,5\n", ["2,rejected,ordered_at,,the value is missing."]),
        ("A,1,2026-07-01,mug,,5\n",
         ["2,rejected,quantity,,the value is missing: the order has no total without it."]),
        ("A,1,2026-07-01,mug,3000000000,0\n",
         ['2,rejected,quantity,3000000000,"3000000000 is more than 2,147,483,647. Correct it."']),
        ("A,1,2026-07-01,mug,2000000000,5\n",
         ['2,rejected,price,5000000,"quantity times price is more than 1,000,000,000. Correct it."']),
        ("A,1,2026-07-01,mug,1,5\nA,2,2026-07-01,mug,1,5\n",
         ['2,rejected,order_id,A,"the rows of order ""A"" disagree about contact. Make them agree."',
          '3,rejected,order_id,A,"the rows of order ""A"" disagree about contact. Make them agree."']),
    ],
)  # fmt: skip
def test_an_order_that_cannot_be_right_is_rejected(shop: Shop, rows: str, rejects: list[str]) -> None:
    result = shop.load("orders", HEADER + rows)
    assert result.loaded == 0
    assert shop.rejects(result) == rejects
    assert shop.rows(orders) == []


def test_a_foreign_currency_is_rejected(shop: Shop) -> None:
    content = "order_id,contact,ordered_at,total,currency\nA,1,2026-07-01,5,EUR\nB,1,2026-07-01,5,gbp\n"
    result = shop.load("orders", content)
    assert shop.rejects(result) == ["2,rejected,currency,EUR,the project's currency is GBP. Convert the amounts."]
    assert [row.currency for row in shop.rows(orders)] == ["GBP"]


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("order_id,contact,ordered_at", "total or price is --map total"),
        ("order_id,ordered_at,total", "contact, email, code or ship_line1 is --map contact"),
        ("contact,ordered_at,total", "order_id is --map order_id"),
    ],
)
def test_an_order_file_needs_certain_columns(shop_on_paper: Shop, header: str, missing: str) -> None:
    what, option = missing.split(" is ")
    with pytest.raises(ImportRefused) as caught:
        shop_on_paper.load("orders", header + "\n1,1,1\n")
    place = shop_on_paper.folder / "file.csv"
    assert str(caught.value) == f"{place}:1: no column fills {what}. Say which one does: {option}=COLUMN."


def test_columns_that_orders_do_not_have_are_left_out(shop: Shop) -> None:
    result = shop.load("orders", "order_id,contact,ordered_at,total,note\nA,1,2026-07-01,5,hello\n")
    assert result.left_out == ("note",)


def test_the_file_is_complete_up_to_its_newest_order_but_never_beyond_the_present(shop: Shop) -> None:
    shop.load("orders", HEADER + "A,1,2026-11-01,mug,1,5\nB,1,2026-11-02,mug,1,5\n", source="till")
    shop.load("orders", HEADER + "C,1,2027-11-01,mug,1,5\n", source="shop")
    found = {row.source: row.complete_until for row in shop.rows(source_watermark) if row.kind == "orders"}
    assert found == {"till": datetime(2026, 11, 2, tzinfo=UTC), "shop": NOW}
