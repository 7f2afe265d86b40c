"""A campaign on its way to a server that breaks where it is told to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.delivery.books import Books, books
from handbill.delivery.deliver import DrainResult, drain
from handbill.delivery.worker import Worker
from handbill.operations.run import start_run
from handbill.settings import Settings
from handbill.store.connection import reading
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project, make_settings, state_of
from tests.scenarios.fault_server import FaultServer, serving


@dataclass(frozen=True)
class Sending:
    """A sealed run with a queue of messages, and the server that they go to."""

    store: Engine
    project: Project
    settings: Settings
    server: FaultServer
    run_id: int

    def drain(self, *, now: datetime = NOW, **options: Any) -> DrainResult:
        """Sends once what is due at `now`; chance and waits are taken out."""
        given = {"clock": fixed_clock(now), "random": lambda: 0.0, "reconnect_after": (0.0, 0.05), **options}
        return drain(self.store, self.project, self.settings, self.run_id, Worker("worker-1", **given))

    @property
    def books(self) -> Books:
        """The books of the run, which must balance; the server has no message twice, and none that we do not know."""
        with reading(self.store) as connection:
            made = books(connection, self.run_id)
        assert made.balances
        counts = self.server.counts
        assert max(counts.values(), default=0) <= 1
        assert made.accepted <= len(counts) <= made.accepted + made.uncertain
        return made

    @property
    def state(self) -> tuple[str, str | None]:
        """State of the run, and why."""
        return state_of(self.store, self.run_id)


def counted(sent: Sending) -> dict[str, int]:
    """The books of the run, without what is zero."""
    return {name: count for name, count in asdict(sent.books).items() if count and name != "planned"}


@contextmanager
def sending(store: Engine, root: Path, server: FaultServer, *, people: int = 5, email: str = "") -> Iterator[Sending]:
    """A run for so many people, over one connection unless `email` says otherwise, planned before anything breaks."""
    with serving(server):
        faults, server.faults = server.faults, ()
        project = make_project(root, server.port, email=email or "    connections: 1")
        add_people(store, people)
        started = start_run(store, project, "spring", clock=fixed_clock(NOW))
        server.faults = faults
        yield Sending(store, project, make_settings(root, store), server, started.run_id)
