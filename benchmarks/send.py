"""How fast personalised e-mails leave: claimed, rendered, sent over SMTP, settled.

python benchmarks/send.py [--messages 20000] [--connections 4] [--sink ours|smtp-sink] [--postgresql URL]

Limit: 400 messages a second on two cores, sink included.
"""

import argparse
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine, insert, select

from handbill.clock import fixed_clock
from handbill.contacts.identity import email_hash
from handbill.definitions.loading import load_project
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.settings import Settings
from handbill.store.connection import open_store, writing
from handbill.store.migrate import upgrade
from handbill.store.tables import consent, contact

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
LIMIT = 400
SECRET = b"benchmark"
HERE = Path(__file__).resolve().parent

PROJECT = """
brand: {{name: Shop, postal_address: "1 Harbour Street, Whitby YO21 1AA", website: https://shop.example}}
timezone: UTC
currency: GBP
topics: {{offers: Offers and news}}
channels:
  email:
    provider: smtp
    host: 127.0.0.1
    port: {port}
    security: none
    from: Shop <news@shop.test>
    connections: {connections}
campaigns:
  spring:
    topic: offers
    audience: {{include: [everybody]}}
    schedule: {{at: 2026-12-01 09:00}}
    email: {{template: spring, subject: "Spring, {{{{ contact.first_name | default('friend') }}}}"}}
"""
PRODUCT = """
<mj-section background-color="#ffffff"><mj-column>
<mj-image src="https://shop.example/images/{number}.jpg" alt="Product {number}" width="200px"></mj-image>
</mj-column><mj-column>
<mj-text>For you, {{{{ contact.first_name | default("friend") }}}}: product number {number}, made to last.</mj-text>
<mj-button href="https://shop.example/p/{number}?c={{{{ contact.external_id | default("") }}}}">Look at it</mj-button>
</mj-column></mj-section>
"""
FOOTER = """<mj-section><mj-column><mj-text>{{ brand.postal_address }}
<a href="{{ links.unsubscribe }}">Unsubscribe</a></mj-text></mj-column></mj-section>"""


@contextmanager
def sink(kind: str) -> Iterator[int]:
    """A mail server in a process of its own; its port."""
    if kind == "smtp-sink":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen(["smtp-sink", "-u", "nobody", f"127.0.0.1:{port}", "1024"])
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit("smtp-sink did not start") from None
    else:
        process = subprocess.Popen([sys.executable, HERE / "sink.py"], stdout=subprocess.PIPE)
        assert process.stdout  # noqa: S101 - it was asked for
        port = int(process.stdout.readline())
    try:
        yield port
    finally:
        process.terminate()
        process.communicate()


def write_project(root: Path, port: int, connections: int) -> None:
    """A campaign with an e-mail of about 24 kB."""
    products = "".join(PRODUCT.format(number=number) for number in range(1, 8))
    for name, text in {
        "campaigns.yaml": PROJECT.format(port=port, connections=connections),
        "segments/everybody.yaml": "name: Everybody\nwhere: {field: external_id, exists: true}\n",
        "templates/email/spring.mjml": f"<mjml><mj-body>{products}{FOOTER}</mj-body></mjml>",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def add_people(store: Engine, count: int) -> None:
    """Contacts who agreed to offers."""
    people = [
        {
            "external_id": f"C{number:07}",
            "email": f"person{number}@example.org",
            "email_key": f"person{number}@example.org",
            "email_hash": email_hash(SECRET, f"person{number}@example.org"),
            "first_name": f"Zoë {number}",
            "household_key": f"H{number}",
            "created_at": NOW,
            "updated_at": NOW,
        }
        for number in range(count)
    ]
    with writing(store) as connection:
        connection.execute(insert(contact), people)
        agreed = {"channel": "email", "topic": "offers", "state": "granted", "at": NOW, "source": "benchmark"}
        ids = connection.scalars(select(contact.c.id)).all()
        connection.execute(insert(consent), [{"contact_id": id_, **agreed} for id_ in ids])


def measure(store: Engine, root: Path, messages: int) -> float:
    """Plans, sends and prints; answers messages a second."""
    project = load_project(root)
    settings = Settings(root, str(store.url), SECRET)
    clock = fixed_clock(NOW)
    add_people(store, messages)
    started = time.perf_counter()
    run_id = start_run(store, project, "spring", clock=clock).run_id
    planned = time.perf_counter()
    cpu = time.process_time()
    drain_run(store, project, settings, run_id, clock=clock)
    seconds, cpu = time.perf_counter() - planned, time.process_time() - cpu
    made = finish_run(store, run_id, clock=clock)
    if made.accepted != messages:
        raise SystemExit(f"not everything was sent: {made}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"plan, seal and queue   {planned - started:8.2f} s")
    print(f"send                   {seconds:8.2f} s")
    print(f"messages a second      {messages / seconds:8.0f}     limit {LIMIT}")
    print(f"CPU s a thousand       {cpu / messages * 1000:8.2f}")
    print(f"peak memory            {peak:8.0f} MB")
    return messages / seconds


def main() -> None:
    """Prints the figures; ends with 1 when the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=4)
    parser.add_argument(
        "--sink", choices=["ours", "smtp-sink"], default="smtp-sink" if shutil.which("smtp-sink") else "ours"
    )
    parser.add_argument("--postgresql", metavar="URL", help="an empty database; default: SQLite")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sink(options.sink) as port:
        root = Path(folder)
        write_project(root, port, options.connections)
        store = open_store(options.postgresql or f"sqlite:///{root / 'handbill.db'}")
        upgrade(store)
        where = f"{options.connections} connections to {options.sink}, {store.dialect.name}"
        print(f"{options.messages:,} e-mails over {where}")
        rate = measure(store, root, options.messages)
        store.dispose()
    sys.exit(rate < LIMIT)


if __name__ == "__main__":
    main()
