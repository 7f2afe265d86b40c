import pytest

from handbill.rendering.links import check_links
from handbill.rendering.mjml import parse_mjml
from handbill.rendering.source import TemplateFile, single
from tests.rendering.projects import cases

BEFORE, AFTER = "<mjml><mj-body><mj-section><mj-column>\n", "\n</mj-column></mj-section></mj-body></mjml>"


def problems(content: str, **given: str) -> list[str]:
    source = single(TemplateFile("email/a.mjml", "templates/email/a.mjml", BEFORE + content + AFTER))
    parsed, wrong = parse_mjml(source)
    assert parsed, wrong
    return [str(problem).removeprefix("templates/email/a.mjml:") for problem in check_links(parsed, given)]


def linked(target: str, **given: str) -> list[str]:
    return [each.removeprefix("2:18: ") for each in problems(f'<mj-button href="{target}">a</mj-button>', **given)]


@pytest.mark.parametrize(("target", "expected"), cases("wrong_links.txt"))
def test_a_link_that_leads_nowhere_or_astray_is_reported(target: str, expected: list[str]) -> None:
    assert linked(target) == expected


def test_an_empty_link_is_reported() -> None:
    assert linked("") == ["the address is empty. Write a full address, such as {{ brand.website }}."]


@pytest.mark.parametrize(
    "target",
    [
        "https://shop.example", "HTTP://shop.example", "mailto:help@shop.example", "tel:+441234", "sms:+441234",
        "{{ brand.website }}/{{ contact.tier }}", "{{ links.unsubscribe }}", "https://a.example/?c={{ contact.tier }}",
        "{% if code %}https://a.example{% else %}{{ brand.website }}{% endif %}", "{% set a = 1 %}https://a.example",
        "{{ product.url }}",
    ],
)  # fmt: skip
def test_a_full_address_is_fine(target: str) -> None:
    assert linked(target) == []


def test_every_branch_of_a_link_is_looked_at() -> None:
    found = problems('<mj-button href="{% if code %}/a{% elif offer %}https://b{% else %}/c{% endif %}">x</mj-button>')
    assert [each.split(":")[1] for each in found] == ["31", "68"]


def test_a_link_out_of_the_campaign_is_read_with_its_value() -> None:
    assert linked("{{ url }}", url="https://a.example") == []
    (problem,) = linked("{{ url }}/x", url="/spring")
    assert problem == (
        'url is put here, and "/spring" is no full address, and a mail is read outside your website. '
        "Write {{ brand.website }}/spring."
    )


def test_links_in_html_and_pictures_are_looked_at_too() -> None:
    content = (
        '<mj-text><a href="/a">a</a></mj-text>\n<mj-image src="b.png" alt="b" />\n<mj-image src="data:x" alt="c" />'
    )
    assert problems(content) == [
        '2:19: "/a" is no full address, and a mail is read outside your website. Write {{ brand.website }}/a.',
        '3:16: "b.png" is no full address, and a mail is read outside your website. Write {{ brand.website }}/b.png.',
        '4:16: mail programs do not open "data:x". Use an address that starts with https://.',
    ]
