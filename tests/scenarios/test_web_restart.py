"""The web service under load is ended, killed and started again: what it answered for is in the store.

HANDBILL_SOAK=1 keeps the load up for minutes.
"""

import itertools
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import requests
from sqlalchemy import Engine, func, select

from handbill.delivery.links import Click, Page, click_token, public_address
from handbill.delivery.published import Listed, publish
from handbill.operations.api_keys import create_key
from handbill.store.connection import reading, writing
from handbill.store.tables import contact, event, outbox
from tests.conftest import NOW
from tests.delivery.queues import make_run
from tests.operations.shop import SECRET, make_project
from tests.web.running import running

SOAK = bool(os.environ.get("HANDBILL_SOAK"))
REQUESTS = 200_000 if SOAK else 60
"""So many requests are acknowledged before each end."""
SECONDS = 60 if SOAK else 0
"""The load is kept up for so long at least."""
MESSAGES, SENDERS, ROWS = 40, 6, 5
UNLIMITED = ("--requests-per-client", "0")


@dataclass
class Load:
    """Senders that go on whatever happens to the service, and what it acknowledged."""

    url: str
    key: str
    person: str
    tokens: list[str]
    events: set[str] = field(default_factory=set)
    clicks: int = 0
    acknowledged: threading.Condition = field(default_factory=threading.Condition)
    over: threading.Event = field(default_factory=threading.Event)
    up: threading.Event = field(default_factory=threading.Event)
    refused: list[str] = field(default_factory=list)

    def send(self, number: int) -> None:
        """One sender, until the load is over; a request without an answer is not acknowledged."""
        session = requests.Session()
        for count in itertools.count():
            self.up.wait()
            if self.over.is_set():
                return
            try:
                self._bring(session, f"{number}-{count}") if count % 2 else self._click(session, count)
            except requests.RequestException:
                session.close()  # the service is away; what was in doubt is sent again under another name

    def wait_for(self, requests_: int, seconds: float) -> None:
        """Returns when so many more requests are acknowledged, and not sooner than after so many seconds."""
        begun, until = time.monotonic(), self._count() + requests_
        with self.acknowledged:
            assert self.acknowledged.wait_for(
                lambda: self._count() >= until or (SOAK and time.monotonic() - begun > seconds), timeout=120 + seconds
            )
        self.over.wait(max(0.0, seconds - (time.monotonic() - begun)))

    def _count(self) -> int:
        return self.clicks + len(self.events) // ROWS

    def _bring(self, session: requests.Session, name: str) -> None:
        names = [f"{name}-{row}" for row in range(ROWS)]
        rows = [
            {"event_id": each, "kind": "page_view", "contact": self.person, "occurred_at": NOW.isoformat()}
            for each in names
        ]
        headers = {"Authorization": f"Bearer {self.key}"}
        body = {"source": "till", "events": rows}
        answer = session.post(f"{self.url}/v1/events", json=body, headers=headers, timeout=60)
        with self.acknowledged:
            if answer.ok and answer.json()["accepted"] == ROWS:
                self.events.update(names)
            else:
                self.refused.append(f"{answer.status_code} {answer.text}")
            self.acknowledged.notify_all()

    def _click(self, session: requests.Session, count: int) -> None:
        address = public_address(self.url, Page.CLICK, self.tokens[count % len(self.tokens)])
        answer = session.get(address, timeout=60, allow_redirects=False)
        with self.acknowledged:
            if answer.status_code == 302:
                self.clicks += 1
            else:
                self.refused.append(f"{answer.status_code} {answer.text}")
            self.acknowledged.notify_all()


@contextmanager
def sending(load: Load) -> Iterator[None]:
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(load.send, number) for number in range(SENDERS)]
        try:
            yield
        finally:
            load.over.set()
            load.up.set()
    for each in sent:
        each.result()


def prepared(root: Path, store: Engine) -> Load:
    """A project with links and a key; nobody answers yet."""
    make_project(root, 25, email="    links: https://go.shop.test\n")
    run_id = make_run(store, MESSAGES, state="accepted", accepted_at=NOW)
    listed = Listed("all", "en", 0, "fixed", "https://shop.example/new")
    with writing(store) as connection:
        link = publish(connection, "spring", [listed], now=NOW)[listed]
        messages = connection.scalars(select(outbox.c.id).where(outbox.c.run_id == run_id)).all()
        person = connection.scalar(select(contact.c.external_id).limit(1))
    tokens = [click_token(SECRET, Click(link, message)) for message in messages]
    return Load("", create_key(store, "till", ["events"], now=NOW), str(person), tokens)


def test_nothing_that_was_acknowledged_is_lost_when_the_service_ends_or_is_killed(
    tmp_path: Path, store: Engine
) -> None:
    load = prepared(tmp_path, store)
    url = store.url.render_as_string(hide_password=False)
    environment = {"HANDBILL_DATABASE_URL": url, "HANDBILL_SECRET": SECRET.decode()}
    port = 0
    with sending(load):
        for how in (signal.SIGTERM, signal.SIGKILL):
            with running(tmp_path, *UNLIMITED, port=port, environment=environment) as service:
                load.url, port = service.url, urlsplit(service.url).port or 0
                load.up.set()
                load.wait_for(REQUESTS, SECONDS)
                code, _ = service.end(how)
                load.up.clear()
            assert code == (0 if how == signal.SIGTERM else -signal.SIGKILL)
    with reading(store) as connection:
        stored = set(connection.scalars(select(event.c.source_event_id).where(event.c.source == "till")))
        clicks = connection.scalar(select(func.count()).select_from(event).where(event.c.kind == "email.clicked"))
    assert load.refused == []
    assert load.events <= stored
    assert load.clicks <= (clicks or 0)
    assert load.clicks + len(load.events) // ROWS >= 2 * REQUESTS or SOAK
