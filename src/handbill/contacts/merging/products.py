"""How products are merged: by their stock-keeping unit, the last row of a file counts."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, Text, delete, func, select, true

from handbill.contacts.merging.kinds import Import, Kind, Merged
from handbill.contacts.merging.properties import properties_of
from handbill.contacts.merging.staging import Staged, stage_table
from handbill.contacts.rows.converted import Converted
from handbill.contacts.rows.layout import FieldSpec, Shape
from handbill.contacts.rows.quarantine import Quarantine
from handbill.definitions.project import Project
from handbill.store.inserts import insert_into
from handbill.store.tables import Json, product

_FIELDS = {
    "sku": FieldSpec("text", required=True),
    "name": FieldSpec("text", required=True),
    "category": FieldSpec("text"),
    "price": FieldSpec("money"),
    "cost": FieldSpec("money"),
    "properties": FieldSpec("json"),
}
_CALLED = {
    "id": "sku", "product_id": "sku", "stock_code": "sku", "title": "name", "description": "name",
    "unit_price": "price", "unit_cost": "cost",
}  # fmt: skip

stage = stage_table(
    "stage_product",
    Column("row", Integer),
    Column("sku", Text),
    Column("name", Text),
    Column("category", Text),
    Column("price", BigInteger),
    Column("cost", BigInteger),
    Column("properties", Json),
)


def product_shape(project: Project) -> Shape:  # noqa: ARG001 - products have the same fields in every project
    """The fields of a product; columns of other names become its properties."""
    return Shape(_FIELDS, (("sku",), ("name",)), _CALLED, open_ended=True)


def stage_products(run: Import, converted: Converted, quarantine: Quarantine) -> Staged:  # noqa: ARG001 - every kind stages alike
    """One row a product."""
    return Staged(tuple(stage.columns.keys()), _rows(run, converted))


def _rows(run: Import, converted: Converted) -> Iterator[tuple[Any, ...]]:
    plain = [converted.column(name) for name in ("sku", "name", "category", "price", "cost")]
    properties = properties_of(run, converted)
    for at in converted.good():
        yield (converted.rows[at][-1], *(column[at] for column in plain), properties[at])


def merge_products(connection: Connection, run: Import, quarantine: Quarantine) -> Merged:  # noqa: ARG001 - every kind merges alike
    """Brings the products into the store; a known one changes where the file has columns."""
    last = select(func.max(stage.c.row)).group_by(stage.c.sku)
    connection.execute(delete(stage).where(stage.c.row.not_in(last)))
    names = [column.name for column in stage.columns if column.name != "row"]
    statement = insert_into(connection, product).from_select(
        names, select(*(stage.c[name] for name in names)).where(true())
    )
    filled = {*run.layout.filled, *(["properties"] if run.layout.extras else [])}
    new = {name: statement.excluded[name] for name in names if name in filled and name != "sku"}
    connection.execute(statement.on_conflict_do_update(index_elements=["sku"], set_=new))
    return Merged(connection.scalar(select(func.count()).select_from(stage)) or 0)


PRODUCTS = Kind(product_shape, stage, stage_products, merge_products)
