"""A database that is put back as it was earlier never sends a campaign again."""

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, create_engine, event, make_url, text

from handbill.clock import fixed_clock
from handbill.delivery.fencing import advance, remember, require_latest
from handbill.delivery.job import job_of
from handbill.delivery.worker import Worker
from handbill.errors import NothingToDo, RunRefused
from handbill.operations.control import cancel, pause, resume
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.store.connection import open_store, writing
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project, make_settings
from tests.scenarios.fault_server import FaultServer, Taken, serving

PEOPLE = 12
Restore = Callable[[], None]


def copy_of(store: Engine, tmp_path: Path) -> Restore:
    """Takes a copy of a database; what comes back puts it in the place of the database."""
    store.dispose()
    return _copy_of_file(store, tmp_path) if store.dialect.name == "sqlite" else _copy_of_database(store)


def _copy_of_file(store: Engine, tmp_path: Path) -> Restore:
    file, copy = Path(str(store.url.database)), tmp_path / "copy.db"
    shutil.copy(file, copy)

    def restore() -> None:
        store.dispose()
        shutil.copy(copy, file)

    return restore


def _copy_of_database(store: Engine) -> Restore:
    name, admin = store.url.database, store.url.set(database="postgres")
    _execute(admin.render_as_string(hide_password=False), f"CREATE DATABASE {name}copy TEMPLATE {name}")

    def restore() -> None:
        store.dispose()
        _execute(
            admin.render_as_string(hide_password=False),
            f"DROP DATABASE {name} WITH (FORCE)",
            f"CREATE DATABASE {name} TEMPLATE {name}copy",
            f"DROP DATABASE {name}copy",
        )

    return restore


def _execute(url: str, *statements: str) -> None:
    admin = create_engine(make_url(url), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    admin.dispose()


def run(store: Engine, root: Path, port: int, *, hours: float = 0) -> None:
    """What `handbill run` does, so many hours after its time."""
    clock = fixed_clock(NOW + timedelta(hours=hours))
    project = make_project(root, port, email="    connections: 1")
    run_id = start_run(store, project, "spring", clock=clock).run_id
    drain_run(store, project, make_settings(root, store), run_id, clock=clock)
    finish_run(store, run_id, clock=clock)


def run_half(store: Engine, root: Path, server: FaultServer) -> None:
    """Sends some messages, until somebody pauses the run."""

    def pause_soon(_taken: Taken) -> None:
        if len(server.taken) == PEOPLE // 2:
            pause(store)

    server.on_taken = pause_soon
    run(store, root, server.port)
    server.on_taken = None
    assert len(server.taken) == PEOPLE // 2
    resume(store, clock=fixed_clock(NOW))


@pytest.mark.parametrize("moment", ["before the run", "in the middle of the run"])
def test_an_older_copy_of_the_database_sends_nothing_a_second_time(store: Engine, tmp_path: Path, moment: str) -> None:
    add_people(store, PEOPLE)
    with serving(FaultServer()) as server:
        if moment == "in the middle of the run":
            run_half(store, tmp_path, server)
        restore = copy_of(store, tmp_path)
        run(store, tmp_path, server.port)
        before = server.counts
        assert before.total() == len(before) == PEOPLE
        restore()
        with pytest.raises(RunRefused) as caught:
            run(store, tmp_path, server.port)
        assert server.counts == before
        (file,) = (tmp_path / ".handbill" / "fences").iterdir()
        assert str(caught.value) == (
            "spring: the database is an older copy. More of spring was sent from here than it knows, and those people "
            "would get it twice. Restore a newer copy, or `handbill cancel spring`. "
            f"Only if all may get it again, remove {file}."
        )
        cancel(store, "spring", clock=fixed_clock(NOW))
        with pytest.raises(NothingToDo):
            run(store, tmp_path, server.port)


def test_past_its_lateness_an_older_copy_fires_nothing_on_any_machine(store: Engine, tmp_path: Path) -> None:
    """Another machine, which does not know what was sent from the first."""
    add_people(store, PEOPLE)
    with serving(FaultServer()) as server:
        run_half(store, tmp_path / "here", server)
        restore = copy_of(store, tmp_path)
        run(store, tmp_path / "here", server.port)
        restore()
        before = server.counts
        run(store, tmp_path / "elsewhere", server.port, hours=7)
        assert server.counts == before


def test_a_copy_that_knows_of_everything_goes_on(store: Engine, tmp_path: Path) -> None:
    add_people(store, PEOPLE)
    with serving(FaultServer()) as server:
        run_half(store, tmp_path, server)
        copy_of(store, tmp_path)()
        run(store, tmp_path, server.port)
        assert server.counts.total() == len(server.counts) == PEOPLE


def test_another_database_of_the_same_project_is_no_older_copy(tmp_path: Path, sqlite_template: Path) -> None:
    with serving(FaultServer()) as server:
        for name in ("first.db", "second.db"):
            shutil.copy(sqlite_template, tmp_path / name)
            store = open_store(f"sqlite:///{tmp_path / name}")
            add_people(store, PEOPLE)
            run(store, tmp_path, server.port)
            store.dispose()
        assert server.counts.total() == 2 * PEOPLE


def test_a_worker_may_begin_at_the_very_moment_when_another_one_claims(
    store: Engine, store_url: str, tmp_path: Path
) -> None:
    add_people(store, PEOPLE)
    with serving(FaultServer()) as server:
        project, clock = make_project(tmp_path, server.port), fixed_clock(NOW)
        run_id = start_run(store, project, "spring", clock=clock).run_id
        job = job_of(store, project, make_settings(tmp_path, store), run_id, Worker("worker-1", clock))
        other, statements = open_store(store_url), list[str]()

        def claim_meanwhile(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            statements.append(statement)
            with writing(other) as connection:
                reached = advance(connection, run_id)
            remember(job, *reached)

        event.listen(store, "after_cursor_execute", claim_meanwhile)
        require_latest(job)
        event.remove(store, "after_cursor_execute", claim_meanwhile)
        other.dispose()
    assert any("run.fence" in statement for statement in statements)
