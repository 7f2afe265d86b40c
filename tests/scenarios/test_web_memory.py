"""The web service under a load of everything that strangers ask for: its memory stays flat.

HANDBILL_SOAK=1 keeps the load up for ten minutes, and prints the figures.
"""

import hashlib
import hmac
import itertools
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
import requests
from sqlalchemy import Engine, select

from handbill.delivery.labels import labels_of
from handbill.delivery.links import (
    Bearer,
    Click,
    Page,
    Unsubscribe,
    click_token,
    open_token,
    preferences_token,
    public_address,
    unsubscribe_token,
)
from handbill.delivery.published import Listed, publish
from handbill.operations.api_keys import create_key
from handbill.store.connection import reading, writing
from handbill.store.tables import contact, event, outbox
from tests.conftest import NOW
from tests.delivery.queues import make_run
from tests.operations.shop import SECRET, make_project
from tests.web.running import running

SOAK = bool(os.environ.get("HANDBILL_SOAK"))
WARM, MORE = 240, 360
"""So many requests until memory has what it needs, and so many afterwards; the soak goes by minutes instead."""
MINUTES = (1, 2, 5, 10)
MESSAGES, SENDERS, ROWS, ADDRESSES = 40, 4, 5, 100_000
GROWTH_MB, LATE_GROWTH_MB = 30, 15
"""After the warming up, and in the last five minutes."""
HOOK_KEY = "a-key-of-the-print-house"


@dataclass
class Strangers:
    """People, machines, vendors and systems with a key, each asking from addresses of its own."""

    url: str
    key: str
    people: list[str]
    messages: list[tuple[int, int]]
    link: int
    answered: int = 0
    odd: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    over: threading.Event = field(default_factory=threading.Event)

    def ask(self, sender: int) -> None:
        """One sender, until the load is over: each kind of request in turn."""
        visits: tuple[Callable[[requests.Session, int], tuple[requests.Response, int]], ...] = (
            self._click, self._open, self._events, self._report, self._click, self._read_pages, self._leave,
            self._click, self._report, self._guess, self._open, self._sign_in,
        )  # fmt: skip
        with requests.Session() as session:
            for count in itertools.count(sender, SENDERS):
                if self.over.is_set():
                    return
                # The proxy before the service names the visitor: mostly somebody new.
                session.headers["X-Forwarded-For"] = f"2001:db8:{count % ADDRESSES:x}::1"
                answer, expected = visits[(count // SENDERS) % len(visits)](session, count)
                with self.changed:
                    self.answered += 1
                    if answer.status_code != expected:
                        self.odd.append(f"{answer.request.method} {answer.request.url}: {answer.status_code}")
                    self.changed.notify_all()

    def wait_for(self, more: int) -> None:
        """Returns when so many more requests are answered."""
        with self.changed:
            until = self.answered + more
            assert self.changed.wait_for(lambda: self.answered >= until, timeout=300)

    def _click(self, session: requests.Session, count: int) -> tuple[requests.Response, int]:
        token = click_token(SECRET, Click(self.link, self._message(count)[0]))
        return self._get(session, public_address(self.url, Page.CLICK, token)), 302

    def _open(self, session: requests.Session, count: int) -> tuple[requests.Response, int]:
        token = open_token(SECRET, self._message(count)[0])
        return self._get(session, public_address(self.url, Page.OPEN, token)), 200

    def _read_pages(self, session: requests.Session, count: int) -> tuple[requests.Response, int]:
        message, person = self._message(count)
        wish = unsubscribe_token(SECRET, Unsubscribe(person, message, "offers"))
        assert self._get(session, public_address(self.url, Page.UNSUBSCRIBE, wish)).ok
        bearer = preferences_token(SECRET, Bearer(person, message))
        return self._get(session, public_address(self.url, Page.PREFERENCES, bearer)), 200

    def _leave(self, session: requests.Session, count: int) -> tuple[requests.Response, int]:
        message, person = self._message(count)
        wish = unsubscribe_token(SECRET, Unsubscribe(person, message, "offers"))
        address = public_address(self.url, Page.UNSUBSCRIBE, wish)
        return session.post(address, {"List-Unsubscribe": "One-Click"}, timeout=60), 200

    def _guess(self, session: requests.Session, count: int) -> tuple[requests.Response, int]:
        return self._get(session, f"{self.url}/c/{hashlib.sha256(str(count).encode()).hexdigest()}"), 404

    def _sign_in(self, session: requests.Session, _count: int) -> tuple[requests.Response, int]:
        return self._get(session, f"{self.url}/reports"), 303

    def _events(self, session: requests.Session, count: int) -> tuple[requests.Response, int]:
        row = {"kind": "page_view", "contact": self.people[count % len(self.people)], "occurred_at": NOW.isoformat()}
        rows = [row | {"event_id": f"{count}-{number}"} for number in range(ROWS)]
        return session.post(
            f"{self.url}/v1/events", json={"source": "till", "events": rows},
            headers={"Authorization": f"Bearer {self.key}"}, timeout=60,
        ), 200  # fmt: skip

    def _report(self, session: requests.Session, count: int) -> tuple[requests.Response, int]:
        label = labels_of(SECRET, self._message(count)[0])["outbox"]
        event = {"id": str(count), "kind": "email.delivered", "at": NOW.isoformat(), "outbox": label}
        body, stamp = json.dumps({"events": [event]}), str(int(time.time()))
        proof = hmac.new(HOOK_KEY.encode(), f"{stamp}.{body}".encode(), hashlib.sha256).hexdigest()
        headers = {"Handbill-Timestamp": stamp, "Handbill-Signature": f"v1={proof}"}
        return session.post(f"{self.url}/hooks/press", data=body, headers=headers, timeout=60), 200

    def _message(self, count: int) -> tuple[int, int]:
        return self.messages[count % len(self.messages)]

    def _get(self, session: requests.Session, address: str) -> requests.Response:
        return session.get(address, timeout=60, allow_redirects=False)


def prepared(root: Path, store: Engine) -> Strangers:
    """A project with links, a print house and a key; nobody answers yet."""
    make_project(root, 25, email="    links: https://go.shop.test\n")
    with (root / "campaigns.yaml").open("a", encoding="utf-8") as file:
        file.write("webhooks:\n  press: {signing_key: '${PRESS_KEY}'}\n")
    run_id = make_run(store, MESSAGES, state="accepted", accepted_at=NOW)
    listed = Listed("all", "en", 0, "fixed", "https://shop.example/new")
    with writing(store) as connection:
        link = publish(connection, "spring", [listed], now=NOW)[listed]
        mine = select(outbox.c.id, outbox.c.contact_id).where(outbox.c.run_id == run_id)
        messages = [(row.id, row.contact_id) for row in connection.execute(mine)]
        people = list(connection.scalars(select(contact.c.external_id)))
    return Strangers("", create_key(store, "till", ["events"], now=NOW), people, messages, link)


@contextmanager
def asking(strangers: Strangers) -> Iterator[None]:
    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(strangers.ask, number) for number in range(SENDERS)]
        try:
            yield
        finally:
            strangers.over.set()
    for each in sent:
        each.result()


def memory_mb(pid: int) -> float:
    """What the process has for itself: files that it reads through memory, such as SQLite's, are the kernel's."""
    found = psutil.Process(pid).memory_info()
    return float(found.rss - found.shared) / 1e6


def measured(strangers: Strangers, pid: int) -> list[float]:
    """Its memory when it is warm and later: by requests, or in a soak by minutes."""
    if not SOAK:
        strangers.wait_for(WARM)
        before = memory_mb(pid)
        strangers.wait_for(MORE)
        return [before, memory_mb(pid)]
    begun, found = time.monotonic(), []
    for minute in MINUTES:
        strangers.over.wait(minute * 60 - (time.monotonic() - begun))
        found.append(memory_mb(pid))
        print(f"\nminute {minute}: {strangers.answered:,} requests, {found[-1]:.1f} MB", flush=True)  # noqa: T201 - figures of the soak
    return found


@pytest.mark.timeout(900)
def test_memory_stays_flat_while_strangers_ask_for_everything(tmp_path: Path, store: Engine) -> None:
    strangers = prepared(tmp_path, store)
    url = store.url.render_as_string(hide_password=False)
    environment = {"HANDBILL_DATABASE_URL": url, "HANDBILL_SECRET": SECRET.decode(), "PRESS_KEY": HOOK_KEY}
    with running(tmp_path, environment=environment) as service:
        strangers.url = service.url
        with asking(strangers):
            found = measured(strangers, service.process.pid)
        code, _ = service.end()
    assert strangers.odd == []
    assert code == 0
    assert max(found) - found[0] < GROWTH_MB
    assert found[-1] - found[-2] < (LATE_GROWTH_MB if SOAK else GROWTH_MB)
    with reading(store) as connection:
        kinds = set(connection.scalars(select(event.c.kind).distinct()))
    assert kinds >= {"email.clicked", "email.opened", "email.unsubscribed", "page_view"}
