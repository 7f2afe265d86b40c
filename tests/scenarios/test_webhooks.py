"""A campaign through a vendor whose reports come late, twice and in no order: everything is settled once."""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, Table, func, select

from handbill.clock import fixed_clock
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.delivery.books import Books, books
from handbill.delivery.deliver import drain
from handbill.delivery.labels import labels_of
from handbill.delivery.worker import Worker
from handbill.operations.run import start_run
from handbill.operations.webhooks import desk_of
from handbill.responses.reports import drain_batch
from handbill.responses.standing import standings
from handbill.responses.webhooks import Arrived, counts_of, store_webhooks
from handbill.store.connection import reading, writing
from handbill.store.tables import event, outbox, suppression, webhook
from tests.channels.vendor_servers import (
    KEY,
    KEY_ID,
    MailgunServer,
    PostmarkServer,
    ResendServer,
    SendGridServer,
    SesServer,
    Told,
    VendorServer,
    tell,
    vendor_at_work,
)
from tests.channels.webhook_senders import CLOCK, TOPIC, amazon, keys_for_environment
from tests.conftest import NOW
from tests.delivery.queues import make_run, rows_of
from tests.operations.shop import add_people, make_project, make_settings
from tests.web.serving import service_for, serving

PEOPLE = 6
PATIENCE = 120.0

SERVERS: dict[str, type[VendorServer]] = {
    "ses": SesServer, "sendgrid": SendGridServer, "mailgun": MailgunServer, "postmark": PostmarkServer,
    "resend": ResendServer,
}  # fmt: skip
KEYS = {
    "ses": f"    key_id: {KEY_ID}\n    region: eu-west-1\n    sns_topic: {TOPIC}\n",
    "mailgun": "    domain: mg.northwind.example\n    signing_key: ${MAIL_SIGNING_KEY}\n",
    **dict.fromkeys(("sendgrid", "postmark", "resend"), "    signing_key: ${MAIL_SIGNING_KEY}\n"),
}
STORY = {
    "ses": ("send", "delay", "delivery", "bounce", "complaint"),
    "sendgrid": ("processed", "deferred", "delivered", "bounce", "spamreport"),
    "mailgun": ("accepted", "failed-temporary", "delivered", "failed-permanent", "complained"),
    "postmark": ("transient", "transient", "delivery", "hard", "complaint"),
    "resend": ("sent", "delayed", "delivered", "bounced", "complained"),
}
"""The vendor's words for: accepted, deferred, delivered, bounced for good, complained."""


@pytest.fixture(params=SERVERS)
def vendor(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MAIL_API_KEY", KEY)
    monkeypatch.setenv("MAIL_SIGNING_KEY", keys_for_environment().get(request.param, ""))
    return str(request.param)


def campaign_over(vendor: str, root: Path, server: VendorServer) -> Project:
    make_project(root, 25)
    path = root / "campaigns.yaml"
    smtp = "provider: smtp\n    host: 127.0.0.1\n    port: 25\n    security: none\n    from: Shop <news@shop.test>\n"
    over_http = (
        f"provider: {vendor}\n    api_key: ${{MAIL_API_KEY}}\n    endpoint: {server.endpoint}\n{KEYS[vendor]}"
        "    from: Shop <news@northwind.example>\n    connections: 2\n"
    )
    text = path.read_text(encoding="utf-8")
    assert smtp in text
    path.write_text(text.replace(smtp, over_http), encoding="utf-8")
    return load_project(root)


@contextmanager
def service_of(store: Engine, project: Project) -> Iterator[str]:
    """Where the vendor reports to."""
    settings = make_settings(project.root, store)
    desk_of(store, project, settings, fixed_clock(CLOCK), amazon)  # the service finds this one
    with serving(service_for(project.root, project, store, fixed_clock(CLOCK))) as url:
        yield f"{url}/hooks/{project.channels.email.provider if project.channels.email else ''}"


def send(store: Engine, project: Project) -> int:
    add_people(store, PEOPLE)
    run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
    worker = Worker("worker-1", clock=fixed_clock(NOW), random=lambda: 0.0, reconnect_after=(0.0, 0.05))
    drain(store, project, make_settings(project.root, store), run_id, worker)
    return run_id


def books_of(store: Engine, run_id: int) -> Books:
    with reading(store) as connection:
        made = books(connection, run_id)
    assert made.balances
    return made


def everything_is_read(store: Engine) -> None:
    deadline = time.monotonic() + PATIENCE
    unread = select(func.count()).where(webhook.c.state == "waiting")
    while True:
        with reading(store) as connection:
            if not connection.scalar(unread):
                return
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_reports_that_come_late_twice_and_in_no_order_settle_every_message_once(
    store: Engine, tmp_path: Path, vendor: str
) -> None:
    accepted, deferred, delivered, bounced, complained = STORY[vendor]
    with vendor_at_work(SERVERS[vendor](fault="lost", times=2)) as server:
        project = campaign_over(vendor, tmp_path, server)
        with service_of(store, project) as address:
            run_id = send(store, project)
            # Resend remembers keys, and is asked again; the others' lost answers leave doubts.
            assert books_of(store, run_id).uncertain == (0 if vendor == "resend" else 2)
            assert len(server.taken) == PEOPLE
            early: list[Told] = [(place, name) for place in range(PEOPLE) for name in {accepted, delivered}]
            late: list[Told] = [(place, deferred) for place in range(PEOPLE)]
            assert tell(server, vendor, address, [*early, (0, bounced)], random=Random(7), copies=3) == Counter(
                {200: 3 * (len(early) + 1)}
            )
            assert tell(server, vendor, address, [*late, (0, bounced), (1, complained)], random=Random(8)) == Counter(
                {200: len(late) + 2}
            )
            everything_is_read(store)
    made = books_of(store, run_id)
    assert (made.accepted, made.uncertain) == (PEOPLE, 0)
    number_of = {taken.recipient: place for place, taken in enumerate(server.taken)}
    with reading(store) as connection:
        messages = connection.execute(select(outbox.c.id, outbox.c.address, outbox.c.address_hash)).all()
        found = standings(connection, [row.id for row in messages])
        stood = {number_of[row.address]: found[row.id] for row in messages}
        hashes = {row.address_hash: number_of[row.address] for row in messages}
        reasons = connection.execute(select(suppression.c.key_hash, suppression.c.reason)).all()
        told = connection.scalar(select(func.count()).select_from(event))
    assert stood == {0: "email.bounced", 1: "email.complained"} | dict.fromkeys(range(2, PEOPLE), "email.delivered")
    assert {hashes[row.key_hash]: row.reason for row in reasons} == {0: "hard bounce", 1: "complaint"}
    assert told == len({*early, *late}) + 2


def test_a_lost_answer_leaves_a_doubt_that_the_vendors_report_settles(store: Engine, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MAIL_API_KEY", KEY)
        environment.setenv("MAIL_SIGNING_KEY", keys_for_environment()["postmark"])
        with vendor_at_work(PostmarkServer(fault="lost", times=1)) as server:
            project = campaign_over("postmark", tmp_path, server)
            with service_of(store, project) as address:
                run_id = send(store, project)
                assert (books_of(store, run_id).accepted, books_of(store, run_id).uncertain) == (PEOPLE - 1, 1)
                with reading(store) as connection:
                    doubtful = connection.scalars(select(outbox.c.address).where(outbox.c.state == "uncertain")).one()
                place = [taken.recipient for taken in server.taken].index(doubtful)
                tell(server, "postmark", address, [(place, "delivery")], random=Random(1))
                everything_is_read(store)
    assert (books_of(store, run_id).accepted, books_of(store, run_id).uncertain) == (PEOPLE, 0)
    with reading(store) as connection:
        settled = select(outbox.c.state, outbox.c.evidence).where(outbox.c.address == doubtful)
        assert tuple(connection.execute(settled).one()) == ("accepted", "email.delivered from postmark")


READER = """
import sys
from datetime import datetime
from handbill.responses import reports
from handbill.store.connection import open_store

reports.BATCH_BYTES = 2_000  # many small transactions, so that the kill falls between or into them
engine = open_store(sys.argv[1])
while reports.drain_batch(engine, b"secret", now=datetime.fromisoformat(sys.argv[2])).requests:
    pass
"""


@pytest.mark.parametrize("after", [0, 3, 20])
def test_a_reader_that_is_killed_has_read_each_report_once_or_not_at_all(
    store: Engine, store_url: str, after: int
) -> None:
    message = rows_of(store, make_run(store, 1, state="accepted"))[0].id
    number = 300
    bodies = [
        json.dumps({"id": str(place), "kind": "email.delivered", **labels_of(b"secret", message)}).encode()
        for place in range(number)
    ]
    with writing(store) as connection:
        store_webhooks(connection, [Arrived("press", "signed", body.hex(), {}, body, NOW) for body in bodies])
    with subprocess.Popen([sys.executable, "-c", READER, store_url, NOW.isoformat()]) as reader:
        deadline = time.monotonic() + PATIENCE
        while _count(store, event) < after and time.monotonic() < deadline and reader.poll() is None:
            threading.Event().wait(0.001)
        reader.kill()
    while drain_batch(store, b"secret", now=NOW).requests:
        pass
    with reading(store) as connection:
        counted = counts_of(connection)
        assert connection.scalar(select(func.count()).where(webhook.c.state != "done")) == 0
    assert _count(store, event) == number
    assert counted == {("press", "new", "email.delivered"): number}


def _count(store: Engine, table: Table) -> int:
    with reading(store) as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0
