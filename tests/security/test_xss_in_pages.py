"""Whatever a contact's record or a visitor's address says, a page shows it as text."""

import io
import zipfile
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine

from tests.operations.shop import add_people
from tests.web.visitors import Shop, forms_of, open_shop, preferences_path, unsubscribe_path

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onfocus='alert(1)' autofocus='",
    "{{ 7*7 }}{% raw %}",
    "</title></style></script><svg/onload=alert(1)>",
    "javascript:alert(1)",
)
OURS = {"script": 0, "img": 0, "svg": 0, "iframe": 0, "object": 0}


@pytest.fixture
def shop(tmp_path: Path, store: Engine) -> Iterator[Shop]:
    with open_shop(tmp_path, store) as shop:
        yield shop


class Elements(HTMLParser):
    """Names of elements and attributes of a page, and the addresses in it."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.addresses += [value or "" for name, value in attrs if name in {"href", "src", "action"}]


def assert_is_harmless(page: str) -> None:
    found = Elements()
    found.feed(page)
    assert {name: found.elements.count(name) for name in OURS} == OURS
    assert [name for name in found.attributes if name.startswith("on") or name in {"autofocus", "style"}] == []
    assert [address for address in found.addresses if address.startswith("javascript")] == []


def test_a_contacts_values_are_shown_as_text(shop: Shop) -> None:
    for number, attack in enumerate(ATTACKS, start=2):
        names = ("first_name", "last_name", "company", "address_line1", "city", "postcode", "country", "language")
        add_people(shop.store, 1, email_key=f"{attack}@example.org", **dict.fromkeys(names, attack))
        for path in (unsubscribe_path(number), preferences_path(number), unsubscribe_path(number, topic=attack)):
            assert_is_harmless(shop.get(path).text)
            assert_is_harmless(shop.send(path).text)


def test_what_a_visitor_sends_is_shown_as_text(shop: Shop) -> None:
    for attack in ATTACKS:
        query = urlencode({"source": attack, "language": attack, "topic": attack, "email": attack})
        assert_is_harmless(shop.get(f"/subscribe?{query}").text)
        page = shop.post("/subscribe", {"email": attack, "source": attack, "topic": attack, "language": attack}).text
        assert_is_harmless(page)
        (form,) = forms_of(page)
        assert (form.fields["email"], form.fields["source"]) == (attack.strip(), attack)
        typed = shop.send(preferences_path(), {"address_line1": attack, "postcode": attack, "country": attack})
        assert_is_harmless(typed.text)
        assert forms_of(typed.text)[0].fields["address_line1"] == attack
        assert_is_harmless(shop.get(f"{unsubscribe_path()}?{query}").text)


def test_the_copy_of_somebodys_data_runs_nothing(tmp_path: Path, store: Engine) -> None:
    with open_shop(tmp_path, store, last_name=ATTACKS[1], company=ATTACKS[4]) as shop:
        shop.send(preferences_path(), {"data": "export"}, button="/data")
        with zipfile.ZipFile(io.BytesIO(shop.send(shop.link_in_mail()).content)) as archive:
            page = archive.read("my-data.html").decode()
    assert_is_harmless(page)
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
