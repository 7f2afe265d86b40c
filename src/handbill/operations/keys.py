"""The keys of tokens as people handle them: listed by marks that give nothing away, renewed, forgotten."""

import fcntl
import os
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from handbill.errors import Problem, RunRefused
from handbill.operations.audit import Action, Doer, note
from handbill.settings import KEYS_FILE, SECRET_WORD, Settings, kept_keys
from handbill.store.connection import writing
from handbill.tokens import keyed_hash


def marks_of(settings: Settings) -> list[str]:
    """What each key is called, the one that signs first."""
    return [_mark(key) for key in settings.keys]


def rotate(engine: Engine, settings: Settings, *, now: datetime, doer: Doer) -> str:
    """Makes a new key, which signs from now on; answers its mark. Programs that run already notice.

    It is written down who did it: without that line no key is made.

    Raises:
        RunRefused: the keys are given by the environment, where this program cannot change them.
    """
    new = secrets.token_hex(32)
    mark = _mark(new.encode())
    with writing(engine) as connection:
        note(connection, doer, Action.KEY_ROTATE, mark, at=now)
        _change(settings, lambda words: [new, *words])
    return mark


def retire(engine: Engine, settings: Settings, mark: str, *, now: datetime, doer: Doer) -> None:
    """Forgets a key; it is written down who did it.

    Raises:
        RunRefused: there is no such key, or it is the one that signs.
    """
    signing, *others = marks_of(settings)
    if mark == signing:
        raise RunRefused(Problem(what=f"{mark} is the key that signs.", mend="Run `handbill keys rotate` first."))
    if mark not in others:
        raise RunRefused(Problem(what=f"no key has the mark {mark}.", mend="`handbill keys list` shows them."))

    def without(words: Sequence[str]) -> list[str]:
        return [word for word in words if _mark(settings.secret if word == SECRET_WORD else word.encode()) != mark]

    with writing(engine) as connection:
        note(connection, doer, Action.KEY_RETIRE, mark, at=now)
        _change(settings, without)


def _mark(key: bytes) -> str:
    return keyed_hash(key, "mark", "key")[:8]


def _change(settings: Settings, change: Callable[[Sequence[str]], list[str]]) -> None:
    if settings.given_keys:
        what = "the keys are given by HANDBILL_SIGNING_KEYS."
        raise RunRefused(Problem(what=what, mend="Change them there: the newest first, apart by commas."))
    path = settings.work_dir / KEYS_FILE
    settings.work_dir.mkdir(parents=True, exist_ok=True)
    with (settings.work_dir / f"{KEYS_FILE}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = [
            SECRET_WORD if key == settings.secret else key.decode() for key in kept_keys(str(path), settings.secret)
        ]
        _replace(path, "".join(f"{word}\n" for word in change(words)))


def _replace(path: Path, text: str) -> None:
    """The old file or the new one is there at any moment, and only its owner can read it."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
