"""What benchmarks send: a campaign of 24 kB of personalised MJML with links, people who agreed to it, and a server."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import Engine, insert, select

from handbill.contacts.identity import email_hash
from handbill.store.connection import writing
from handbill.store.tables import consent, contact

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
SECRET = b"benchmark"
HERE = Path(__file__).resolve().parent
SINK = "/usr/sbin/smtp-sink"
_AT_ONCE = 10_000

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
    {more}
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
    with serving(kind) as (port, _):
        yield port


@contextmanager
def serving(kind: str) -> Iterator[tuple[int, int]]:
    """The same, with the number of its process."""
    if kind == "smtp-sink":
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        process = subprocess.Popen([SINK, "-u", "nobody", f"127.0.0.1:{port}", "1024"])
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
        yield port, process.pid
    finally:
        process.terminate()
        process.communicate()


def write_project(root: Path, port: int, connections: int, *, dkim: bool = False) -> None:
    """A campaign with an e-mail of about 24 kB, signed with a key of 2,048 bits where `dkim` says so."""
    products = "".join(PRODUCT.format(number=number) for number in range(1, 8))
    more = "dkim: {domain: shop.test, selector: hb1, key_file: dkim.pem}" if dkim else ""
    for name, text in {
        "campaigns.yaml": PROJECT.format(port=port, connections=connections, more=more),
        "segments/everybody.yaml": "name: Everybody\nwhere: {field: external_id, exists: true}\n",
        "templates/email/spring.mjml": f"<mjml><mj-body>{products}{FOOTER}</mj-body></mjml>",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    if dkim and not (root / "dkim.pem").exists():
        key = generate_private_key(public_exponent=65537, key_size=2048)
        (root / "dkim.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def add_people(store: Engine, count: int) -> None:
    """Contacts who agreed to offers."""
    for first in range(0, count, _AT_ONCE):
        people = [_person(number) for number in range(first, min(first + _AT_ONCE, count))]
        with writing(store) as connection:
            connection.execute(insert(contact), people)
    agreed = {"channel": "email", "topic": "offers", "state": "granted", "at": NOW, "source": "benchmark"}
    with writing(store) as connection:
        ids = connection.scalars(select(contact.c.id)).all()
        for first in range(0, count, _AT_ONCE):
            some = ids[first : first + _AT_ONCE]
            connection.execute(insert(consent), [{"contact_id": id_, **agreed} for id_ in some])


def _person(number: int) -> dict[str, object]:
    address = f"person{number}@example.org"
    return {
        "external_id": f"C{number:07}",
        "email": address,
        "email_key": address,
        "email_hash": email_hash(SECRET, address),
        "first_name": f"Zoë {number}",
        "household_key": f"H{number}",
        "created_at": NOW,
        "updated_at": NOW,
    }
