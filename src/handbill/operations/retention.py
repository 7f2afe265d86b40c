"""How what is known about people is forgotten once the project has kept it for as long as it declares."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from handbill.contacts.silent import silent_contacts
from handbill.definitions.project import Project
from handbill.delivery.forgetting import forget_old_messages
from handbill.operations.audit import Action, Doer, note
from handbill.operations.leftovers import FOLDERS
from handbill.operations.privacy import erase_in
from handbill.responses.retention import forget_events, open_since
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.inserts import insert_into
from handbill.store.tables import chore
from handbill.store.wiping import wiping

AT_ONCE = 500
"""Rows a transaction, so that nobody waits long for the database."""
MOST = 20_000
"""Rows of each sort in one go; the rest is done in the next one, some minutes later."""
EVERY = timedelta(days=1)
"""How often whole tables are looked through once there is nothing more to forget."""
DOER = Doer("housekeeping", "schedule")

Forget = Callable[[int], int]
"""Forgets up to so many in a transaction of its own; answers how many."""


def forget_in_time(engine: Engine, project: Project, settings: Settings, *, now: datetime) -> Counter[str]:
    """Forgets what is older than `retention:` says, a bounded number of each sort; answers how many of each."""
    with reading(engine) as connection:
        needed = open_since(connection, now)
        done = {row.name: row.done_at for row in connection.execute(select(chore))}
    counted: Counter[str] = Counter()
    for name, forget in _sorts(engine, project, settings, needed, now):
        if (last := done.get(f"retention {name}")) is not None and timedelta(0) <= now - last < EVERY:
            continue
        counted[name] = _in_parts(forget)
        with writing(engine) as connection:
            if counted[name]:
                note(connection, DOER, Action.FORGET, name, at=now, count=counted[name])
            if counted[name] < MOST:
                _note_done(connection, f"retention {name}", now)
    return +counted


def _sorts(
    engine: Engine, project: Project, settings: Settings, needed: dict[str, datetime], now: datetime
) -> Iterator[tuple[str, Forget]]:
    kept = project.retention
    if kept.events is not None:
        before = min(now - kept.events, *needed.values(), now)
        yield "events", lambda limit: _writing(engine, lambda c: forget_events(c, before, limit=limit))
    if (messages := kept.messages) is not None:
        yield (
            "messages",
            lambda limit: _writing(
                engine, lambda c: forget_old_messages(c, now - messages, needed_by=list(needed), limit=limit)
            ),
        )
    if kept.contacts is not None:
        yield "contacts", _Eraser(engine, settings, now - kept.contacts, sorted(needed), now).erase
    if kept.files is not None:
        period = kept.files
        yield "files", lambda limit: _forget_files(settings, period, limit)


def _in_parts(forget: Forget) -> int:
    count = 0
    while count < MOST and (done := forget(AT_ONCE)):
        count += done
    return count


def _writing(engine: Engine, work: Callable[[Connection], int]) -> int:
    with wiping(engine) as connection:
        return work(connection)


class _Eraser:
    """Erases silent contacts in the order of their numbers; remembers how far it came."""

    def __init__(self, engine: Engine, settings: Settings, since: datetime, needed: list[str], now: datetime) -> None:
        self._engine, self._settings, self._since, self._needed, self._now = engine, settings, since, needed, now
        self._last = 0

    def erase(self, limit: int) -> int:
        """The next ones."""
        with wiping(self._engine) as connection:
            found = silent_contacts(connection, self._since, needed_by=self._needed, after=self._last, limit=limit)
            for contact_id in found:
                erase_in(connection, self._settings, contact_id, now=self._now)
        self._last = max(found, default=self._last)
        return len(found)


def _note_done(connection: Connection, name: str, now: datetime) -> None:
    row = {"name": name, "done_at": now}
    new = insert_into(connection, chore).values(row)
    connection.execute(new.on_conflict_do_update(index_elements=["name"], set_={"done_at": now}))


def _forget_files(settings: Settings, period: timedelta, limit: int) -> int:
    """By the files' own times, which follow the machine's clock."""
    old = time.time() - period.total_seconds()
    count = 0
    for path in _old_files(settings, old):
        if count == limit:
            break
        path.unlink(missing_ok=True)
        count += 1
    return count


def _old_files(settings: Settings, before: float) -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((settings.work_dir / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and path.stat().st_mtime < before:
                yield path
