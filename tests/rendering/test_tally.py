import time
from pathlib import Path
from typing import Any

import pytest

from handbill.errors import NeverEnds, NotRenderable, Problem, ProjectInvalid
from handbill.rendering.compiled import CompiledText, Fallback, compile_text
from handbill.rendering.environment import make_environment, missing
from handbill.rendering.mjml import as_carried, restore
from handbill.rendering.source import TemplateFile, single
from tests.rendering.projects import make_project

WITHOUT_END = [
    "{% for a in range(1000) %}" * 3 + "x" + "{% endfor %}" * 3,
    "{{ 'a' * 10**9 }}",
    "{{ [1] * 10**9 }}",
    "{{ 10**9 * 'a' }}",
    "{{ 9 ** 1000000000 }}",
    "{{ 'a'.ljust(10**9) }}",
    "{{ 'a' | center(10**9) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%1000000000d' | format(1) }}",
    "{{ '%*d' | format(10**9, 1) }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ '{:>{}}'.format(1, 10**9) }}",
    "{{ [1] | batch(10**9, 'x') | list }}",
    "{{ [1] | slice(10**9) | list }}",
    "{{ 1.5 | round(10**9, 'ceil') }}",
    "{% set a = 'x' * 1000 %}{{ a.replace('x', a).replace('x', a) }}",
    "{% set a = 'x' * 1000 %}{{ a | replace('x', a) | replace('x', a) }}",
    "{% set a = 'x' * 1000 %}" + "{% set a = a ~ a %}" * 40 + "{{ a }}",
    "{% set a = 'x' * 1000 %}" + "{% set a = [a, a] | join %}" * 40 + "{{ a }}",
    "{% set a = 'x' * 1000 %}" + "{% set a %}{{ a }}{{ a }}{% endset %}" * 40,
    "{% set a = [1] %}" + "{% set a = a + a %}" * 40 + "{{ a }}",
    "{% set a = 99 %}" + "{% set a = a * a %}" * 60 + "{{ a }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(40) }}",
    "{% for x in [1, 2] recursive %}{% if loop.depth < 40 %}{{ loop([1, 2]) }}{% endif %}{% endfor %}",
    "{% set a = 'x' * 100000 %}{% for i in range(1000) %}{{ a }}{% endfor %}",
    "{% for i in range(1000) %}{% for i in range(90) %}" + "y" * 1000 + "{% endfor %}{% endfor %}",
    "{{ ('<!--' * 100000) | striptags }}",
]  # fmt: skip


def compiled(folder: Path, text: str) -> CompiledText:
    source = single(TemplateFile("email/spring.txt", "templates/email/spring.txt", text))
    environment = make_environment(make_project(folder))
    return compile_text(environment, "email/spring.txt", restore(as_carried(source), source.place))


@pytest.mark.parametrize("text", WITHOUT_END, ids=range(len(WITHOUT_END)))
def test_what_repeats_or_grows_without_end_is_stopped_at_its_line(tmp_path: Path, text: str) -> None:
    started = time.process_time()
    with pytest.raises(NeverEnds) as stopped:
        compiled(tmp_path, f"One\n{text}").render({})
    assert time.process_time() - started < 2
    (problem,) = stopped.value.problems
    assert (problem.file, problem.line) == ("templates/email/spring.txt", 2)
    assert problem.what == "this repeats or grows without end, and was stopped."
    assert problem.mend == "Let it repeat less often, and write less."


@pytest.mark.parametrize(
    "text",
    [
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    ],
)
def test_what_calls_itself_without_end_is_stopped_at_its_line(tmp_path: Path, text: str) -> None:
    with pytest.raises(NeverEnds) as stopped:
        compiled(tmp_path, text).render({})
    assert stopped.value.problems == (
        Problem(
            "templates/email/spring.txt", 1, stopped.value.problems[0].column,
            "this calls itself without end, and was stopped.", "Give it an end, or use {% for %}.",
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    "text", ["{% for a in [1] %}" * 30 + "{% endfor %}" * 30, f"{{{{ {'(' * 3000}1{')' * 3000} }}}}"]
)
def test_what_is_nested_too_deeply_for_jinja_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ProjectInvalid) as refused:
        compiled(tmp_path, text)
    assert str(refused.value) == (
        "templates/email/spring.txt:1:1: loops, conditions or brackets are nested too deeply for Jinja. "
        "Nest them less, or use a macro."
    )


@pytest.mark.parametrize("text", ["{{ 5 .to_bytes(10**9) }}", "{{ 'a'.encode() }}", "{{ n['to_bytes'](10**9) }}"])
def test_what_numbers_and_texts_offer_to_programs_is_closed(tmp_path: Path, text: str) -> None:
    with pytest.raises(NotRenderable, match="is unsafe"):
        compiled(tmp_path, text).render({"n": 5})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{% for x in [1, 2] %}{{ loop.index }}/{{ loop.length }} {% else %}-{% endfor %}", "1/2 2/2 "),
        ("{% for x in [] %}{% else %}none{% endfor %}", "none"),
        ("{% for row in [1, 2, 3] | batch(2) %}{{ loop.length }}{{ row | join('+') }} {% endfor %}", "21+2 23 "),
        ("{% for x in [[1, [2, 0]]] recursive %}{{ x[0] }}{{ loop([x[1]]) if x[1] }}{% endfor %}", "12"),
        ("{% for k in {'a': 1} %}{{ k }}{% endfor %}", "a"),
        ("{{ 'a' ~ 1 ~ none }}", "a1None"),
        ("{{ 'x' * 3 }}{{ 2 ** 10 }}{{ '%05d' % 42 }}{{ '{:,}'.format(1234567) }}", "xxx1024000421,234,567"),
        ("{{ [3, 1] | sort | map('string') | join(', ') }}", "1, 3"),
        ("{{ 'a b' | title | replace(' ', '-') | indent(2) }}", "A-B"),
        ("{% macro f(n) %}{{ n }}{% if n %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "3210"),
        ("{% filter upper %}a{% endfilter %}", "A"),
        ("{{ 1234.567 | round(1) }}", "1234.6"),
    ],
)
def test_counting_changes_nothing_of_what_is_written(tmp_path: Path, text: str, expected: str) -> None:
    assert compiled(tmp_path, text).render({}) == expected


def test_the_fallbacks_that_somebody_reads_are_told_with_their_places(tmp_path: Path) -> None:
    text = compiled(
        tmp_path, "Dear {{ c.name | d('friend') }},{{ code | d('-') }}\n{{ c.city | upper | d(town) }} {{ c.tier | d }}"
    )
    read: set[Fallback] = set()
    values: dict[str, Any] = {
        "c": {"name": missing("c.name"), "city": "Ys", "tier": missing("c.tier")},
        "code": missing("code"),
    }
    assert text.render(values, read) == "Dear friend,-\nYS "
    assert read == {
        Fallback("templates/email/spring.txt", 1, 6, "c.name", "friend"),
        Fallback("templates/email/spring.txt", 2, 32, "c.tier", ""),
    }
