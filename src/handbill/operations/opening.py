"""How a project is opened: its declarations, its settings and its store."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine

from handbill.definitions.loading import load_project
from handbill.definitions.policy import Durability
from handbill.definitions.project import Project
from handbill.settings import Settings, load_settings
from handbill.store.connection import database_file, open_store
from handbill.store.migrate import require_current, upgrade


@contextmanager
def opened(project_dir: Path) -> Iterator[tuple[Project, Settings, Engine]]:
    """The project in `project_dir`, its settings and its store, which is closed at the end.

    Raises:
        ProjectInvalid: the declarations have mistakes; all of them are listed.
        StoreUnavailable: the database cannot be reached, or its tables are of another version.
    """
    project = load_project(project_dir)
    settings = load_settings(project_dir)
    with opened_store(settings, safe_from=project.durability) as engine:
        yield project, settings, engine


@contextmanager
def opened_store(settings: Settings, *, safe_from: Durability = "process") -> Iterator[Engine]:
    """The store alone. The SQLite store is made at its first use; any other must have our tables already."""
    engine = open_store(settings.database_url, survives_power=safe_from == "power")
    try:
        if engine.dialect.name == "sqlite" and not ((path := database_file(engine.url)) and path.exists()):
            upgrade(engine)
        require_current(engine)
        yield engine
    finally:
        engine.dispose()


def upgrade_store(settings: Settings) -> None:
    """Gives the store this version's tables."""
    engine = open_store(settings.database_url)
    try:
        upgrade(engine)
    finally:
        engine.dispose()
