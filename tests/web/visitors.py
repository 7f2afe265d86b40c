"""Recipients who follow the links in their mail: a shop with pages, its people, and the mailbox that they look into."""

import email
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import Engine, func, select

from handbill.definitions.loading import load_project
from handbill.delivery.links import Bearer, Unsubscribe, preferences_token, unsubscribe_token
from handbill.store.connection import reading
from handbill.store.tables import confirmation, consent, contact, event, preference, suppression
from handbill.web.service import Service
from tests.conftest import NOW
from tests.operations.shop import SECRET, add_people, make_project, make_settings
from tests.web.serving import serving

PUBLIC = "https://go.shop.test"
MAILS = "outbox"
BRAND = "Northwind Outfitters"
WATCHED = (consent, contact, preference, suppression, confirmation, event)
"""What pages could change."""


class Ticking:
    """A clock that goes on a second whenever somebody looks at it, and further when it is told to."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        self.at += timedelta(seconds=1)
        return self.at


@dataclass(frozen=True)
class Shop:
    """A running service, and what its visitors know."""

    url: str
    service: Service
    clock: Ticking

    @property
    def store(self) -> Engine:
        return self.service.engine

    def path(self, address: str) -> str:
        """A public address of ours on this machine."""
        return address.replace(PUBLIC, self.url)

    def get(self, path: str, **options: Any) -> requests.Response:
        return requests.get(self.path(self._full(path)), timeout=60, allow_redirects=False, **options)

    def post(self, path: str, data: Mapping[str, Any] | None = None, **options: Any) -> requests.Response:
        return requests.post(self.path(self._full(path)), data, timeout=60, allow_redirects=False, **options)

    def send(self, path: str, choices: Mapping[str, Any] | None = None, *, button: str = "") -> requests.Response:
        """Opens a page and sends its form, or that of its forms whose address ends with `button`."""
        form = next(each for each in forms_of(self.get(path).text) if each.action.split("?")[0].endswith(button))
        return self.post(form.action, {**form.fields, **(choices or {})})

    def mails(self) -> list[EmailMessage]:
        """What was sent, the oldest first, when nothing is left to send: mails leave beside the answer."""
        deadline = time.monotonic() + 120
        while self._has_waiting_mails():
            assert time.monotonic() < deadline, "a confirmation mail did not leave"
            threading.Event().wait(0.01)
        folder = self.service.project.root / MAILS / "new"
        files = sorted(folder.glob("*"), key=lambda path: path.stat().st_mtime_ns) if folder.exists() else []
        return [email.message_from_bytes(path.read_bytes(), policy=policy.default) for path in files]

    def _has_waiting_mails(self) -> bool:
        waiting = (confirmation.c.mailed_at.is_(None), confirmation.c.problem.is_(None))
        with reading(self.store) as connection:
            return bool(connection.scalar(select(func.count()).where(*waiting)))

    def link_in_mail(self) -> str:
        """Where the latest mail leads."""
        body = self.mails()[-1].get_body(("plain",))
        assert body is not None
        found = re.search(rf"{PUBLIC}/\S+", body.get_content())
        assert found
        return found[0].removeprefix(PUBLIC)

    def ledger(self, number: int = 1) -> list[tuple[str, str, str]]:
        """Channel, topic and state of every entry of a person, the oldest first."""
        mine = select(consent.c.channel, consent.c.topic, consent.c.state).where(consent.c.contact_id == number)
        with reading(self.store) as connection:
            return [tuple(row) for row in connection.execute(mine.order_by(consent.c.id))]

    def person(self, number: int = 1) -> Any:
        """The row of a contact."""
        with reading(self.store) as connection:
            return connection.execute(select(contact).where(contact.c.id == number)).one()

    def snapshot(self) -> list[list[tuple[Any, ...]]]:
        """Everything that pages could change, as it stands now."""
        with reading(self.store) as connection:
            return [[tuple(row) for row in connection.execute(select(table))] for table in WATCHED]

    def _full(self, path: str) -> str:
        return path if path.startswith("http") else f"{self.url}{path}"


@contextmanager
def open_shop(
    root: Path,
    store: Engine,
    *,
    people: int = 1,
    post: bool = True,
    links: bool = True,
    colour: str = "",
    logo: str = "",
    **changes: Any,
) -> Iterator[Shop]:
    """A shop with two topics whose pages are served, and whose mails lie in a maildir; `changes` are the people's."""
    clock = Ticking()
    make_project(root, 25)
    path = root / "campaigns.yaml"
    text = path.read_text(encoding="utf-8")
    worn = (f', colour: "{colour}"' if colour else "") + (f", logo: {logo}" if logo else "")
    text = text.replace("brand: {name: Shop", f"brand: {{name: {BRAND}{worn}")
    text = text.replace("topics: {offers: Offers and news}", "topics: {offers: Offers and news, events: Invitations}")
    by_file = "    provider: file\n" + (f"    links: {PUBLIC}\n" if links else "")
    text = re.sub(r"    provider: smtp\n.*security: none\n", by_file, text, flags=re.DOTALL)
    if post:
        text = text.replace("campaigns:\n", "  direct_mail: {provider: print_house}\ncampaigns:\n", 1)
    path.write_text(text, encoding="utf-8")
    if people:
        add_people(store, people, **changes)
    service = Service(load_project(root), make_settings(root, store), store, clock)
    with serving(service) as url:
        yield Shop(url, service, clock)


def unsubscribe_path(number: int = 1, topic: str = "offers", message: int = 0) -> str:
    """The unsubscribe page of a person."""
    return f"/u/{unsubscribe_token(SECRET, Unsubscribe(number, message, topic))}"


def preferences_path(number: int = 1) -> str:
    """The preference centre of a person."""
    return f"/p/{preferences_token(SECRET, Bearer(number, 0))}"


# ---------------------------------------------------------------- reading pages


@dataclass
class Form:
    """A form of a page: where it goes, and what it sends when nothing is changed."""

    action: str
    fields: dict[str, Any]


def forms_of(page: str) -> list[Form]:
    """The forms of a page as a browser would send them, without the values of buttons."""
    reader = _Forms()
    reader.feed(page)
    return reader.forms


def words_of(page: str) -> str:
    """What a reader sees of a page, on one line."""
    text = re.sub(r"<style>.*?</style>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        match tag:
            case "form":
                self.forms.append(Form(found["action"], {}))
            case "select":
                self._select = found["name"]
                self.forms[-1].fields[self._select] = None
            case "option" if "selected" in found or self.forms[-1].fields[self._select] is None:
                self.forms[-1].fields[self._select] = found["value"]
            case "input" if found.get("type") not in {"checkbox", "radio"} or "checked" in found:
                self._add(found["name"], found.get("value", ""), several=found.get("type") == "checkbox")
            case _:
                pass

    def _add(self, name: str, value: str, *, several: bool) -> None:
        fields = self.forms[-1].fields
        fields[name] = [*fields.get(name, []), value] if several else value
