from pathlib import Path
from typing import Any

import pytest

from handbill.rendering.compiled import compile_text
from handbill.rendering.environment import make_environment
from handbill.rendering.mjml import Carried, compile_mjml, parse_mjml, restore
from handbill.rendering.plain_text import plain_text, tidy
from handbill.rendering.source import TemplateFile, single
from tests.rendering.projects import column, make_project, mjml


def spoken(content: str, head: str = "", **values: Any) -> str:
    """What the text part says for a template with this content in one column."""
    source = single(TemplateFile("email/a.mjml", "templates/email/a.mjml", mjml(content, head)))
    parsed, problems = parse_mjml(source)
    assert parsed, problems
    html, problems = compile_mjml(parsed)
    assert html, problems
    environment = make_environment(make_project(Path("unused")))
    return tidy(compile_text(environment, "email/a.txt", restore(plain_text(html), source.place)).render(values))


def read(html: str) -> str:
    return tidy(plain_text(Carried(html, (), ())).text)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two  words\n here</p>", "One\n\nTwo words here\n"),
        ("<h1>Head</h1><div>a<br>b</div>", "Head\n\na\nb\n"),
        ("<ul><li>a</li><li>b</li></ul><ol><li>c</li><li>d</li></ol>", "- a\n\n- b\n\n1. c\n\n2. d\n"),
        ('<p>See <a href="https://a.example/?b=1&amp;c=2">our shop</a>.</p>', "See our shop <https://a.example/?b=1&c=2>.\n"),
        ('<a href="https://a.example">https://a.example</a>', "https://a.example\n"),
        ('<a href="mailto:a@b.example">a@b.example</a>', "a@b.example\n"),
        ('<a href="https://a.example"><img src="https://b" alt="Shop"></a>', "Shop <https://a.example>\n"),
        ('<a href="https://a.example"><img src="https://b" alt=""></a>', "<https://a.example>\n"),
        ('<img src="https://b">', "\n"),
        ("<table><tr><th>Size</th><th>Price</th></tr><tr><td>S</td><td>£ 5</td></tr></table>", "Size  Price\nS  £ 5\n"),
        ('<table role="presentation"><tr><td><p>a</p></td><td>b</td></tr></table>', "a\n\nb\n"),
        ("<p>5&nbsp;kg &lt; 6&nbsp;kg &amp; more&shy;over&zwnj;</p>", "5 kg < 6 kg & moreover\u200c\n"),
        ("<style>p{}</style><script>x</script><p>a</p>", "a\n"),
        ('<div style="display:none">hidden<div>too</div></div>shown', "shown\n"),
        ("<!--[if mso]><p>Outlook</p><![endif]-->a", "a\n"),
        ("<p>&#123;&#123; not jinja }}</p>", "{{ '{' }}{ not jinja }}\n"),
    ],
)  # fmt: skip
def test_html_is_read_aloud(html: str, text: str) -> None:
    assert read(html) == text


def test_links_with_jinja_are_kept() -> None:
    button = '<mj-button href="{{ url }}/{{ path }}">Shop now</mj-button>'
    assert spoken(column(button), url="https://a.example", path="x&y") == "Shop now <https://a.example/x&y>\n"


def test_values_are_not_escaped() -> None:
    assert spoken(column("<mj-text>Dear {{ name }}</mj-text>"), name="Ann & <Bob>") == "Dear Ann & <Bob>\n"


def test_the_preheader_the_title_and_the_styles_are_not_said() -> None:
    head = "<mj-title>{{ a }}</mj-title><mj-preview>{{ a }}</mj-preview><mj-style>.x{color:{{ a }}}</mj-style>"
    assert spoken(column("<mj-text>b</mj-text>"), head, a="no") == "b\n"


def test_what_a_condition_leaves_out_leaves_no_gap() -> None:
    first = column("<mj-text>a</mj-text>") + "{% if x %}" + column("<mj-text>{{ x }}</mj-text>") + "{% endif %}"
    second = column("<mj-text>b</mj-text>{% if x %}<mj-text>c</mj-text>{% else %}<mj-text>d</mj-text>{% endif %}")
    text = first + second
    assert [spoken(text, x="x"), spoken(text, x="")] == ["a\n\nx\n\nb\n\nc\n", "a\n\nb\n\nd\n"]


def test_loops_around_sections_columns_and_in_wrappers_are_followed() -> None:
    section = column("<mj-text>{{ x }}</mj-text>")
    loop = "{% for x in xs %}" + section + "{% endfor %}"
    columns = "<mj-section>{% for x in xs %}<mj-column><mj-text>{{ x }}</mj-text></mj-column>{% endfor %}</mj-section>"
    for body in (loop, f"<mj-wrapper>{loop}</mj-wrapper>", columns):
        assert spoken(body, xs=["a", "b"]) == "a\n\nb\n"


def test_a_value_that_is_set_in_the_head_or_in_an_attribute_is_known() -> None:
    text = "{% set a = 1 %}" + column(
        '<mj-button href="{% if a %}https://a{% else %}https://b{% endif %}">{{ a }}</mj-button>'
    )
    assert spoken(text) == "1 <https://a>\n"


def test_a_condition_within_a_sentence_stays_in_it() -> None:
    text = column("<mj-text><p>Hello{% if name %}, {{ name }}{% endif %}!</p></mj-text>")
    assert [spoken(text, name="Ann"), spoken(text, name="")] == ["Hello, Ann!\n", "Hello!\n"]
