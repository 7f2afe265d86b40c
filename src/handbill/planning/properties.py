"""Which orders, lines, messages and events a clause of a segment means, by their properties, as SQL."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Text, cast, exists, func, literal

from handbill.definitions.event_clauses import PRODUCT_PROPERTIES
from handbill.definitions.project import Project
from handbill.definitions.segment import Ago, Comparison, Value, Where
from handbill.planning.attributes import JsonText, Typed, property_value
from handbill.planning.comparisons import Present, holds
from handbill.planning.happenings import (
    CONVERTED,
    LINE,
    ORDER,
    SENT,
    Happenings,
    conversions,
    happenings,
    with_campaigns,
)
from handbill.store.tables import event, order_line, orders, outbox, product, run

Properties = Mapping[str, Typed]

ORDER_COLUMNS: Properties = {
    **{name: Typed(orders.c[name], "money") for name in ("total", "discount", "refund", "cost")},
    "code": Typed(orders.c.code, "text"),
    "source": Typed(orders.c.source, "text"),
}
_OF_PRODUCT: Properties = {
    "product.name": Typed(product.c.name, "text"),
    "product.category": Typed(product.c.category, "text"),
    "product.price": Typed(product.c.price, "money"),
}
LINE_COLUMNS: Properties = {
    "line.quantity": Typed(order_line.c.quantity, "integer"),
    "line.price": Typed(order_line.c.price, "money"),
    "line.amount": Typed(cast(order_line.c.quantity, BigInteger) * order_line.c.price, "money"),
    "line.cost": Typed(cast(order_line.c.quantity, BigInteger) * order_line.c.cost, "money"),
    "product.sku": Typed(order_line.c.sku, "text"),
    **_OF_PRODUCT,
}
_OF_MESSAGE: Properties = {"campaign": Typed(run.c.campaign, "text"), "arm": Typed(outbox.c.arm, "text")}


@dataclass(frozen=True)
class Meant:
    """The rows that a clause means, with `fits` for those whose properties fit, and the property that it asks for."""

    what: Happenings
    fits: tuple[ColumnElement[bool], ...]
    value: Typed | None


def meant(project: Project, kind: str, where: Where, present: Present, asked: str | None = None) -> Meant:
    """The rows of a kind that fit `where`, and their property `asked`.

    Of an order, conditions on lines and products are about one line; where a property of a line is asked for, the
    rows are lines.
    """
    if kind == ORDER and asked not in LINE_COLUMNS:
        of_line = [each for each in where if each[0] in LINE_COLUMNS]
        of_order = [each for each in where if each not in of_line]
        fits = _fits(of_order, ORDER_COLUMNS, present)
        if of_line:
            fits.append(_has_line(of_line, present))
        return Meant(happenings(ORDER), tuple(fits), ORDER_COLUMNS[asked] if asked else None)
    what, columns = _rows(project, kind, {name for name, _ in where} | ({asked} if asked else set()))
    value = (columns.get(asked) or _in_document(asked, ())) if asked else None
    return Meant(what, tuple(_fits(where, columns, present)), value)


def number_meant(project: Project, of: str, where: Where, present: Present) -> tuple[Meant, Typed]:
    """The rows of `order.total`, `line.amount` or `page_view.seconds` that fit, and that number of each."""
    kind, _, name = of.rpartition(".")
    if kind == LINE:
        column = LINE_COLUMNS[f"{LINE}.{name}"]
        # Numbers are compared with fractions too.
        return meant(project, LINE, where, present), replace(column, type="money" if name != "quantity" else "number")
    found = meant(project, kind, where, present)
    return found, ORDER_COLUMNS[name] if kind == ORDER else property_value(event.c.properties, name, 0)


def _rows(project: Project, kind: str, names: set[str]) -> tuple[Happenings, Properties]:
    """The rows, joined with what the names need, and those of their properties that are columns."""
    if kind in CONVERTED:
        what, columns = conversions(project, kind)
        return what, {name: Typed(columns.c[name], "text") for name in _OF_MESSAGE}
    if kind in (ORDER, LINE):
        return happenings(LINE), {**ORDER_COLUMNS, **LINE_COLUMNS}
    what = happenings(kind)
    is_ours = kind.partition(".")[0] in ("email", "direct_mail")
    if is_ours and names & _OF_MESSAGE.keys():
        what = with_campaigns(what)
    if kind in SENT:
        return what, _OF_MESSAGE
    if names & PRODUCT_PROPERTIES.keys():
        what = replace(what, rows=what.rows.outerjoin(product, product.c.sku == _text("sku")))
    of_event = {"product.sku": Typed(_text("sku"), "text"), **_OF_PRODUCT}
    of_ours = {**_OF_MESSAGE, "link": Typed(func.coalesce(_text("link"), _text("url"), type_=Text()), "text")}
    return what, {**of_event, **of_ours} if is_ours else of_event


def _fits(where: Iterable[tuple[str, tuple[Comparison, ...]]], columns: Properties, present: Present) -> list[Any]:
    return [holds(columns.get(name) or _in_document(name, compared), compared, present) for name, compared in where]


def _has_line(where: Iterable[tuple[str, tuple[Comparison, ...]]], present: Present) -> ColumnElement[bool]:
    """Whether some line of the order fits all conditions."""
    lines = order_line.outerjoin(product, product.c.sku == order_line.c.sku)
    own = order_line.c.order_id == orders.c.id
    return exists().select_from(lines).where(own, *_fits(where, LINE_COLUMNS, present)).correlate(orders)


def _in_document(name: str, comparisons: tuple[Comparison, ...]) -> Typed:
    return property_value(event.c.properties, name, _sample(comparisons))


def _text(name: str) -> ColumnElement[str]:
    return JsonText(event.c.properties, literal(f'$."{name}"', Text), literal(name, Text))


def _sample(comparisons: tuple[Comparison, ...]) -> Value | None:
    """What an event's property is compared with; it says of which type the property is."""
    for operand in (each.operand for each in comparisons if each.operand is not None):
        sample = operand[0] if isinstance(operand, tuple) else operand
        return 0 if isinstance(sample, Ago) or not isinstance(sample, (str, int)) else sample
    return None
