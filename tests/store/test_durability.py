"""What the store survives is chosen: the end of a process, or of the power too."""

from pathlib import Path

import pytest

from handbill.definitions.loading import load_project
from handbill.operations.opening import opened
from handbill.store.connection import open_store, reading
from tests.operations.shop import make_project

NORMAL, FULL = 1, 2


@pytest.mark.parametrize(
    ("declared", "synchronous"), [("", NORMAL), ("durability: process", NORMAL), ("durability: power", FULL)]
)
def test_sqlite_waits_for_the_disk_where_the_power_may_fail(tmp_path: Path, declared: str, synchronous: int) -> None:
    make_project(tmp_path, 25)
    file = tmp_path / "campaigns.yaml"
    file.write_text(f"{declared}\n{file.read_text()}")
    assert load_project(tmp_path).durability == ("power" if synchronous == FULL else "process")
    with opened(tmp_path) as (_, _, engine), reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == synchronous


def test_a_store_is_safe_from_the_end_of_a_process_unless_more_is_asked_for(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'handbill.db'}")
    with reading(store) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == NORMAL
    store.dispose()
