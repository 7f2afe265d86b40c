"""What a process does that is going to be killed: exactly what `handbill run` does."""

from multiprocessing.connection import Connection
from pathlib import Path

from handbill.clock import fixed_clock
from handbill.definitions.loading import load_project
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.store.connection import open_store
from tests.conftest import NOW
from tests.operations.shop import make_settings


def run_spring(root: Path, store_url: str, ready: Connection) -> None:
    """Starts or takes up the run of the campaign `spring`, sends, and closes it."""
    clock = fixed_clock(NOW)
    engine = open_store(store_url)
    project = load_project(root)
    ready.send("ready")
    run_id = start_run(engine, project, "spring", clock=clock).run_id
    drain_run(engine, project, make_settings(root, engine), run_id, clock=clock)
    finish_run(engine, run_id, clock=clock)
    engine.dispose()
