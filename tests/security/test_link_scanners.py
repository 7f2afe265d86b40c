"""Programs that open every link in a mail before people do change nothing."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests
from sqlalchemy import Engine

from tests.web.visitors import PUBLIC, Shop, forms_of, open_shop, preferences_path, unsubscribe_path

METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE")


@pytest.fixture
def shop(tmp_path: Path, store: Engine) -> Iterator[Shop]:
    with open_shop(tmp_path, store) as shop:
        yield shop


class Links(HTMLParser):
    """The addresses that a page leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {value for name, value in attrs if name in {"href", "src", "action"} and value}


def links_of(page: str) -> set[str]:
    reader = Links()
    reader.feed(page)
    return {each for each in reader.found if each.startswith("/")}


def everything_behind(shop: Shop, begin: set[str]) -> set[str]:
    """All addresses of ours that can be reached by links and by the addresses of forms."""
    seen: set[str] = set()
    waiting = set(begin)
    while waiting:
        path = waiting.pop()
        seen.add(path)
        waiting |= links_of(shop.get(path).text) - seen
    return seen


def mailed_links(shop: Shop) -> set[str]:
    """Every link of every mail that our pages send, and those that a campaign's mail carries."""
    for what in ("export", "erase"):
        shop.send(preferences_path(), {"data": what}, button="/data")
    shop.send("/subscribe", {"email": "ann@example.org", "topic": "offers"})
    found = {unsubscribe_path(), preferences_path()}
    for mail in shop.mails():
        for part in mail.walk():
            if part.get_content_maintype() == "text":
                found |= {each.removeprefix(PUBLIC) for each in re.findall(rf"{PUBLIC}/[\w/-]+", part.get_content())}
    return found


def test_walking_all_links_changes_nothing(shop: Shop) -> None:
    links = mailed_links(shop)
    assert len(links) == 5
    before = shop.snapshot()
    reached = everything_behind(shop, links)
    assert len(reached) > len(links)
    for path in reached:
        for method in METHODS:
            requests.request(method, shop.url + path, timeout=60, allow_redirects=False)
    assert shop.snapshot() == before


def test_sending_a_form_by_get_changes_nothing(shop: Shop) -> None:
    """Some scanners fill in what they find, and send it in the address."""
    links = mailed_links(shop)
    before = shop.snapshot()
    for path in links:
        for form in forms_of(shop.get(path).text):
            fields = {**form.fields, "List-Unsubscribe": "One-Click", "data": "erase", "pause": "begin"}
            shop.get(form.action, params=fields)
    assert shop.snapshot() == before


def test_pressing_the_button_by_machine_without_the_page_changes_nothing(shop: Shop) -> None:
    links = mailed_links(shop)
    before = shop.snapshot()
    for path in links:
        assert shop.post(path).status_code == 403
        assert shop.post(path, {"submit": "1"}).status_code == 403
    assert shop.snapshot() == before
