import pytest

from handbill.rendering.jinja_tags import find_tags, unbalanced


def found(text: str) -> list[str]:
    return [tag.text for tag in find_tags(text)[0]]


def faults(text: str) -> list[tuple[int, str]]:
    tags, wrong = find_tags(text)
    return [(fault.offset, f"{fault.what} {fault.mend}") for fault in (*wrong, *unbalanced(tags))]


def test_a_tag_ends_where_jinja_ends_it() -> None:
    text = "a {{ '}}' }} b {%- if x == \"%}\" -%} c {# {{ not }} #} {% endif %}"
    assert found(text) == ["{{ '}}' }}", '{%- if x == "%}" -%}', "{# {{ not }} #}", "{% endif %}"]


def test_raw_text_is_one_tag() -> None:
    assert found("{% raw %}{{ x }}{% endraw %}{{ y }}") == ["{% raw %}{{ x }}{% endraw %}", "{{ y }}"]


NEVER_CLOSED = "the {} that opens here is never closed. Close it with {}"


@pytest.mark.parametrize(
    ("text", "offset", "problem"),
    [
        ("a {{ b", 2, NEVER_CLOSED.format("{{", "}}, and every quotation mark inside it.")),
        ("{% if 'x %}", 0, NEVER_CLOSED.format("{%", "%}, and every quotation mark inside it.")),
        ("{# note", 0, NEVER_CLOSED.format("{#", "#}, and every quotation mark inside it.")),
        ("{% raw %}x", 0, NEVER_CLOSED.format("{% raw %}", "{% endraw %}.")),
        ("{% if a %}x", 0, NEVER_CLOSED.format("{% if a %}", "{% endif %}.")),
        ("x{% endif %}", 1, "{% endif %} closes nothing. Remove it, or open its block before it."),
        ("{% for a in b %}{% endif %}", 16,
         "{% endif %} closes nothing. {% for a in b %} is open here: close it with {% endfor %}."),
        ("{% else %}", 0, "{% else %} divides nothing. Write it between {% if %} or {% for %} and its end."),
        ("{% for a in b %}{% elif c %}{% endfor %}", 16,
         "{% elif c %} divides nothing. Write it between {% if %} and its end."),
    ],
)  # fmt: skip
def test_what_is_not_closed_is_named_where_it_opens(text: str, offset: int, problem: str) -> None:
    assert faults(text)[0] == (offset, problem)


def test_balanced_text_has_no_faults() -> None:
    sets = "{% set a = 1 %}{% set b %}x{% endset %}"
    loop = "{% for x in y %}{% if x %}{% elif z %}{% else %}{% endif %}{% else %}{% endfor %}"
    assert faults(sets + loop) == []


def test_a_long_tag_is_shown_short() -> None:
    tags, _ = find_tags("{{ a\n   + 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb' }}")
    assert tags[0].shown == "{{ a + 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb…"
