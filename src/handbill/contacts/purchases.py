"""What contacts bought last, for templates that show it: their orders, and the products in these."""

from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select

from handbill.store.tables import order_line, orders, product

Purchases = Literal["orders", "products"]

MOST_ORDERS = 20
"""Orders of a contact that a template sees, the newest first."""
_AT_A_TIME = 1_000
_MILLIONTHS = Decimal(1_000_000)


def add_purchases(
    connection: Connection, profiles: Mapping[int, MutableMapping[str, Any]], wanted: Collection[Purchases]
) -> None:
    """Adds to each profile what a template asks for, under `uses:orders` and `uses:products`: no field has such names.

    Orders hold their `lines`, products are those of the lines, each once. Amounts are whole units of the currency as
    Decimal, moments aware UTC datetimes; None stands for what was not imported.
    """
    if not wanted:
        return
    ids = list(profiles)
    for start in range(0, len(ids), _AT_A_TIME):
        some = ids[start : start + _AT_A_TIME]
        bought = _orders(connection, some)
        details = _products(connection, {line["sku"] for each in bought.values() for line in _lines(each)})
        for contact_id in some:
            own = bought.get(contact_id, [])
            for line in _lines(own):
                line |= {name: details.get(line["sku"], {}).get(name) for name in ("name", "category")}
            if "orders" in wanted:
                profiles[contact_id]["uses:orders"] = own
            if "products" in wanted:
                skus = dict.fromkeys(line["sku"] for line in _lines(own))
                profiles[contact_id]["uses:products"] = [details[sku] for sku in skus if sku in details]


def _orders(connection: Connection, contact_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    place = func.row_number().over(
        partition_by=orders.c.contact_id, order_by=(orders.c.ordered_at.desc(), orders.c.id.desc())
    )
    ranked = select(orders, place.label("place")).where(orders.c.contact_id.in_(contact_ids)).subquery()
    rows = connection.execute(
        select(ranked).where(ranked.c.place <= MOST_ORDERS).order_by(ranked.c.contact_id, ranked.c.place)
    ).all()
    lines = _lines_of(connection, [row.id for row in rows])
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(row.contact_id, []).append(
            {
                "id": row.external_id,
                "ordered_at": row.ordered_at,
                "total": _amount(row.total),
                "discount": _amount(row.discount),
                "refund": _amount(row.refund),
                "currency": row.currency,
                "code": row.code,
                "lines": lines.get(row.id, []),
            }
        )
    return found


def _lines_of(connection: Connection, order_ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for start in range(0, len(order_ids), _AT_A_TIME):
        some = order_ids[start : start + _AT_A_TIME]
        chosen = select(order_line).where(order_line.c.order_id.in_(some)).order_by(order_line.c.id)
        for row in connection.execute(chosen):
            price = _amount(row.price)
            line = {"sku": row.sku, "quantity": row.quantity, "price": price, "total": row.quantity * price}
            found.setdefault(row.order_id, []).append(line)
    return found


def _products(connection: Connection, skus: Collection[str]) -> dict[str, dict[str, Any]]:
    wanted = sorted(skus)
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(wanted), _AT_A_TIME):
        some = wanted[start : start + _AT_A_TIME]
        found |= {row.sku: _product(row) for row in connection.execute(select(product).where(product.c.sku.in_(some)))}
    return found


def _product(row: Row[Any]) -> dict[str, Any]:
    price = None if row.price is None else _amount(row.price)
    return {"sku": row.sku, "name": row.name, "category": row.category, "price": price}


def _lines(bought: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    return (line for each in bought for line in each["lines"])


def _amount(millionths: int) -> Decimal:
    return millionths / _MILLIONTHS
