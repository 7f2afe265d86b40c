"""How a store gets its tables and keeps up with new versions: Alembic, without a configuration file.

Alembic and what it brings take a tenth of a second to load, so only those who upgrade a store do so.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from handbill.errors import StoreUnavailable
from handbill.store.connection import lacks_tables, reading, writing

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine) -> None:
    """Brings the store to this version's tables; does nothing when they are there."""
    from alembic import command  # noqa: PLC0415 - see the top of the module

    with writing(engine) as connection:
        command.upgrade(_config(connection), "head")


def require_current(engine: Engine) -> None:
    """Raises StoreUnavailable when the store's tables are of another version, or missing."""
    found, wanted = _version_of(engine), newest_version()
    if found is None:
        raise StoreUnavailable("the database has no tables of ours. Run `handbill db upgrade`.")
    if found != wanted:
        raise StoreUnavailable(f"the database is at version {found}, not {wanted}. Run `handbill db upgrade`.")


def newest_version() -> str:
    """The version of the tables that this code works with, as the names of the migrations begin."""
    return max(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _version_of(engine: Engine) -> str | None:
    """What Alembic wrote down last; None where it never did."""
    with reading(engine) as connection:
        try:
            found: str | None = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        except DatabaseError as error:
            if lacks_tables(error):
                return None
            raise
    return found


def _config(connection: Connection) -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see the top of the module

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config
