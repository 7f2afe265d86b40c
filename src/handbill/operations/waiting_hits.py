"""Where hits wait on disk while the store cannot be reached, so that what was answered is never forgotten."""

import fcntl
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

from handbill.responses.classify import Hit
from handbill.responses.hits import Arrived

_NEW = "new"
_TAKEN = "taken-"
_AT_ONCE = 1_000


class WaitingHits:
    """A folder with one file that grows, and files that somebody is taking over; made when it is needed first."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, hits: Sequence[Arrived]) -> None:
        """Puts hits on the disk before it returns.

        Raises:
            OSError: the disk does not take them.
        """
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            with (self._folder / _NEW).open("a", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not self._is_growing(file.fileno()):  # somebody took it over while we waited for the lock
                    continue
                file.write("".join(f"{json.dumps(_written(each))}\n" for each in hits))
                file.flush()
                os.fsync(file.fileno())
                return

    def take(self, store: Callable[[Sequence[Arrived]], None]) -> int:
        """Hands over all hits that wait, and forgets them when `store` has them; answers how many.

        Killed in between, it hands them over again: each has a name, so that none is stored twice.
        """
        if not self._folder.exists():
            return 0
        self._claim()
        taken = 0
        for path in sorted(self._folder.glob(f"{_TAKEN}*")):
            with path.open(encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                hits = [_read(line) for line in file if line.endswith("\n")]
                for start in range(0, len(hits), _AT_ONCE):
                    store(hits[start : start + _AT_ONCE])
                path.unlink(missing_ok=True)
                taken += len(hits)
        with suppress(OSError):  # more came meanwhile
            self._folder.rmdir()
        return taken

    def _is_growing(self, descriptor: int) -> bool:
        with suppress(FileNotFoundError):
            return os.fstat(descriptor).st_ino == (self._folder / _NEW).stat().st_ino
        return False

    def _claim(self) -> None:
        """Gives the growing file another name, under its lock, so that nobody writes to it any more."""
        new = self._folder / _NEW
        with suppress(FileNotFoundError), new.open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            new.rename(self._folder / f"{_TAKEN}{uuid4().hex}")


def _written(each: Arrived) -> dict[str, Any]:
    return {**asdict(each), "hit": {**asdict(each.hit), "at": each.hit.at.isoformat()}}


def _read(line: str) -> Arrived:
    said = json.loads(line)
    hit = Hit(**{**said["hit"], "at": datetime.fromisoformat(said["hit"]["at"])})
    return Arrived(said["name"], hit, said["outbox_id"], said["target"])
