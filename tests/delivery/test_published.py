"""Links get their numbers once and keep them, and each way of tracking puts into a message what it promises."""

import re
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from handbill.definitions.project import Project
from handbill.delivery.copies import unsent_row
from handbill.delivery.links import Click, read_click, read_open
from handbill.delivery.messages import Composer
from handbill.delivery.published import Listed, codes_of, publish, unpublished
from handbill.store.connection import reading, writing
from handbill.store.tables import link
from tests.conftest import NOW
from tests.rendering.projects import mail, make_project

KEY = b"a key"
TEMPLATE = mail(
    '<mj-button href="{{ brand.website }}/a">A</mj-button><mj-button href="https://shop.example/b">B</mj-button>'
    "<mj-button href=\"{{ brand.website }}/{{ contact.city | default('x') }}\">C</mj-button>"
)
LINK = Listed("plain", "en", 0, "fixed", "https://shop.example/a")


def project_with(root: Path, tracking: str) -> Project:
    channel = {"links": "https://go.example", "tracking": tracking}
    return make_project(root, {"email/spring.mjml": TEMPLATE}, channel=channel)


def composed(root: Path, tracking: str, outbox_id: int = 7, *, published: bool = True) -> str:
    """The HTML of a message of arm plain; links have the numbers 100, 101… in their order."""
    project = project_with(root, tracking)

    def number(links: list[Listed]) -> dict[Listed, int]:
        mine = [each for each in links if each.arm == "plain"]
        return {each: 100 + at for at, each in enumerate(mine)}

    composer = Composer(project, project.campaigns["spring-sale"], KEY, None, number if published else None)  # type: ignore[arg-type] # lists are all it gets
    row = unsent_row("plain", "ann@example.org", NOW)._replace(id=outbox_id, contact_id=3)
    message = message_from_bytes(composer.compose(row, {"city": "Ys"}).message, policy=default)
    return str(message.get_body(("html",)).get_content())  # type: ignore[union-attr] # it has one


def clicks(html: str) -> list[Click | None]:
    return [read_click(KEY, token) for token in re.findall(r"https://go\.example/c/([\w-]+)", html)]


def test_every_link_of_a_message_names_the_link_and_the_message(tmp_path: Path) -> None:
    html = composed(tmp_path, "individual")
    assert clicks(html) == [
        Click(100, 7), Click(101, 7), Click(102, 7, "https://shop.example/Ys"), Click(103, 7),
    ]  # fmt: skip
    (picture,) = re.findall(r"https://go\.example/o/([\w-]+)\.gif", html)
    assert read_open(KEY, picture) == 7


def test_the_link_for_machines_is_hidden_from_eyes_keyboards_and_screen_readers(tmp_path: Path) -> None:
    (trap,) = re.findall(r'<a href="[^"]+"([^>]*)></a></body>', composed(tmp_path, "individual"))
    assert trap == ' aria-hidden="true" tabindex="-1" style="display:none"'


def test_counting_for_all_gives_everybody_the_same_links_and_no_picture(tmp_path: Path) -> None:
    first, second = (composed(tmp_path, "aggregate", number) for number in (7, 8))
    assert clicks(first) == [Click(100, 0), Click(101, 0), Click(102, 0, "https://shop.example/Ys")]
    assert clicks(first) == clicks(second)
    assert "<img" not in first


@pytest.mark.parametrize(("tracking", "published"), [("off", True), ("individual", False)])
def test_without_counting_links_lead_where_they_lead(tmp_path: Path, tracking: str, *, published: bool) -> None:
    html = composed(tmp_path, tracking, published=published)
    assert clicks(html) == []
    assert re.findall(r'href="(https://shop[^"]+)"', html) == [
        "https://shop.example/a", "https://shop.example/b", "https://shop.example/Ys",
    ]  # fmt: skip


def test_a_dry_rendering_makes_links_as_long_as_any(tmp_path: Path) -> None:
    project = project_with(tmp_path, "individual")
    composer = Composer(project, project.campaigns["spring-sale"], KEY, None, unpublished)
    row = unsent_row("plain", "ann@example.org", NOW)._replace(id=9_999_999_999)
    assert clicks(composer.render(row, {}).html)[0] == Click(9_999_999, 9_999_999_999)


def test_a_link_keeps_its_number_and_another_target_gets_another(store: Engine) -> None:
    moved = Listed("plain", "en", 0, "fixed", "https://shop.example/other")
    with writing(store) as connection:
        first = publish(connection, "spring", [LINK], now=NOW)
        second = publish(connection, "spring", [LINK, moved], now=NOW)
        other = publish(connection, "autumn", [LINK], now=NOW)
    assert first[LINK] == second[LINK]
    assert len({first[LINK], second[moved], other[LINK]}) == 3
    with reading(store) as connection:
        assert connection.scalar(select(link.c.target).where(link.c.id == first[LINK])) == "https://shop.example/a"


def test_a_campaign_without_links_publishes_nothing(store: Engine) -> None:
    with writing(store) as connection:
        assert publish(connection, "spring", [], now=NOW) == {}
        assert connection.scalar(select(func.count()).select_from(link)) == 0


@pytest.mark.parametrize(
    ("landing", "target"),
    [
        (None, "https://shop.example/r/{code}"),
        ("https://shop.example/back", "https://shop.example/back?code={code}"),
        ("https://shop.example/back?a=1#top", "https://shop.example/back?a=1&code={code}#top"),
    ],
)
def test_a_printed_code_leads_to_the_page_that_the_campaign_names(
    tmp_path: Path, landing: str | None, target: str
) -> None:
    piece = {"template": "letter", "format": "letter", **({"landing": landing} if landing else {})}
    arms = {
        "nothing": {"share": "50%", "holdout": "true"},
        "post": {"share": "50%", "direct_mail": piece},
    }
    project = make_project(tmp_path, arms=arms)
    assert list(codes_of(project, project.campaigns["spring-sale"])) == [Listed("post", "", 0, "code", target)]
