"""Versions of the store, as Alembic knows them and as every opening asks for them."""

from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Engine

from handbill.errors import StoreUnavailable
from handbill.store.connection import open_store, writing
from handbill.store.migrate import MIGRATIONS, newest_version, require_current


def alembics_scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config)


def test_the_newest_version_is_alembics_own_head() -> None:
    assert newest_version() == alembics_scripts().get_current_head()


def test_the_name_of_each_migration_begins_with_its_version() -> None:
    for script in alembics_scripts().walk_revisions():
        assert script.path.rpartition("/")[2].startswith(f"{script.revision}_")


def test_a_store_of_another_version_says_both_versions(store: Engine) -> None:
    with writing(store) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    with pytest.raises(StoreUnavailable) as caught:
        require_current(store)
    assert str(caught.value) == (f"the database is at version 0001, not {newest_version()}. Run `handbill db upgrade`.")


def test_a_store_whose_version_was_never_written_down_has_no_tables_of_ours(store: Engine) -> None:
    with writing(store) as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    with pytest.raises(StoreUnavailable) as caught:
        require_current(store)
    assert str(caught.value) == "the database has no tables of ours. Run `handbill db upgrade`."


def test_a_file_that_is_no_database_is_said_so_when_its_version_is_asked(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("these are notes, and no database " * 100)
    engine = open_store(f"sqlite:///{tmp_path / 'notes.db'}")
    with pytest.raises(StoreUnavailable, match=r"this file is not a database\. Mend the URL\."):
        require_current(engine)
    engine.dispose()
