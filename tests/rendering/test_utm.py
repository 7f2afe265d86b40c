from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from handbill.rendering.email import Links, RenderedEmail, compile_email
from handbill.rendering.utm import with_words
from tests.rendering.projects import mail, make_project

LINKS = Links("https://links.example/u/1", view_online="https://links.example/v/1")
UTM = {"utm": {"source": "handbill", "medium": "email"}}
WORDS = "utm_source=handbill&utm_medium=email&utm_campaign=spring-sale&utm_content=discount"


def rendered(folder: Path, content: str, channel: Mapping[str, Any] = UTM, own_text: str = "") -> RenderedEmail:
    files = {"email/spring.mjml": mail(content), **({"email/spring.txt": own_text} if own_text else {})}
    project = make_project(folder, files, channel=channel)
    return compile_email(project, project.campaigns["spring-sale"], "discount").render({"city": "Ys & Co"}, LINKS)


def links(email: RenderedEmail) -> list[str]:
    reader = _Links()
    reader.feed(email.html)
    return reader.found[:-1]  # the last one unsubscribes


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.extend(value or "" for name, value in attrs if tag == "a" and name == "href")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("https://shop.example", "https://shop.example?utm_source=a&utm_medium=b"),
        ("http://other.example/x?y=1", "http://other.example/x?y=1&utm_source=a&utm_medium=b"),
        ("https://shop.example/x#top", "https://shop.example/x?utm_source=a&utm_medium=b#top"),
        ("https://shop.example/x?utm_source=mine#top", "https://shop.example/x?utm_source=mine&utm_medium=b#top"),
        ("https://shop.example/x?", "https://shop.example/x?utm_source=a&utm_medium=b"),
        ("https://shop.example/?utm_source=1&UTM_medium=2", "https://shop.example/?utm_source=1&UTM_medium=2"),
        ("mailto:help@shop.example", "mailto:help@shop.example"),
        ("tel:+44", "tel:+44"),
    ],
)
def test_words_are_added_to_what_an_address_asks_for(address: str, expected: str) -> None:
    assert with_words(address, "utm_source=a&utm_medium=b") == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("https://shop.example/a?b=1&amp;c=2", f"https://shop.example/a?b=1&c=2&{WORDS}"),
        ("{{ brand.website }}/spring#top", f"https://shop.example/spring?{WORDS}#top"),
        ("{{ brand.website }}", f"https://shop.example?{WORDS}"),
        ("{{ brand.website }}/{{ contact.city | urlencode }}", f"https://shop.example/Ys%20%26%20Co?{WORDS}"),
        ("https://a.example/?q={{ contact.city | default('x') }}&amp;z#f", f"https://a.example/?q=Ys & Co&z&{WORDS}#f"),
        ("{% if code %}https://a.example{% else %}https://b.example{% endif %}", f"https://a.example?{WORDS}"),
        ("{{ links.view_online | default(brand.website) }}", "https://links.example/v/1"),
        ("mailto:help@shop.example?subject={{ code }}", "mailto:help@shop.example?subject=SPRING15"),
        ("mailto:help@shop.example", "mailto:help@shop.example"),
    ],
)  # fmt: skip
def test_links_tell_the_shop_the_campaign_and_the_arm(tmp_path: Path, written: str, expected: str) -> None:
    city = "{% if contact.city %}x{% endif %}"
    if "contact.city |" in written and "default" not in written:
        written = f"{{% if contact.city %}}{written}{{% else %}}{{{{ brand.website }}}}{{% endif %}}"
    email = rendered(tmp_path, f'<mj-button href="{written}">Go</mj-button><mj-text>{city}</mj-text>')
    assert links(email) == [expected]


def test_the_link_that_unsubscribes_stays_as_it_is(tmp_path: Path) -> None:
    email = rendered(tmp_path, "<mj-text>a</mj-text>")
    assert 'href="https://links.example/u/1"' in email.html


def test_the_plain_text_has_the_same_links(tmp_path: Path) -> None:
    content = '<mj-button href="{{ brand.website }}/new">Go</mj-button>'
    assert f"Go <https://shop.example/new?{WORDS}>" in rendered(tmp_path, content).text
    foot = "{{ links.unsubscribe }} {{ brand.postal_address }}"
    own = f"See {{{{ brand.website }}}}/new, or https://shop.example/a?b=1.\n{foot}"
    text = rendered(tmp_path, content, own_text=own).text
    assert text.startswith(
        f"See https://shop.example/new?{WORDS}, or https://shop.example/a?b=1&{WORDS}.\nhttps://links.example/u/1 1"
    )


def test_without_the_key_links_stay_as_they_are(tmp_path: Path) -> None:
    email = rendered(tmp_path, '<mj-button href="https://shop.example/a">Go</mj-button>', {})
    assert links(email) == ["https://shop.example/a"]
