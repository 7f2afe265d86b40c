"""Where a campaign is rehearsed: a store of its own, copied from one whose tables were made once."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from sqlalchemy import Engine

from handbill.settings import WORK_DIR, Settings
from handbill.store.connection import open_store
from handbill.store.migrate import upgrade

SECRET = b"campaign tests are the same on every machine"
"""Households, and with them draws, follow from the secret; this one guards nothing."""


class Stage:
    """Makes stores for rehearsals; one migration serves them all. Use it as a context: it cleans up at the end."""

    def __init__(self) -> None:
        self._folder = TemporaryDirectory(prefix="handbill-rehearsal-")
        self._template: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Removes everything that rehearsals left behind."""
        self._folder.cleanup()

    @contextmanager
    def empty_store(self) -> Iterator[tuple[Settings, Engine]]:
        """A store with all tables and nobody in it, until the block ends."""
        template = self._made_template()
        with TemporaryDirectory(dir=self._folder.name) as folder:
            path = Path(folder) / WORK_DIR / "handbill.db"
            path.parent.mkdir()
            shutil.copyfile(template, path)
            settings = Settings(Path(folder), f"sqlite:///{path}", SECRET)
            engine = open_store(settings.database_url)
            try:
                yield settings, engine
            finally:
                engine.dispose()

    def _made_template(self) -> Path:
        if self._template is None:
            path = Path(self._folder.name) / "template.db"
            engine = open_store(f"sqlite:///{path}")
            upgrade(engine)
            engine.dispose()
            self._template = path
        return self._template
