"""What the environment decides: where the database and the project's working files are, and its secret key."""

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

WORK_DIR = ".handbill"
KEYS_FILE = "signing-keys"
SECRET_WORD = "secret"  # noqa: S105 - the word that stands for it, not the secret


@dataclass(frozen=True)
class Settings:
    """Where a project keeps what it makes.

    `secret` is the root of all keyed hashes, and of tokens until their keys are rotated. No key is ever printed.
    """

    project_dir: Path
    database_url: str
    secret: bytes = field(repr=False)
    given_keys: tuple[bytes, ...] = field(default=(), repr=False)

    @property
    def work_dir(self) -> Path:
        """`.handbill/` in the project: database, API server home, print batches, reports."""
        return self.project_dir / WORK_DIR

    @property
    def keys(self) -> tuple[bytes, ...]:
        """Keys of tokens, the newest first: that one signs, all of them read.

        The file is read anew when it changes, so that a service that runs for months knows the links that a campaign
        of this minute carries.
        """
        return self.given_keys or kept_keys(_keys_path(self.project_dir), self.secret)


def load_settings(project_dir: Path) -> Settings:
    """Settings of the project in `project_dir`, from the environment, else from `.handbill/` (made when absent).

    `HANDBILL_DATABASE_URL` names a PostgreSQL database; without it the store is `.handbill/handbill.db`.
    `HANDBILL_SECRET` holds the secret; without it one is made once and kept, readable by its owner only.
    `HANDBILL_SIGNING_KEYS` holds the keys of tokens, the newest first, apart by spaces or commas; the word `secret`
    stands for the secret. Without it they are in the file `.handbill/signing-keys`, in the same form.
    """
    project_dir = project_dir.resolve()
    work_dir = project_dir / WORK_DIR
    url = os.environ.get("HANDBILL_DATABASE_URL") or f"sqlite:///{work_dir / 'handbill.db'}"
    secret = os.environ.get("HANDBILL_SECRET")
    root = secret.encode() if secret else _kept_secret(work_dir)
    return Settings(project_dir, url, root, read_keys(os.environ.get("HANDBILL_SIGNING_KEYS", ""), root))


def read_keys(text: str, secret: bytes) -> tuple[bytes, ...]:
    """The keys in a text, in its order; none in an empty one."""
    words = text.replace(",", " ").split()
    return tuple(secret if word == SECRET_WORD else word.encode() for word in words)


def kept_keys(path: str, secret: bytes) -> tuple[bytes, ...]:
    """The keys in a file; the secret alone where there is none, which is how every project begins."""
    try:
        state = os.stat(path)  # every click asks, and a Path takes five times as long
    except FileNotFoundError:
        return (secret,)
    return _keys_of(path, secret, (state.st_mtime_ns, state.st_size, state.st_ino))


@lru_cache(8)
def _keys_path(project_dir: Path) -> str:
    return str(project_dir / WORK_DIR / KEYS_FILE)


@lru_cache(8)
def _keys_of(path: str, secret: bytes, _state: tuple[int, int, int]) -> tuple[bytes, ...]:
    return read_keys(Path(path).read_text(encoding="utf-8"), secret) or (secret,)


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
