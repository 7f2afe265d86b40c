"""How a store gets its tables and keeps up with new versions: Alembic, without a configuration file."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine

from handbill.errors import StoreUnavailable
from handbill.store.connection import reading, writing

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine) -> None:
    """Brings the store to this version's tables; does nothing when they are there."""
    with writing(engine) as connection:
        command.upgrade(_config(connection), "head")


def require_current(engine: Engine) -> None:
    """Raises StoreUnavailable when the store's tables are of another version, or missing."""
    with reading(engine) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    wanted = ScriptDirectory.from_config(_config(None)).get_current_head()
    if found is None:
        raise StoreUnavailable("the database has no tables of ours. Run `handbill db upgrade`.")
    if found != wanted:
        raise StoreUnavailable(f"the database is at version {found}, not {wanted}. Run `handbill db upgrade`.")


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
