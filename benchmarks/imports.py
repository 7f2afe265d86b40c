"""How many rows a second `handbill import` loads, plain and with addresses, for the first time and again.

Usage: python benchmarks/imports.py [rows] [database URL]; by default 100,000 rows into SQLite.
"""

import csv
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Engine

from handbill.clock import real_clock
from handbill.contacts.imports import import_file
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.settings import Settings
from handbill.store.connection import open_store
from handbill.store.migrate import upgrade

PROJECT = """\
brand: {name: Benchmark, postal_address: 1 Road, website: https://shop.example}
timezone: Europe/London
currency: GBP
fields: {points: integer, tier: text}
"""
LIMITS = {"contacts, plain": 50_000, "contacts with addresses": 8_000}
STREETS = ("Main Street", "North Elm Avenue", "Oak Rd.", "5th Street", "Harbour Drive")
START = datetime(2026, 1, 1, tzinfo=UTC)

Rows = Iterator[tuple[object, ...]]


def plain(count: int) -> Rows:
    """Contacts as a newsletter tool exports them."""
    yield ("external_id", "email", "first_name", "last_name")
    for number in range(count):
        yield number, f"person{number}@mail{number % 50}.example", f"First{number % 500}", f"Last{number % 3000}"


def with_addresses(count: int) -> Rows:
    """Contacts of a shop, with addresses and attributes; every street line is another one."""
    names = ("address_line1", "address_line2", "city", "postcode", "country", "points", "tier")
    yield ("external_id", "email", "first_name", "last_name", *names)
    for number, row in enumerate(plain(count), start=-1):
        if number >= 0:
            street = f"{number} {STREETS[number % 5]}"
            unit = f"Apt {number % 9}" if number % 3 else ""
            zip_code = 2108 + number % 80
            yield (f"a{row[0]}", *row[1:], street, unit, "Boston", f"{zip_code:05}", "US", number % 999, "gold")


def orders(count: int) -> Rows:
    """Orders of four lines each, of the contacts of `plain`."""
    yield ("order_id", "contact", "ordered_at", "sku", "quantity", "price")
    for number in range(count):
        order = number // 4
        at = START + timedelta(minutes=order % 400_000)
        yield f"o{order}", order, at.isoformat(), f"sku{number % 700}", number % 5 + 1, f"{number % 90}.99"


FILES: dict[str, tuple[str, Callable[[int], Rows]]] = {
    "contacts, plain": ("contacts", plain),
    "contacts with addresses": ("contacts", with_addresses),
    "order lines": ("orders", orders),
}


def seconds(engine: Engine, project: Project, kind: str, path: Path) -> float:
    """Wall time of one import."""
    settings = Settings(project.root, "", b"secret of the benchmark")
    started = time.perf_counter()
    import_file(engine, project, settings, kind, path, clock=real_clock)
    return time.perf_counter() - started


def main() -> None:
    """Prints one line a file."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "campaigns.yaml").write_text(PROJECT)
        engine = open_store(sys.argv[2] if len(sys.argv) > 2 else f"sqlite:///{root / 'handbill.db'}")
        upgrade(engine)
        print(f"{count:,} rows into {engine.dialect.name}")
        for name, (kind, rows) in FILES.items():
            path = root / "file.csv"
            with path.open("w", newline="") as file:
                csv.writer(file).writerows(rows(count))
            first, again = (count / seconds(engine, load_project(root), kind, path) for _ in range(2))
            limit = f"   at least {LIMITS[name]:,}/s" if name in LIMITS else ""
            print(f"{name:25} {first:10,.0f} rows/s   again {again:10,.0f} rows/s{limit}")
        engine.dispose()


if __name__ == "__main__":
    main()
