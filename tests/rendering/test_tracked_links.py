"""Links are counted where they stand, and lead where the template says."""

from collections.abc import Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from handbill.rendering.email import EmailTemplate, Links, RenderedEmail, compile_email
from tests.rendering.projects import ARMS, mail, make_project

LINKS = Links("https://go.example/u/1", "https://go.example/p/1", "https://go.example/v/1")
TRACKED = {"links": "https://go.example", "tracking": "individual"}


class Follower:
    """Addresses that can be read: which link it is, and for a personal one where it leads."""

    def addresses(self, _language: str) -> Sequence[str]:
        return [f"https://go.example/c/{number}" for number in range(50)]

    def personal(self, _language: str, number: int, target: str) -> str:
        return f"https://go.example/c/{number}?to={target}"

    def tail(self, _language: str) -> str:
        return '<img src="https://go.example/o/1.gif" alt=""><a href="https://go.example/c/trap"></a>'


def template(
    folder: Path, content: str, channel: Mapping[str, Any] = TRACKED, own_text: str = "", arms: Any = ARMS
) -> EmailTemplate:
    files = {"email/spring.mjml": mail(content), **({"email/spring.txt": own_text} if own_text else {})}
    project = make_project(folder, files, channel=channel, arms=arms)
    return compile_email(project, project.campaigns["spring-sale"], "discount")


def rendered(folder: Path, content: str, **options: Any) -> RenderedEmail:
    return template(folder, content, **options).render({"city": "Ys", "tier": "gold"}, LINKS, Follower())


def hrefs(html: str) -> list[str]:
    reader = _Hrefs()
    reader.feed(html)
    return reader.found


class _Hrefs(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.extend(value or "" for name, value in attrs if tag == "a" and name == "href")


def button(address: str) -> str:
    return f'<mj-button href="{address}">Go</mj-button>'


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("https://shop.example/a?b=1&amp;c=2", "https://shop.example/a?b=1&c=2"),
        ("{{ brand.website }}", "https://shop.example"),
        ("{{ brand.website }}/spring#top", "https://shop.example/spring#top"),
        ("{{ brand.website }}/sale?code={{ code }}", "https://shop.example/sale?code=SPRING15"),
        ("https://shop.example/{{ campaign.name }}/{{ arm.name }}", "https://shop.example/spring-sale/discount"),
    ],
)
def test_a_link_that_is_the_same_for_everybody_is_fixed_once_a_template(
    tmp_path: Path, written: str, target: str
) -> None:
    email = template(tmp_path, button(written))
    assert [(each.kind, each.address, each.counted) for each in email.tracked("en").targets] == [
        ("fixed", target, True)
    ]
    assert hrefs(email.render({}, LINKS, Follower()).html)[0] == "https://go.example/c/0"


def test_the_words_of_the_analytics_stay_on_the_target(tmp_path: Path) -> None:
    utm = {**TRACKED, "utm": {"source": "handbill", "medium": "email"}}
    (target,) = template(tmp_path, button("{{ brand.website }}/spring"), channel=utm).tracked("en").targets
    assert target.address == (
        "https://shop.example/spring?utm_source=handbill&utm_medium=email&utm_campaign=spring-sale&utm_content=discount"
    )


@pytest.mark.parametrize(
    "written", ["mailto:help@shop.example", "tel:+441234567", "mailto:help@shop.example?subject={{ code }}"]
)
def test_what_is_no_web_page_is_not_counted(tmp_path: Path, written: str) -> None:
    email = rendered(tmp_path, button(written))
    assert hrefs(email.html)[0] == written.replace("{{ code }}", "SPRING15")


def test_the_recipients_own_pages_are_not_counted(tmp_path: Path) -> None:
    pages = ("unsubscribe", "preferences", "view_online")
    email = rendered(tmp_path, "".join(button(f"{{{{ links.{name} }}}}") for name in pages))
    assert hrefs(email.html)[:3] == ["https://go.example/u/1", "https://go.example/p/1", "https://go.example/v/1"]


@pytest.mark.parametrize(
    ("written", "target"),
    [
        ("{{ brand.website }}/{{ contact.city | default('x') }}", "https://shop.example/Ys"),
        ("https://maps.example/?q={{ contact.city | default('x') }}&amp;z=1", "https://maps.example/?q=Ys&z=1"),
        ("{% if contact.tier %}https://shop.example/g{% else %}https://shop.example/b{% endif %}",
         "https://shop.example/g"),
    ],
)  # fmt: skip
def test_a_link_that_only_its_recipient_makes_whole_carries_its_target(
    tmp_path: Path, written: str, target: str
) -> None:
    email = rendered(tmp_path, button(written))
    assert hrefs(email.html)[0] == f"https://go.example/c/0?to={target}"


@pytest.mark.parametrize(
    "value", [".evil.example", "@evil.example", ":x@evil.example", "\\.evil.example", "\t.evil.example"]
)
def test_a_value_of_the_recipients_own_never_makes_a_counted_link_to_another_host(tmp_path: Path, value: str) -> None:
    email = template(tmp_path, button("{{ brand.website }}{{ contact.city | default('') }}"))
    html = email.render({"city": value}, LINKS, Follower()).html
    assert not any("?to=" in href for href in hrefs(html))


def test_a_name_that_the_template_gives_anew_is_not_taken_for_the_arms(tmp_path: Path) -> None:
    content = f"{{% set code = contact.city | default('x') %}}{button('https://shop.example/{{ code }}')}"
    email = rendered(tmp_path, content)
    assert hrefs(email.html)[0] == "https://go.example/c/0?to=https://shop.example/Ys"


def test_a_value_that_the_arm_does_not_give_is_missed_only_where_it_is_asked_for(tmp_path: Path) -> None:
    arms = {**ARMS, "plain": ARMS["discount"], "discount": {"share": "45%", "email": {"subject": "Sale"}}}
    shown = "{% if code %}" + button("https://shop.example/{{ code }}") + "{% endif %}"
    email = template(tmp_path, shown, arms=arms)
    assert hrefs(email.render({}, LINKS, Follower()).html)[0] == "https://go.example/u/1"


def test_the_plain_text_has_the_same_links(tmp_path: Path) -> None:
    assert "Go <https://go.example/c/0>" in rendered(tmp_path, button("{{ brand.website }}/new")).text


def test_a_plain_text_of_its_own_has_links_of_its_own(tmp_path: Path) -> None:
    own = "{{ brand.name }}: see {{ brand.website }}/new. {{ links.unsubscribe }} {{ brand.postal_address }}"
    email = template(tmp_path, button("https://shop.example/a"), own_text=own)
    assert [each.address for each in email.tracked("en").targets] == [
        "https://shop.example/a",
        "https://shop.example/new",
    ]
    assert email.render({}, LINKS, Follower()).text.startswith(
        "Northwind & Sons: see https://go.example/c/1. https://go.example/u/1"
    )


def test_the_dot_and_the_link_for_machines_stand_at_the_end_and_not_in_the_text(tmp_path: Path) -> None:
    email = rendered(tmp_path, button("https://shop.example/a"))
    tail = Follower().tail("en")
    assert f"{tail}</body>" in "".join(email.html.split("\n"))
    assert "trap" not in email.text


@pytest.mark.parametrize("channel", [{}, {"links": "https://go.example", "tracking": "off"}])
def test_without_tracking_links_stay_as_they_are(tmp_path: Path, channel: Mapping[str, Any]) -> None:
    email = rendered(tmp_path, button("https://shop.example/a"), channel=channel)
    assert hrefs(email.html)[0] == "https://shop.example/a"
    assert "<img" not in email.html


def test_counting_numbers_only_needs_nothing_at_the_end(tmp_path: Path) -> None:
    channel = {"links": "https://go.example", "tracking": "aggregate"}
    email = rendered(tmp_path, button("https://shop.example/a"), channel=channel)
    assert (hrefs(email.html)[0], "o/1.gif" in email.html) == ("https://go.example/c/0", False)


def test_a_preview_leads_where_the_links_lead(tmp_path: Path) -> None:
    email = template(
        tmp_path, button("{{ brand.website }}/{{ contact.city | default('x') }}") + button("https://a.example")
    )
    assert hrefs(email.render({"city": "Ys"}, LINKS).html)[:2] == ["https://shop.example/Ys", "https://a.example"]
