"""A seeded set of contacts with their orders and events, as files to import, or straight in a store.

python -m benchmarks.population DIR [contacts]          contacts, products, orders… as CSV and Parquet
python -m benchmarks.population --store URL [contacts]  straight into a new store
"""

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from benchmarks.filling import SECRET, fill_store
from benchmarks.people import Block, blocks, products

from handbill.store.connection import open_store
from handbill.store.migrate import upgrade

__all__ = ["PROJECT", "SECRET", "fill_store", "write_files"]

PROJECT = """\
brand: {name: Benchmark, postal_address: 1 Road, website: https://shop.example}
timezone: Europe/London
currency: GBP
fields:
  loyalty_points: integer
  tier: {type: text, one_of: [basic, silver, gold]}
topics: {offers: Offers and news}
"""
"""A campaigns.yaml that declares what the set holds."""

PLAIN = ("external_id", "email", "first_name", "last_name")
_TIMES = ("created_at", "ordered_at", "occurred_at", "at")
_MONEY = ("price", "cost", "line_cost")


def write_files(folder: Path, contacts: int = 1_000_000, seed: int = 1) -> None:
    """Writes NAME.csv and NAME.parquet for each kind, and `plain.*`: contacts with four columns only."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as files:
        writers: dict[str, tuple[Any, Any]] = {}
        for block in blocks(contacts, seed):
            for name, table in _parts(block):
                readable = _readable(table)
                if name not in writers:
                    text = files.enter_context(pa.csv.CSVWriter(folder / f"{name}.csv", readable.schema))
                    parquet = files.enter_context(pq.ParquetWriter(folder / f"{name}.parquet", readable.schema))
                    writers[name] = text, parquet
                for writer in writers[name]:
                    writer.write(readable)
    catalogue = _readable(products())
    pa.csv.write_csv(catalogue, folder / "products.csv")
    pq.write_table(catalogue, folder / "products.parquet")


def _parts(block: Block) -> Iterator[tuple[str, pa.Table]]:
    yield "contacts", block.contacts
    yield "plain", block.contacts.select(PLAIN)
    yield "orders", block.orders
    yield "events", block.events
    yield "consents", block.consents
    yield "suppressions", block.suppressions


def _readable(table: pa.Table) -> pa.Table:
    """Times as times, money in pounds."""
    columns: dict[str, Any] = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        columns[name] = column
        if name in _TIMES:
            columns[name] = column.cast(pa.timestamp("us", "UTC"))
        elif name in _MONEY:
            pence = column.to_numpy().tolist()
            columns[name] = pa.array([Decimal(each).scaleb(-2) for each in pence], pa.decimal128(12, 2))
    return pa.table(columns)


def main() -> None:
    """Writes the files, or fills the store, and says how long that took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("contacts", nargs="?", type=int, default=1_000_000)
    parser.add_argument("--store", metavar="URL")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    started = time.perf_counter()
    if given.store:
        contacts = int(str(given.folder)) if given.folder else given.contacts
        engine = open_store(given.store)
        upgrade(engine)
        fill_store(engine, contacts, given.seed)
        engine.dispose()
    elif given.folder:
        contacts = given.contacts
        write_files(given.folder, contacts, given.seed)
    else:
        parser.error("name a folder, or a store: --store URL")
    print(f"{contacts:,} contacts in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
