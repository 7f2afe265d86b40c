"""What the environment decides: where the database and the project's working files are, and its secret key."""

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

WORK_DIR = ".handbill"


@dataclass(frozen=True)
class Settings:
    """Where a project keeps what it makes. `secret` is the root of all tokens and keyed hashes; never printed."""

    project_dir: Path
    database_url: str
    secret: bytes = field(repr=False)

    @property
    def work_dir(self) -> Path:
        """`.handbill/` in the project: database, API server home, print batches, reports."""
        return self.project_dir / WORK_DIR


def load_settings(project_dir: Path) -> Settings:
    """Settings of the project in `project_dir`, from the environment, else from `.handbill/` (made when absent).

    `HANDBILL_DATABASE_URL` names a PostgreSQL database; without it the store is `.handbill/handbill.db`.
    `HANDBILL_SECRET` holds the secret; without it one is made once and kept, readable by its owner only.
    """
    project_dir = project_dir.resolve()
    work_dir = project_dir / WORK_DIR
    url = os.environ.get("HANDBILL_DATABASE_URL") or f"sqlite:///{work_dir / 'handbill.db'}"
    secret = os.environ.get("HANDBILL_SECRET")
    return Settings(project_dir, url, secret.encode() if secret else _kept_secret(work_dir))


def _kept_secret(work_dir: Path) -> bytes:
    path = work_dir / "secret"
    if not path.exists():
        work_dir.mkdir(parents=True, exist_ok=True)
        descriptor, draft = tempfile.mkstemp(dir=work_dir, prefix="secret-")  # made with mode 600
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
        # A link, unlike a rename, never replaces the secret that another process has just made.
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        os.unlink(draft)
    return path.read_bytes()
