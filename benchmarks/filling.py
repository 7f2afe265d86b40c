"""How the seeded set gets straight into a store, past the import: COPY on PostgreSQL, large inserts on SQLite."""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from benchmarks.people import BLOCK, EVENTS_EACH, NOW, ORDERS_EACH, Block, blocks, ids, products
from sqlalchemy import Connection, Engine, Index, Table

from handbill.contacts.addresses import Address, normalise_address
from handbill.contacts.identity import email_hash, household_key, postal_hash
from handbill.store.connection import writing
from handbill.store.tables import attribute_history, consent, contact, event, order_line, orders, product, suppression
from handbill.store.types import to_micros

SECRET = b"secret of the benchmark"
SOURCE = "population"
_TABLES = (contact, attribute_history, consent, suppression, product, orders, order_line, event)
_ADDRESS = ("address_line1", "address_line2", "city", "region", "postcode", "country")
_PENCE = 10_000
_NOWHERE = Address()


def fill_store(engine: Engine, contacts: int = 1_000_000, seed: int = 1, secret: bytes = SECRET) -> None:
    """Puts the set into an empty store that has its tables; afterwards the planner knows how much there is."""
    with writing(engine) as connection, _without_indexes(connection):
        _put(connection, product, _products())
        first_order_line = 0
        for number, block in enumerate(blocks(contacts, seed)):
            first = number * BLOCK
            people = _people(block.contacts, first, secret)
            _put(connection, contact, people)
            _put(connection, attribute_history, _history(block.contacts, first))
            _put(connection, consent, _consents(block))
            _put(connection, suppression, _suppressions(block, secret))
            _put(connection, orders, _orders(block, first))
            _put(connection, order_line, _lines(block, first_order_line))
            first_order_line += len(block.orders)
            _put(connection, event, _events(block, first))
        _count_on(connection)
    with engine.connect() as connection:
        connection.exec_driver_sql("ANALYZE")
        connection.commit()


def _people(people: pa.Table, first: int, secret: bytes) -> dict[str, Any]:
    rows = zip(*(people[name].to_pylist() for name in _ADDRESS), strict=True)
    placed = [normalise_address(*row) if row[0] else _NOWHERE for row in rows]
    keys = [address.address_key for address in placed]
    last_names, emails = people["last_name"].to_pylist(), people["email"].to_pylist()
    own = ids("c:C-", np.arange(first, first + len(people))).to_pylist()
    households = [
        household_key(secret, key, name) if key else alone
        for key, name, alone in zip(keys, last_names, own, strict=True)
    ]
    plain = ("external_id", "email", "phone", "first_name", "last_name", "language", "timezone", *_ADDRESS)
    return {
        "id": np.arange(first + 1, first + 1 + len(people)),
        **{name: people[name] for name in plain},
        "region": [
            address.region or given for address, given in zip(placed, people["region"].to_pylist(), strict=True)
        ],
        "email_key": people["email"],
        "address_key": keys,
        "household_key": households,
        "email_hash": [email_hash(secret, email) for email in emails],
        "postal_hash": [postal_hash(secret, key) if key else None for key in keys],
        "address_problem": [address.problem for address in placed],
        "attributes": _attributes(people),
        "created_at": people["created_at"],
        "updated_at": people["created_at"],
    }


def _attributes(people: pa.Table) -> pa.Array:
    points = pc.binary_join_element_wise('"loyalty_points":', people["loyalty_points"].cast(pa.string()), "")
    tier = pc.binary_join_element_wise('"tier":"', people["tier"], '"', "")
    inner = pc.binary_join_element_wise(pc.fill_null(points, ""), pc.fill_null(tier, ""), ",")
    return pc.binary_join_element_wise("{", pc.utf8_trim(inner, ","), "}", "")


def _history(people: pa.Table, first: int) -> dict[str, Any]:
    """What an import on the day they were added would have noted; a third of the silver and gold were basic before."""
    number = pa.array(np.arange(first + 1, first + 1 + len(people)))
    since = people["created_at"].combine_chunks()
    text = {name: pc.binary_join_element_wise('"', people[name], '"', "") for name in ("email", "tier")}
    rose = pc.and_(pc.equal(pc.bit_wise_and(number, 3), 0), pc.is_in(people["tier"], pa.array(["silver", "gold"])))
    later = pc.add(since, pc.divide(pc.subtract(to_micros(NOW), since), 2))
    started = pc.if_else(rose, '"basic"', text["tier"])
    parts = [
        ("email", number, text["email"], since),
        ("tier", number, started, since),
        ("tier", number.filter(rose.combine_chunks()), text["tier"].filter(rose), later.filter(rose.combine_chunks())),
        ("loyalty_points", number, people["loyalty_points"].cast(pa.string()), since),
    ]
    tables = [
        pa.table({"contact_id": who, "name": pa.repeat(pa.scalar(name), len(who)), "value": value, "from_at": at})
        for name, who, value, at in parts
    ]
    together = pa.concat_tables(tables)
    return _columns(together.filter(together["value"].is_valid()))


def _consents(block: Block) -> dict[str, Any]:
    said = block.consents
    plain = {name: said[name] for name in ("channel", "topic", "state", "at")}
    return {"contact_id": _numbers(said["contact"]), **plain, "source": pa.repeat(pa.scalar(SOURCE), len(said))}


def _suppressions(block: Block, secret: bytes) -> dict[str, Any]:
    said = block.suppressions
    hashes = [email_hash(secret, email) for email in said["email"].to_pylist()]
    plain = {name: said[name] for name in ("channel", "reason", "at")}
    return {**plain, "key_hash": hashes, "source": pa.repeat(pa.scalar(SOURCE), len(said))}


def _products() -> dict[str, Any]:
    catalogue = products()
    return {**_columns(catalogue), **{name: catalogue[name].to_numpy() * _PENCE for name in ("price", "cost")}}


def _orders(block: Block, first: int) -> dict[str, Any]:
    said = block.orders
    worth = {
        "total": pc.multiply(said["price"], said["quantity"]),
        "cost": pc.multiply(said["line_cost"], said["quantity"]),
    }
    heads = (
        pa.table({"order_id": said["order_id"], "contact": said["contact"], "at": said["ordered_at"], **worth})
        .group_by("order_id", use_threads=False)
        .aggregate([("contact", "first"), ("at", "first"), ("total", "sum"), ("cost", "sum")])
    )
    start = first * ORDERS_EACH + 1
    return {
        "id": np.arange(start, start + len(heads)),
        "external_id": heads["order_id"],
        "contact_id": _numbers(heads["contact_first"]),
        "ordered_at": heads["at_first"],
        "received_at": heads["at_first"],
        "total": heads["total_sum"].to_numpy() * _PENCE,
        "cost": heads["cost_sum"].to_numpy() * _PENCE,
        "currency": pa.repeat(pa.scalar("GBP"), len(heads)),
        "source": pa.repeat(pa.scalar(SOURCE), len(heads)),
    }


def _lines(block: Block, lines: int) -> dict[str, Any]:
    said = block.orders
    return {
        "id": np.arange(lines + 1, lines + 1 + len(said)),
        "order_id": _numbers(said["order_id"]),
        "sku": said["sku"],
        "quantity": said["quantity"],
        "price": said["price"].to_numpy() * _PENCE,
        "cost": said["line_cost"].to_numpy() * _PENCE,
    }


def _events(block: Block, first: int) -> dict[str, Any]:
    said = block.events
    inner = pc.binary_join_element_wise('{"category":"', said["category"], '","seconds":', "")
    start = first * EVENTS_EACH + 1
    return {
        "id": np.arange(start, start + len(said)),
        "source": pa.repeat(pa.scalar(SOURCE), len(said)),
        "source_event_id": said["event_id"],
        "kind": said["kind"],
        "contact_id": _numbers(said["contact"]),
        "occurred_at": said["occurred_at"],
        "received_at": said["occurred_at"],
        "properties": pc.binary_join_element_wise(inner, said["seconds"].cast(pa.string()), "}", ""),
    }


def _numbers(external_ids: Any) -> Any:
    """`C-0000042` has the id 43."""
    return pc.add(pc.utf8_slice_codeunits(external_ids, 2).cast(pa.int64()), 1)


def _columns(table: pa.Table) -> dict[str, Any]:
    return {name: table[name] for name in table.column_names}


def _put(connection: Connection, table: Table, columns: dict[str, Any]) -> None:
    names = ", ".join(columns)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        rows = zip(*(_python(column) for column in columns.values()), strict=True)
        connection.connection.cursor().executemany(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)  # noqa: S608 - our own names
        return
    written = io.BytesIO()
    pa.csv.write_csv(pa.table(columns), written, pa.csv.WriteOptions(include_header=False))
    driver: Any = connection.connection.dbapi_connection
    with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN (FORMAT csv)") as copy:
        copy.write(written.getvalue())


def _python(column: Any) -> Sequence[Any]:
    if isinstance(column, (pa.Array, pa.ChunkedArray)):
        column = column.to_numpy(zero_copy_only=False) if isinstance(column, pa.Array) else column.to_numpy()
    return column if isinstance(column, list) else list(column.tolist())


@contextmanager
def _without_indexes(connection: Connection) -> Iterator[None]:
    """Indexes are made at the end, once, and references are right as they are: a third of the time of keeping both."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
    indexes = [index for table in _TABLES for index in sorted(table.indexes, key=_name)]
    for index in indexes:
        index.drop(connection)
    yield
    for index in indexes:
        index.create(connection)


def _name(index: Index) -> str:
    return str(index.name)


def _count_on(connection: Connection) -> None:
    """Lets PostgreSQL's own counting of ids go on behind the last of ours."""
    if connection.dialect.name == "sqlite":
        return
    for table in _TABLES:
        if "id" in table.columns:
            last = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"  # noqa: S608 - our own names
            connection.exec_driver_sql(last)
