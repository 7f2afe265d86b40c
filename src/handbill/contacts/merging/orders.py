"""How orders are merged: rows that share an order id are one order, which is taken whole or not at all.

An order whose total is below zero is a cancellation or a refund: it lowers sums and is not counted as an order.
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    Text,
    case,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    true,
)

from handbill.contacts.merging.guests import SHIPPING, SHIPPING_FIELDS, address_keys, find_guests, guest_reason
from handbill.contacts.merging.kinds import Import, Kind, Merged
from handbill.contacts.merging.lookup import (
    CONTACT_CALLED,
    CONTACT_FIELDS,
    NEEDS_CONTACT,
    contact_columns,
    find_contacts,
    require_contact,
    stranger_reason,
)
from handbill.contacts.merging.staging import COUNTED, Staged, analysed, stage_table
from handbill.contacts.rows.batches import BATCH_ROWS
from handbill.contacts.rows.converted import Converted
from handbill.contacts.rows.layout import FieldSpec, Shape
from handbill.contacts.rows.quarantine import Quarantine
from handbill.definitions.project import Project
from handbill.definitions.words import quoted
from handbill.store.inserts import insert_into
from handbill.store.tables import order_line, orders
from handbill.store.types import UtcTime

HEADER_MONEY = ("total", "discount", "refund", "cost")
LINE = ("sku", "quantity", "price", "line_cost")
_MOST_PIECES = 2**31 - 1
_LARGEST_LINE = 10**15
"""Millionths; thousands of such lines still fit into the store's integers."""

_FIELDS = {
    "order_id": FieldSpec("text", required=True),
    **CONTACT_FIELDS,
    "ordered_at": FieldSpec("time", required=True),
    **{name: FieldSpec("money") for name in HEADER_MONEY},
    "currency": FieldSpec("text"),
    "code": FieldSpec("text"),
    "sku": FieldSpec("text"),
    "quantity": FieldSpec("integer"),
    "price": FieldSpec("money"),
    "line_cost": FieldSpec("money"),
    **SHIPPING_FIELDS,
}
_CALLED = {
    **CONTACT_CALLED,
    "id": "order_id", "order": "order_id", "order_number": "order_id", "order_no": "order_id",
    "invoice": "order_id", "invoice_no": "order_id", "invoice_number": "order_id",
    "date": "ordered_at", "order_date": "ordered_at", "invoice_date": "ordered_at", "created_at": "ordered_at",
    "amount": "total", "coupon": "code", "voucher": "code", "product": "sku", "product_id": "sku",
    "stock_code": "sku", "qty": "quantity", "unit_price": "price", "unit_cost": "line_cost",
}  # fmt: skip

_NEEDS_OWNER = (*NEEDS_CONTACT, "code", SHIPPING[0])
"""What tells whose an order is: the contact, or for guests the code of a piece, or where it goes to."""

lines = stage_table(
    "stage_order_line",
    Column("row", Integer),
    Column("order_id", Text),
    Column("bad", Integer),
    Column("contact", Text),
    Column("email_key", Text),
    Column("address_key", Text),
    Column("ordered_at", BigInteger),
    *(Column(name, BigInteger) for name in HEADER_MONEY),
    Column("code", Text),
    Column("sku", Text),
    Column("quantity", Integer),
    Column("price", BigInteger),
    Column("line_cost", BigInteger),
)
heads = stage_table(
    "stage_order",
    Column("order_id", Text, primary_key=True),
    *contact_columns(),
    Column("address_key", Text),
    Column("matched_by", Text),
    Column("bad_row", Integer),
    Column("disagree", Text),
    Column("ordered_at", BigInteger),
    *(Column(name, BigInteger) for name in HEADER_MONEY),
    Column("code", Text),
)


def order_shape(project: Project) -> Shape:  # noqa: ARG001 - orders have the same fields in every project
    """The fields of an order and of its lines."""
    return Shape(_FIELDS, (("order_id",), _NEEDS_OWNER, ("ordered_at",), ("total", "price")), _CALLED)


def stage_orders(run: Import, converted: Converted, quarantine: Quarantine) -> Staged:
    """The lines. One that is rejected stays with its order's id, because the order is then not whole."""
    return Staged(tuple(lines.columns.keys()), _rows(run, converted, quarantine))


_MADE = frozenset({"row", "bad", "email_key", "address_key"})
"""Columns of `lines` that are no fields of the file."""


def _rows(run: Import, converted: Converted, quarantine: Quarantine) -> Iterator[tuple[Any, ...]]:
    names = [column.name for column in lines.columns if column.name not in _MADE]
    with_total = "total" in run.layout.filled
    columns = [converted.column(name) for name in names]
    others = [converted.column(name) for name in ("email", "currency")]
    empty = (None,) * len(names)
    places = address_keys(converted)
    code = names.index("code")
    order_id, contact, *_, quantity, price, _ = (names.index(each) for each in names)
    for at, (rows, values, (email, currency)) in enumerate(
        zip(converted.rows, zip(*columns, strict=True), zip(*others, strict=True), strict=True)
    ):
        if not values[order_id]:
            continue
        good = at not in converted.bad
        is_guest = not (values[contact] or email) and (values[code] or places[at])
        if good and not is_guest and not require_contact(run, quarantine, rows, values[contact], email):
            good = False
        if good and (wrong := _wrong(run, values[quantity], values[price], currency, with_total=with_total)):
            quarantine.reject(rows, run.layout.source_of(wrong[0]), wrong[1], wrong[2])
            good = False
        if good:
            yield (rows[-1], values[order_id], 0, values[contact], email, places[at], *values[2:])
        else:
            yield (rows[-1], values[order_id], 1, None, *empty)


def merge_orders(connection: Connection, run: Import, quarantine: Quarantine) -> Merged:
    """Brings whole orders into the store; what was known of an order that comes again is replaced."""
    heads.create(connection)
    _gather(connection, run)
    find_contacts(connection, heads)
    find_guests(connection, heads)
    _reject_broken_orders(connection, run, quarantine)
    _upsert(connection, run)
    count = _replace_lines(connection) if "sku" in run.layout.filled else 0
    latest = func.max(heads.c.ordered_at, type_=UtcTime)
    refunds = func.count(case((heads.c.total < 0, 1)))
    loaded, newest, refunded = connection.execute(select(func.count(), latest, refunds).select_from(heads)).one()
    return Merged(loaded, newest, {"lines": count, "refunds": refunded})


def _wrong(
    run: Import, quantity: int | None, price: int | None, currency: str | None, *, with_total: bool
) -> tuple[str, Any, str] | None:
    """Field, value and reason, when a line cannot be added up."""
    if currency and currency.upper() != run.project.currency:
        return "currency", currency, f"the project's currency is {run.project.currency}. Convert the amounts."
    if quantity is not None and abs(quantity) > _MOST_PIECES:
        return "quantity", quantity, f"{quantity} is more than {_MOST_PIECES:,}. Correct it."
    if quantity is None or price is None:
        field = "quantity" if quantity is None else "price"
        return None if with_total else (field, "", "the value is missing: the order has no total without it.")
    if abs(quantity * price) > _LARGEST_LINE:
        return "price", price, "quantity times price is more than 1,000,000,000. Correct it."
    return None


def _gather(connection: Connection, run: Import) -> None:
    """One row an order, of its lines: what it is worth, and where its lines contradict each other."""
    column = lines.c
    worth = cast(func.sum(column.quantity * column.price), BigInteger)
    total: ColumnElement[Any] = func.min(column.total)
    if "total" not in run.layout.filled:
        total = worth - func.coalesce(func.min(column.refund), 0)
    spent = case(
        (func.count(column.line_cost) == func.count(), cast(func.sum(column.quantity * column.line_cost), BigInteger))
    )
    same = ("contact", "email_key", "address_key", "code", *HEADER_MONEY)
    values: dict[str, ColumnElement[Any]] = {
        "order_id": column.order_id,
        "contact": func.min(column.contact),
        "email_key": func.min(column.email_key),
        "address_key": func.min(column.address_key),
        "bad_row": func.min(case((column.bad == 1, column.row))),
        "disagree": case(*((func.min(column[name]) != func.max(column[name]), name) for name in same)),
        "ordered_at": func.min(column.ordered_at),
        "total": total,
        "discount": func.min(column.discount),
        "refund": func.min(column.refund),
        "cost": func.coalesce(spent, func.min(column.cost)),
        "code": func.min(column.code),
    }
    analysed(connection, lines)
    gathered = select(*values.values()).group_by(column.order_id)
    connection.execute(insert(heads).from_select(list(values), gathered))


def _reject_broken_orders(connection: Connection, run: Import, quarantine: Quarantine) -> None:
    """Rejects every row of the orders that have a rejected row, contradict themselves, or belong to nobody we know."""
    head = heads.c
    broken = head.bad_row.is_not(None) | head.disagree.is_not(None) | head.contact_id.is_(None)
    found = connection.execute(
        select(lines.c.row, head.order_id, head.bad_row, head.disagree, head.contact, head.email_key, head.code)
        .join(heads, head.order_id == lines.c.order_id)
        .where(broken, lines.c.bad == 0)
        .order_by(lines.c.row),
        execution_options={"yield_per": BATCH_ROWS},
    )
    for row, order_id, bad_row, disagree, contact, key, code in found:
        order = run.layout.source_of("order_id"), order_id
        if bad_row is not None:
            reason = f"order {quoted(order_id)} is not whole: row {bad_row} of it is rejected."
            quarantine.reject((row,), *order, reason)
        elif disagree:
            field = {"email_key": "email", "address_key": "the address"}.get(disagree, disagree)
            reason = f"the rows of order {quoted(order_id)} disagree about {field}. Make them agree."
            quarantine.reject((row,), *order, reason)
        else:
            known = contact or key
            quarantine.reject((row,), *(stranger_reason(run, contact, key) if known else guest_reason(run, code)))
    connection.execute(delete(heads).where(broken))
    analysed(connection, heads)


def _upsert(connection: Connection, run: Import) -> None:
    head = heads.c
    given_back = case((head.total < 0, -head.total), else_=0)
    values: dict[str, Any] = {
        "external_id": head.order_id,
        "contact_id": head.contact_id,
        "ordered_at": head.ordered_at,
        "received_at": literal(run.now, UtcTime),
        "total": head.total,
        "discount": func.coalesce(head.discount, 0),
        "refund": func.coalesce(head.refund, given_back),
        "cost": head.cost,
        "currency": literal(run.project.currency),
        "code": head.code,
        "source": literal(run.source),
        "matched_by": head.matched_by,
    }
    rows = select(*values.values()).where(true()).order_by(head.ordered_at, head.order_id)
    statement = insert_into(connection, orders).from_select(list(values), rows)
    filled = run.layout.filled
    names = [
        "contact_id",
        "matched_by",
        "ordered_at",
        "total",
        "refund",
        *(name for name in ("discount", "code") if name in filled),
    ]
    if {"cost", "line_cost"} & set(filled):
        names.append("cost")
    new = {name: statement.excluded[name] for name in names}
    connection.execute(statement.on_conflict_do_update(index_elements=["external_id"], set_=new))


def _replace_lines(connection: Connection) -> int:
    mine = select(orders.c.id).join(heads, heads.c.order_id == orders.c.external_id)
    connection.execute(delete(order_line).where(order_line.c.order_id.in_(mine)))
    column = lines.c
    fresh = (
        select(orders.c.id, column.sku, column.quantity, column.price, column.line_cost)
        .select_from(lines.join(heads, heads.c.order_id == column.order_id))
        .join(orders, orders.c.external_id == heads.c.order_id)
        .where(column.sku.is_not(None), column.quantity.is_not(None), column.price.is_not(None))
        .order_by(column.row)
    )
    names = ["order_id", "sku", "quantity", "price", "cost"]
    return connection.execute(insert(order_line).from_select(names, fresh), execution_options=COUNTED).rowcount


ORDERS = Kind(order_shape, lines, stage_orders, merge_orders, (orders, order_line), collapses=False)
