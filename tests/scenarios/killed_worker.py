"""What a process does that is going to be killed: the same steps as `handbill run`, with leases of a second."""

import resource
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.event import listen

from handbill.clock import Clock, fixed_clock, real_clock
from handbill.definitions.loading import load_project
from handbill.delivery.deliver import drain
from handbill.delivery.leases import Terms, holding, machine_time
from handbill.delivery.worker import Worker
from handbill.errors import Mendable, NothingToDo
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.settings import Settings
from handbill.store.connection import open_store
from tests.conftest import NOW
from tests.operations.shop import SECRET

BRIEF = Terms(claim=timedelta(seconds=1), commit=timedelta(seconds=1))


@dataclass(frozen=True)
class Place:
    """Where a worker is at work.

    Workers with one `home` are on one machine, and see at once when the other is gone; between machines only leases
    tell. The clocks of all read their leaps, in days, from the file `leaps`: that of schedules, and the machine's.
    """

    root: Path
    home: Path
    store_url: str
    leaps: Path


def work(place: Place, *, may_grow: bool = True) -> None:
    """Starts or takes up the run of the campaign `spring`, sends what is due, and closes the run.

    Unless SQLite's file `may_grow`, the database is full.
    """
    engine = open_store(place.store_url)
    if not may_grow:
        listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count = 1"))  # no more than it has
    project = load_project(place.root)
    clock = _schedule_clock(place.leaps)
    try:
        run_id = start_run(engine, project, "spring", clock=clock).run_id
    except NothingToDo:
        return
    settings = Settings(place.home, place.store_url, SECRET)
    with holding(settings) as owner:
        worker = Worker(owner, clock, lambda connection: _machine_time(connection, place.leaps), BRIEF)
        drain(engine, project, settings, run_id, worker)
    finish_run(engine, run_id, clock=clock)
    engine.dispose()


def work_and_tell(
    place: Place, told: "Pipe[str, str]", largest_file: int | None = None, *, may_grow: bool = True
) -> None:
    """Works, and tells at its end what stood in the way; nothing, if nothing did.

    With `largest_file` no file may grow beyond so many bytes: the disk is full.
    """
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    try:
        work(place, may_grow=may_grow)
    except Mendable as problem:
        told.send(str(problem))
    else:
        told.send("")


def run_spring(root: Path, store_url: str, ready: "Pipe[str, str]") -> None:
    """The whole of `handbill run spring`, seed copies and all."""
    clock = fixed_clock(NOW)
    engine = open_store(store_url)
    project = load_project(root)
    ready.send("ready")
    run_id = start_run(engine, project, "spring", clock=clock).run_id
    drain_run(engine, project, Settings(root, store_url, SECRET), run_id, clock=clock)
    finish_run(engine, run_id, clock=clock)
    engine.dispose()


def leap(place: Path, *, schedule: float = 0, machine: float = 0) -> None:
    """Sets the clocks of all workers so many days forward, or back."""
    draft = place.with_suffix(".draft")
    draft.write_text(f"{schedule} {machine}")
    draft.replace(place)


def _schedule_clock(leaps: Path) -> Clock:
    def now() -> datetime:
        return NOW + timedelta(days=_read(leaps)[0])

    return now


def _machine_time(connection: Connection, leaps: Path) -> datetime:
    """PostgreSQL has a clock of its own, which no machine of ours can set."""
    if connection.dialect.name == "postgresql":
        return machine_time(connection)
    return real_clock() + timedelta(days=_read(leaps)[1])


def _read(leaps: Path) -> tuple[float, float]:
    schedule, machine = leaps.read_text().split()
    return float(schedule), float(machine)
