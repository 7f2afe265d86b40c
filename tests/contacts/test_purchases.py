from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import Engine, insert

from handbill.contacts.purchases import MOST_ORDERS, add_purchases
from handbill.store.connection import reading, writing
from handbill.store.tables import contact, order_line, orders, product

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def fill(store: Engine) -> None:
    with writing(store) as connection:
        people = [
            {"id": n, "external_id": f"C{n}", "created_at": NOON, "updated_at": NOON, "household_key": f"H{n}"}
            for n in (1, 2)
        ]
        connection.execute(insert(contact), people)
        connection.execute(insert(product), [{"sku": "S1", "name": "Socks", "category": "Wool", "price": 14_500_000}])
        count = MOST_ORDERS + 5
        rows = [
            {
                "id": n, "external_id": f"A{n}", "contact_id": 1, "ordered_at": NOON + timedelta(days=n),
                "received_at": NOON, "total": 29_000_000 + n, "currency": "GBP", "source": "test",
            }
            for n in range(1, count + 1)
        ]  # fmt: skip
        connection.execute(insert(orders), rows)
        lines = [
            {"order_id": count, "sku": "S1", "quantity": 2, "price": 14_500_000},
            {"order_id": count, "sku": "unknown", "quantity": 1, "price": 1_000_000},
            {"order_id": 1, "sku": "S1", "quantity": 1, "price": 1},
        ]
        connection.execute(insert(order_line), lines)


def test_a_contact_has_its_last_orders_with_their_lines_and_products(store: Engine) -> None:
    fill(store)
    profiles: dict[int, dict[str, object]] = {1: {}, 2: {}}
    with reading(store) as connection:
        add_purchases(connection, profiles, ["orders", "products"])
    bought = profiles[1]["uses:orders"]
    assert isinstance(bought, list)
    assert [each["id"] for each in bought] == [f"A{n}" for n in range(25, 5, -1)]
    assert bought[0] == {
        "id": "A25", "ordered_at": NOON + timedelta(days=25), "total": Decimal("29.000025"), "discount": Decimal(0),
        "refund": Decimal(0), "currency": "GBP", "code": None,
        "lines": [
            {"sku": "S1", "quantity": 2, "price": Decimal("14.5"), "total": Decimal(29), "name": "Socks",
             "category": "Wool"},
            {"sku": "unknown", "quantity": 1, "price": Decimal(1), "total": Decimal(1), "name": None, "category": None},
        ],
    }  # fmt: skip
    assert profiles[1]["uses:products"] == [
        {"sku": "S1", "name": "Socks", "category": "Wool", "price": Decimal("14.5")}
    ]
    assert profiles[2] == {"uses:orders": [], "uses:products": []}


def test_nothing_is_added_that_no_template_uses(store: Engine) -> None:
    profiles: dict[int, dict[str, object]] = {1: {}}
    with reading(store) as connection:
        add_purchases(connection, profiles, [])
    assert profiles == {1: {}}
