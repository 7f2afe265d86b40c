"""Rows that other systems send: the same rules as for files, and an answer for every row that cannot be loaded."""

from datetime import timedelta
from typing import Any

import pytest

from handbill.contacts.posted import Finding, Posted, load_rows
from handbill.store.tables import contact, event, order_line, orders, source_watermark
from tests.conftest import NOW
from tests.contacts.conftest import Shop

ANN: dict[str, Any] = {"external_id": "1", "email": "ann@example.org", "first_name": "Ann", "points": 5}
VIEW: dict[str, Any] = {"event_id": "e1", "kind": "page_view", "contact": "1", "occurred_at": "2026-11-30T10:00:00Z"}
EVENT_FIELDS = "event_id, kind, contact, email, occurred_at, verdict or properties"
PEN: dict[str, Any] = {"sku": "pen", "quantity": 1, "price": 1}
ORDER: dict[str, Any] = {
    "order_id": "A",
    "contact": "1",
    "ordered_at": "2026-11-30T10:00:00Z",
    "lines": [{"sku": "mug", "quantity": 2, "price": "4.99"}, {"sku": "pen", "quantity": 10, "price": 0.1}],
}


def post(shop: Shop, kind: str, *rows: Any, **options: Any) -> Posted:
    options = {"now": NOW, "source": "till", **options}
    return load_rows(shop.engine, shop.project, shop.settings, kind, rows, **options)


def test_a_contact_comes_in_with_the_projects_own_fields(shop: Shop) -> None:
    assert post(shop, "contacts", ANN) == Posted(1, 1, None, (), ())
    (row,) = shop.rows(contact)
    assert (row.external_id, row.email_key, row.attributes) == ("1", "ann@example.org", {"points": 5})


def test_what_a_contacts_row_leaves_out_stays_and_null_empties(shop: Shop) -> None:
    post(shop, "contacts", ANN, ANN | {"external_id": "2", "email": "ben@example.org"})
    answer = post(shop, "contacts", {"external_id": "1", "last_name": "Lee"}, {"external_id": "2", "points": None})
    assert answer.accepted == 2
    ann, ben = shop.rows(contact)
    assert (ann.first_name, ann.last_name, ann.email_key, ann.attributes) == (
        "Ann",
        "Lee",
        "ann@example.org",
        {"points": 5},
    )
    assert (ben.first_name, ben.attributes) == ("Ann", {})


def test_an_event_twice_is_stored_once(shop: Shop) -> None:
    post(shop, "contacts", ANN)
    assert post(shop, "events", VIEW, VIEW) == Posted(2, 2, 1, (), ())
    assert post(shop, "events", VIEW) == Posted(1, 1, 0, (), ())
    (row,) = shop.rows(event)
    assert (row.source, row.source_event_id, row.kind, row.contact_id) == ("till", "e1", "page_view", 1)


def test_an_event_without_an_id_is_known_by_what_it_says(shop: Shop) -> None:
    post(shop, "contacts", ANN)
    nameless = {name: value for name, value in VIEW.items() if name != "event_id"} | {"properties": {"page": "/mugs"}}
    assert [post(shop, "events", nameless).new, post(shop, "events", nameless).new] == [1, 0]
    assert shop.rows(event)[0].properties == {"page": "/mugs"}


def test_an_order_comes_with_its_lines(shop: Shop) -> None:
    post(shop, "contacts", ANN)
    assert post(shop, "orders", ORDER) == Posted(1, 1, None, (), ())
    (order,) = shop.rows(orders)
    assert (order.external_id, order.total, order.source) == ("A", 10_980_000, "till")
    assert [(line.sku, line.quantity, line.price) for line in shop.rows(order_line)] == [
        ("mug", 2, 4_990_000),
        ("pen", 10, 100_000),
    ]


def test_orders_with_and_without_lines_come_together(shop: Shop) -> None:
    post(shop, "contacts", ANN)
    plain = {"order_id": "B", "contact": "1", "ordered_at": "2026-11-30", "total": "12.50", "code": None}
    assert post(shop, "orders", plain, ORDER).accepted == 2
    assert {row.external_id: row.total for row in shop.rows(orders)} == {"A": 10_980_000, "B": 12_500_000}


@pytest.mark.parametrize(
    ("kind", "row", "field", "reason"),
    [
        ("events", 42, "", "a row is an object with named fields."),
        ("events", VIEW | {"kind": ""}, "kind", "kind is missing."),
        ("events", VIEW | {"contact": None}, "", "contact or email is missing."),
        ("events", VIEW | {"contact": "9"}, "contact", 'contact "9" is not known. Import the contacts first.'),
        ("events", VIEW | {"occurred_at": "soon"}, "occurred_at",
         '"soon" is not a time. Write it like 2026-12-01 09:00.'),
        ("events", VIEW | {"knd": 1}, "knd",
         f'field "knd" is not known. Use {EVENT_FIELDS}. Did you mean "kind"?'),
        ("contacts", {"email": "ann"}, "email", '"ann" is not an e-mail address. Write it like ann@example.com.'),
        ("contacts", {"points": 3}, "", "external_id, email or address_line1 is missing."),
        ("contacts", ANN | {"points": 1.5}, "points", '"1.5" is not a whole number. Write it like 42.'),
        ("orders", ORDER | {"lines": 3}, "lines", "this is no list of at most 1,000 lines."),
        ("orders", ORDER | {"lines": [3]}, "lines[0]", "a line is an object with named fields."),
        ("orders", ORDER | {"lines": [{"sku": "mug", "amount": 2}]}, "lines[0].amount",
         'field "amount" is not known. Use sku, quantity, price or cost.'),
        ("orders", ORDER | {"lines": [PEN, PEN | {"quantity": "x"}]},
         "lines[1].quantity", '"x" is not a whole number. Write it like 42.'),
        ("orders", ORDER | {"lines": [PEN, {"sku": "mug", "quantity": 1}]},
         "lines[1].price", "the value is missing: the order has no total without it."),
        ("orders", {"order_id": "A", "contact": "1", "ordered_at": "2026-11-30", "total": None}, "",
         "total or price is missing."),
        ("orders", ORDER | {"currency": "USD"}, "currency", "the project's currency is GBP. Convert the amounts."),
    ],
)  # fmt: skip
def test_a_bad_row_is_answered_and_the_others_load(shop: Shop, kind: str, row: Any, field: str, reason: str) -> None:
    post(shop, "contacts", ANN)
    good = {"contacts": ANN, "events": VIEW | {"event_id": "good"}, "orders": ORDER | {"order_id": "good"}}[kind]
    answer = post(shop, kind, good, row, good | {"order_id": "C"} if kind == "orders" else good)
    assert answer.rejected == (Finding(1, field, reason),)
    assert (answer.received, answer.accepted) == (3, 2)


def test_an_order_twice_in_a_batch_is_taken_once(shop: Shop) -> None:
    post(shop, "contacts", ANN)
    answer = post(shop, "orders", ORDER, ORDER)
    assert answer.rejected == (Finding(1, "order_id", "the order is twice in this batch. Send it once."),)
    assert len(shop.rows(orders)) == 1


def test_what_is_wrong_with_a_contact_that_is_kept_is_a_remark(shop: Shop) -> None:
    address = {"address_line1": "1 Harbour Street", "city": "Whitby", "postcode": "nonsense", "country": "GB"}
    answer = post(shop, "contacts", ANN | address)
    assert (answer.accepted, answer.rejected) == (1, ())
    (remark,) = answer.remarks
    assert (remark.row, remark.field) == (0, "address_line1")
    assert remark.reason.endswith("The contact is kept.")


def test_a_source_is_complete_only_until_where_it_says_so(shop: Shop) -> None:
    post(shop, "contacts", ANN)
    post(shop, "orders", ORDER)
    assert shop.rows(source_watermark) == []
    post(shop, "orders", complete_until=NOW - timedelta(hours=1))
    post(shop, "orders", complete_until=NOW - timedelta(hours=2))
    (row,) = shop.rows(source_watermark)
    assert (row.kind, row.source, row.complete_until) == ("orders", "till", NOW - timedelta(hours=1))


def test_a_value_nested_too_deep_is_rejected(shop: Shop) -> None:
    post(shop, "contacts", ANN)
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    answer = post(shop, "events", VIEW | {"properties": deep})
    reason = "it is nested more than 32 deep. Make it flatter."
    assert answer.rejected == (Finding(0, "properties", reason),)


def test_a_name_of_a_field_as_long_as_the_request_is_answered_short(shop: Shop) -> None:
    answer = post(shop, "events", {"x" * 900_000: 1})
    assert len(answer.rejected[0].field) + len(answer.rejected[0].reason) < 300
