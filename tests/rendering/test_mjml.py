import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from handbill.errors import NotRenderable
from handbill.rendering.compiled import CompiledText, compile_text
from handbill.rendering.elements import VOID_HTML
from handbill.rendering.environment import make_environment, missing
from handbill.rendering.mjml import compile_mjml, parse_mjml, restore
from handbill.rendering.source import TemplateFile, single
from tests.rendering.projects import cases, column, make_project, mjml

LABEL = "templates/email/a.mjml"


def compiled(text: str) -> CompiledText:
    source = single(TemplateFile("email/a.mjml", LABEL, text))
    parsed, problems = parse_mjml(source)
    assert problems == []
    assert parsed
    html, problems = compile_mjml(parsed)
    assert problems == []
    assert html
    environment = make_environment(make_project(Path("unused")))
    return compile_text(environment, "email/a.html", restore(html, source.place))


def rendered(text: str, **values: Any) -> str:
    return compiled(text).render(values)


def said(text: str, **values: Any) -> list[str]:
    """The words of the body, one an element."""
    html = rendered(text, **values)
    body = re.sub(r"<!--.*?-->", "", html[html.index("<body") :], flags=re.DOTALL)
    return [word for word in re.sub(r"<[^>]*>", "\n", body).split("\n") if word.strip()]


def problems(text: str) -> list[str]:
    source = single(TemplateFile("email/a.mjml", LABEL, text))
    parsed, found = parse_mjml(source)
    if parsed:
        found = compile_mjml(parsed)[1]
    return [str(problem).removeprefix(f"{LABEL}:") for problem in found]


class _Nesting(HTMLParser):
    """Fails where elements are not closed in the order in which they were opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - fixed by html.parser
        if tag not in VOID_HTML:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_nested(html: str) -> None:
    """Both as browsers read it and as Outlook does, which also reads what stands in conditional comments."""
    outlook = re.sub(r"<!--\[if !mso\]><!-->.*?<!--<!\[endif\]-->", "", html, flags=re.DOTALL)
    outlook = re.sub(r"<!--\[if [^\]]*\]>|<!\[endif\]-->", "", outlook)
    for text in (html, re.sub(r"<noscript>.*?</noscript>", "", outlook, flags=re.DOTALL)):
        nesting = _Nesting()
        nesting.feed(text)
        nesting.close()
        assert nesting.open == []


LOOP = "{% for x in xs %}", "{% endfor %}"


@pytest.mark.parametrize(
    "body",
    [
        LOOP[0] + column("<mj-text>{{ x }}</mj-text>") + LOOP[1],
        f"<mj-section>{LOOP[0]}<mj-column><mj-text>{{{{ x }}}}</mj-text></mj-column>{LOOP[1]}</mj-section>",
        f"<mj-section><mj-group>{LOOP[0]}<mj-column><mj-raw>{{{{x}}}}</mj-raw></mj-column>{LOOP[1]}</mj-group></mj-section>",
        column(f"{LOOP[0]}<mj-text>{{{{ x }}}}</mj-text>{LOOP[1]}"),
        column(f"<mj-text>{LOOP[0]}<p>{{{{ x }}}}</p>{LOOP[1]}</mj-text>"),
        column(f"<mj-table>{LOOP[0]}<tr><td>{{{{ x }}}}</td></tr>{LOOP[1]}</mj-table>"),
        column(f"<mj-raw>{LOOP[0]}<tr><td>{{{{ x }}}}</td></tr>{LOOP[1]}</mj-raw>"),
        f"<mj-wrapper>{LOOP[0]}{column('<mj-text>{{ x }}</mj-text>')}{LOOP[1]}</mj-wrapper>",
        f"<mj-hero>{LOOP[0]}<mj-text>{{{{ x }}}}</mj-text>{LOOP[1]}</mj-hero>",
        column(
            f"<mj-navbar>{LOOP[0]}<mj-navbar-link href='https://a'>{{{{ x }}}}</mj-navbar-link>{LOOP[1]}</mj-navbar>"
        ),
        column(
            f"<mj-social>{LOOP[0]}<mj-social-element src='https://a' href='https://a'>{{{{ x }}}}</mj-social-element>"
            f"{LOOP[1]}</mj-social>"
        ),
        column(
            f"<mj-social mode='vertical'>{LOOP[0]}<mj-social-element src='https://a' href='https://a'>{{{{ x }}}}"
            f"</mj-social-element>{LOOP[1]}</mj-social>"
        ),
    ],
)
@pytest.mark.parametrize("xs", [[], ["alpha"], ["alpha", "beta", "gamma"]])
def test_a_loop_may_stand_around_any_element(body: str, xs: list[str]) -> None:
    html = rendered(mjml(body), xs=xs)
    assert [word for word in ("alpha", "beta", "gamma") if word in html] == xs
    assert_nested(html)


def test_conditions_divide_at_every_level() -> None:
    text = mjml(
        "{% if big %}" + column("<mj-text>big</mj-text>") + "{% elif small %}" + column("<mj-text>small</mj-text>")
        + "{% else %}<mj-section>{% if x %}<mj-column><mj-text>x</mj-text></mj-column>{% endif %}</mj-section>"
        "{% endif %}"
    )  # fmt: skip
    outcomes = [said(text, big=True), said(text, big=False, small=True), said(text, big=False, small=False, x=True)]
    assert outcomes == [["big"], ["small"], ["x"]]
    assert_nested(rendered(text, big=False, small=False, x=False))


def test_characters_that_would_break_markup_are_safe_inside_jinja() -> None:
    text = mjml(column("""<mj-text>{{ a if 1 < 2 and "<b>" != '&' else "</mj-text>" }}</mj-text>"""))
    assert said(text, a="yes") == ["yes"]


def test_jinja_may_stand_in_the_value_of_an_attribute_with_quotes_of_its_own() -> None:
    link = """href="https://a/{{ x | default("<>&") }}" background-color="{% if y %}red{% else %}blue{% endif %}" """
    html = rendered(mjml(column(f"<mj-button {link}>b</mj-button>")), x=missing("x"), y=0)
    assert 'href="https://a/&lt;&gt;&amp;"' in html
    assert 'bgcolor="blue"' in html


def test_whitespace_control_and_raw_and_comments_work_as_in_jinja() -> None:
    text = mjml(column("<mj-text>a {{- x -}} b{# <mj-nothing> {{ y }} #}{% raw %}{{ z }}{% endraw %}</mj-text>{# #}"))
    assert said(text, x=1) == ["a1b{{ z }}"]


def test_values_may_be_set_before_the_document_and_in_it() -> None:
    text = "{% set a = 1 %}" + mjml(
        "{% set b = a + 1 %}" + column("{% set c = b * 2 %}<mj-text>{% set d %}x{{ c }}{% endset %}{{ d }}</mj-text>"),
        head="{% set e = 3 %}<mj-title>{{ e }}</mj-title>",
    )
    assert said(text) == ["x4"]
    assert "<title>3</title>" in rendered(text)


def test_a_macro_may_be_written_and_called_in_a_text() -> None:
    macro = "{% macro hello(name) %}<b>{{ name }}</b>{% endmacro %}"
    assert said(mjml(column(f"<mj-text>{macro}{{{{ hello('<Ann>') }}}}</mj-text>"))) == ["&lt;Ann&gt;"]


def test_an_authors_comment_is_not_sent_and_one_for_outlook_is() -> None:
    text = mjml("<!-- <mj-oops> -->" + column("<mj-text>a<!-- note --><!--[if mso]>{{ x }}<![endif]--></mj-text>"))
    html = rendered(text, x="for Outlook")
    assert "note" not in html
    assert "oops" not in html
    assert "<!--[if mso]>for Outlook<![endif]-->" in html


def test_no_font_is_fetched_unless_the_template_asks_for_it() -> None:
    assert not re.search(r"(href|src|url)\W+http", rendered(mjml(column("<mj-text>a</mj-text>"))))
    asked = mjml(
        column("<mj-text font-family='Lora'>a</mj-text>"), "<mj-font name='Lora' href='https://fonts.example/lora' />"
    )
    assert "https://fonts.example/lora" in rendered(asked)


def test_an_error_for_one_recipient_names_file_line_and_column() -> None:
    text = (
        "<mjml>\n<mj-body>\n"
        + column("<mj-text>\n{{ a }} {{ b }}\n  {%- if x %} {{ contact.tier }}{% endif %}</mj-text>")
        + "</mj-body></mjml>"
    )
    template = compiled(text)
    with pytest.raises(NotRenderable) as caught:
        template.render({"a": 1, "b": 2, "x": 1, "contact": {"tier": missing("contact.tier")}})
    assert str(caught.value) == (
        f"{LABEL}:5:15: contact.tier has no value for this recipient. "
        'Write {{ contact.tier | default("…") }}, or leave it out with {% if %}.'
    )


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "{{ ''.__class__ }}",
            "access to attribute '__class__' of 'str' object is unsafe. Templates read plain values only.",
        ),
        ("{{ 1 / 0 }}", "this fails for this recipient (ZeroDivisionError). Check the values that it uses."),
        ("{{ 'x' | money }}", "the filter money needs a number. Check the value."),
        ("{% for x in range(9999) %}{% endfor %}", "range of more than 1000 numbers. Check the value."),
        ("{{ nobody }}", "'nobody' is undefined. Check the name."),
    ],
)  # fmt: skip
def test_whatever_fails_for_one_recipient_is_said_with_its_place(source: str, message: str) -> None:
    template = compiled(mjml(column(f"<mj-text>\n{source}</mj-text>")))
    with pytest.raises(NotRenderable) as caught:
        template.render({})
    assert str(caught.value) == f"{LABEL}:2:1: {message}"


AROUND = {
    "whole": ("", ""),
    "head": ("<mjml><mj-head>", "</mj-head><mj-body></mj-body></mjml>"),
    "body": ("<mjml><mj-body>", "</mj-body></mjml>"),
    "column": ("<mjml><mj-body><mj-section><mj-column>", "</mj-column></mj-section></mj-body></mjml>"),
}


def mistakes() -> list[tuple[str, list[str]]]:
    """Templates, each with the problems that it has."""
    found = []
    for written, expected in cases("mistakes.txt"):
        around, content = written.split(": ", 1)
        before, after = AROUND[around]
        found.append((f"{before}\n{content}\n{after}", expected))
    return found


@pytest.mark.parametrize(("text", "expected"), mistakes(), ids=lambda each: each[0] if isinstance(each, list) else "")
def test_every_mistake_has_its_line_its_column_and_its_mending(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


def test_all_mistakes_are_reported_at_once_in_their_order() -> None:
    text = (
        "<mjml>\n<mj-body>\n<mj-sectionx>\n<mj-column>\n<mj-text colr='a'>\n<i>a\n</mj-text></mj-column></mj-sectionx>"
    )
    assert problems(text + "</mj-body></mjml>") == [
        "3:1: <mj-sectionx> is no element of MJML. Did you mean mj-section?",
        '5:10: mj-text has no attribute "colr". Did you mean color?',
        "6:1: the <i> that opens here is never closed. Close it with </i>.",
    ]


def test_html_that_is_not_xml_is_fine() -> None:
    text = mjml(
        column("<mj-text>a<br>b &nbsp; c & d <img src='https://a' alt='x'><a href='https://a?b=1&c=2'>e</a></mj-text>")
    )
    assert problems(text) == []


def test_elements_that_stand_in_each_other_without_end_are_refused() -> None:
    found = problems(mjml(column(f"<mj-text>{'<div>' * 6000}{'</div>' * 6000}</mj-text>")))
    assert found == ["1:1037: this is the 200th element that stands in another. Nest them less deeply."]


def test_a_macro_writes_whole_elements_where_it_is_called() -> None:
    card = "<mj-section><mj-column><mj-text>{{ title }}</mj-text></mj-column></mj-section>"
    macro = f"{{% macro card(title) %}}{card}{{% endmacro %}}"
    text = mjml(f"{macro}{{{{ card('One') }}}}{{% for name in names %}}{{{{ card(name) }}}}{{% endfor %}}")
    assert said(text, names=["Two", "Three"]) == ["One", "Two", "Three"]


@pytest.mark.parametrize("word", ["hbjinja00000z", "hbjinja99999z"])
def test_the_words_that_stand_for_tags_are_refused(word: str) -> None:
    found = problems(mjml(column(f"<mj-text>{word}</mj-text>")))
    assert found == ["1:67: this word is one that Handbill uses itself. Write another one."]
