"""A small project over each store, and files to import into it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Row, Table, select

from handbill.clock import fixed_clock
from handbill.contacts.imports import ImportResult, import_file
from handbill.contacts.rows.query import Query
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.settings import Settings
from handbill.store.connection import open_store, reading
from tests.conftest import NOW

CAMPAIGNS = """\
brand: {name: Northwind, postal_address: 1 Harbour Street, website: https://shop.example}
timezone: Europe/London
currency: GBP
fields:
  points: integer
  score: number
  vip: boolean
  birthday: date
  last_visit: time
  tier: {type: text, one_of: [basic, silver, gold]}
topics: {offers: Offers and news, events: Invitations}
"""


@dataclass(frozen=True)
class Shop:
    """A project and its store."""

    engine: Engine
    project: Project
    settings: Settings
    folder: Path

    def load(self, kind: str, content: str, *, name: str = "file.csv", **options: Any) -> ImportResult:
        """Imports a file with this content."""
        path = self.folder / name
        path.write_text(content, encoding="utf-8")
        return self.load_file(kind, path, **options)

    def load_file(self, kind: str, path: Path | Query, **options: Any) -> ImportResult:
        """Imports a file."""
        options.setdefault("clock", fixed_clock(NOW))
        return import_file(self.engine, self.project, self.settings, kind, path, **options)

    def rows(self, *what: Table | Column[Any]) -> list[Row[Any]]:
        """Everything in a table, or in some columns of it, in the order of its rows."""
        with reading(self.engine) as connection:
            statement = select(*what)
            return list(connection.execute(statement.order_by(*statement.selected_columns[:1])))

    def rejects(self, result: ImportResult) -> list[str]:
        """The lines of the quarantine file below its header."""
        assert result.quarantine
        return result.quarantine.read_text(encoding="utf-8-sig").splitlines()[1:]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project with a few fields of its own."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "campaigns.yaml").write_text(CAMPAIGNS)
    return load_project(root)


@pytest.fixture
def shop_on_paper(project: Project, sqlite_template: Path, tmp_path: Path) -> Iterator[Shop]:
    """The project over SQLite alone: for what is decided before any row reaches the store."""
    shutil.copy(sqlite_template, tmp_path / "paper.db")
    engine = open_store(f"sqlite:///{tmp_path / 'paper.db'}")
    yield _shop(engine, project, tmp_path)
    engine.dispose()


@pytest.fixture
def shop(store: Engine, project: Project, tmp_path: Path) -> Shop:
    """The project over a store on each database in turn."""
    return _shop(store, project, tmp_path)


def _shop(engine: Engine, project: Project, folder: Path) -> Shop:
    files = folder / "files"
    files.mkdir()
    return Shop(engine, project, Settings(project.root, "", b"a secret of tests"), files)
