"""The store is the same on both databases."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, func, insert, literal, make_url, select, text

from handbill.errors import StoreUnavailable
from handbill.store.connection import database_file, keep_few_pages, open_store, reading, writing
from handbill.store.draw import Fraction, unit_fraction
from handbill.store.migrate import require_current, upgrade
from handbill.store.tables import contact, metadata, rate_bucket
from tests.conftest import NOW


def test_the_migrations_make_exactly_the_declared_tables(store: Engine) -> None:
    def is_for_this_database(declared: Any, *_: object) -> bool:
        only = getattr(declared, "_ddl_if", None)  # set by `ddl_if`, which Alembic does not ask
        return only is None or only.dialect == store.dialect.name

    with store.connect() as connection:
        opts = {"compare_server_default": False, "include_object": is_for_this_database}
        assert compare_metadata(MigrationContext.configure(connection, opts=opts), metadata) == []


def test_an_upgraded_store_is_current(store: Engine) -> None:
    upgrade(store)
    require_current(store)


def test_a_store_without_tables_says_which_command_makes_them(database_url: str) -> None:
    engine = open_store(database_url)
    with pytest.raises(StoreUnavailable) as caught:
        require_current(engine)
    assert str(caught.value) == "the database has no tables of ours. Run `handbill db upgrade`."
    with pytest.raises(StoreUnavailable, match="the database has no tables of ours"), reading(engine) as connection:
        connection.execute(select(contact))
    engine.dispose()


def test_a_failed_transaction_keeps_nothing(store: Engine) -> None:
    bucket = insert(rate_bucket).values(name="email", tokens=1.5, filled_at=NOW)
    with pytest.raises(ZeroDivisionError), writing(store) as connection:
        connection.execute(bucket)
        _ = 1 / 0
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(rate_bucket)) == 0


def test_times_come_back_aware_and_exact(store: Engine) -> None:
    with writing(store) as connection:
        connection.execute(insert(rate_bucket).values(name="email", tokens=1.5, filled_at=NOW))
        assert connection.scalar(select(rate_bucket.c.filled_at)) == NOW


def test_the_draw_is_the_same_in_python_and_in_the_database(store: Engine) -> None:
    units = ["N-000042", "Ζωή", "x" * 300, ""]
    with reading(store) as connection:
        drawn = [connection.scalar(select(Fraction("spring-2026", literal(unit)))) for unit in units]
    assert drawn == [unit_fraction("spring-2026", unit) for unit in units]


def test_a_locked_database_is_said_in_one_line(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'locked.db'}"
    engine, other = open_store(url), open_store(url, lock_wait=timedelta(0))
    upgrade(engine)
    with writing(engine), pytest.raises(StoreUnavailable) as caught, writing(other):
        pass
    assert str(caught.value).endswith("the database is locked by another program. Stop it, or try again later.")
    engine.dispose()
    other.dispose()


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:////srv/shop.db", "/srv/shop.db"),
        ("sqlite:///shop.db", "shop.db"),
        ("sqlite:///file:/srv/my%20shop.db?mode=ro&uri=true", "/srv/my shop.db"),
        ("sqlite:///file:shop.db?uri=true", "shop.db"),
        ("sqlite:///file:shop.db", "file:shop.db"),
    ],
)
def test_the_file_of_a_database_is_known_from_its_url(url: str, file: str) -> None:
    assert database_file(make_url(url)) == Path(file)


@pytest.mark.parametrize(
    "url",
    ["sqlite://", "sqlite:///:memory:", "sqlite:///file:shop?mode=memory&uri=true", "postgresql://shop@localhost/shop"],
)
def test_a_database_in_memory_or_on_a_server_has_no_file(url: str) -> None:
    assert database_file(make_url(url)) is None


def test_whoever_needs_few_pages_keeps_few(tmp_path: Path) -> None:
    engine = open_store(f"sqlite:///{tmp_path / 'shop.db'}")
    kept = []
    for _ in range(3):
        with reading(engine) as connection:
            kept.append(connection.scalar(text("PRAGMA cache_size")))
        keep_few_pages(engine)
    assert kept == [-65536, -8192, -8192]
    engine.dispose()


def test_what_is_in_memory_stays_there() -> None:
    engine = open_store("sqlite://")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE shop (name TEXT)"))
    keep_few_pages(engine)
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM shop")) == 0
    engine.dispose()


def test_only_the_folder_of_the_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    open_store(f"sqlite:///file:{tmp_path}/folder/shop.db?uri=true").dispose()
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "the database URL cannot be read. Write it like postgresql://user@host/name."),
        ("mysql://localhost/shop", 'database "mysql" is not known. Use sqlite or postgresql.'),
    ],
)
def test_an_unusable_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        open_store(url)
    assert str(caught.value) == message


def test_an_unreachable_server_is_said_in_one_line_without_the_password() -> None:
    engine = open_store("postgresql://shop:s3cret@127.0.0.1:1/shop")
    with pytest.raises(StoreUnavailable) as caught, reading(engine):
        pass
    assert "the database cannot be reached" in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_postgresql_has_room_to_group_a_million_contacts(postgres_database: str) -> None:
    engine = open_store(postgres_database)
    with reading(engine) as connection:
        assert connection.scalar(text("SHOW work_mem")) == "64MB"
        assert connection.scalar(text("SHOW jit")) == "off"
    engine.dispose()


def test_two_that_wait_for_each_other_are_told_apart_and_what_to_do(postgres_database: str) -> None:
    engine = open_store(postgres_database)
    with writing(engine) as connection:
        connection.exec_driver_sql("CREATE TABLE pair (id int, seen int)")
        connection.exec_driver_sql("INSERT INTO pair VALUES (1, 0), (2, 0)")
    see = text("UPDATE pair SET seen = seen + 1 WHERE id = :id")
    both_hold_one = threading.Barrier(2)

    def take(first: int, second: int) -> str:
        try:
            with writing(engine) as connection:
                connection.execute(see, {"id": first})
                both_hold_one.wait(timeout=30)
                connection.execute(see, {"id": second})
        except StoreUnavailable as problem:
            return str(problem)
        return "done"

    with ThreadPoolExecutor() as pool:
        said = sorted(pool.map(take, (1, 2), (2, 1)))
    place = engine.url.render_as_string(hide_password=True)
    assert said == sorted(
        ["done", f"{place}: two programs waited for each other, and this one was stopped. Do it again."]
    )
    engine.dispose()


def test_a_connection_that_was_cut_while_nobody_used_it_is_replaced(
    postgres_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handbill.store.connection.IDLE_S", 0.0)
    ours, others = open_store(postgres_database), open_store(postgres_database)
    with reading(ours) as connection:
        number = connection.scalar(text("SELECT pg_backend_pid()"))
    with writing(others) as connection:
        connection.execute(text("SELECT pg_terminate_backend(:number, 10000)"), {"number": number})
    with reading(ours) as connection:
        assert connection.scalar(text("SELECT pg_backend_pid()")) != number
    ours.dispose()
    others.dispose()


def test_a_connection_that_is_cut_in_use_says_that_the_database_is_away(postgres_database: str) -> None:
    ours, others = open_store(postgres_database), open_store(postgres_database)
    with pytest.raises(StoreUnavailable, match="the database cannot be reached"), reading(ours) as connection:
        number = connection.scalar(text("SELECT pg_backend_pid()"))
        with writing(others) as another:
            another.execute(text("SELECT pg_terminate_backend(:number, 10000)"), {"number": number})
        connection.scalar(text("SELECT 1"))
    with reading(ours) as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    ours.dispose()
    others.dispose()
