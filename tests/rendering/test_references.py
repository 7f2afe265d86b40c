from pathlib import Path
from typing import Any

import pytest

from handbill.rendering.environment import make_environment
from handbill.rendering.references import check_references
from handbill.rendering.scope import scope_of
from handbill.rendering.source import TemplateFile, single
from handbill.rendering.syntax import read_syntax
from tests.rendering.projects import cases, make_project

LABEL = "templates/email/spring.mjml"
LINKS = {("links",): True, ("links", "unsubscribe"): True, ("links", "view_online"): False, ("subject",): True}


def problems(text: str, *, arm: str = "discount", **campaign: Any) -> list[str]:
    project = make_project(Path("unused"), **campaign)
    spring = project.campaigns["spring-sale"]
    given = {"code": "SPRING15"} if arm == "discount" else {}
    scope = scope_of(project, spring, arm, "email", given, LINKS)
    source = single(TemplateFile("email/spring.mjml", LABEL, text))
    syntax, found = read_syntax(make_environment(project), source)
    found += check_references(syntax, scope) if syntax else []
    return [str(problem).removeprefix(f"{LABEL}:") for problem in found]


def or_provide(name: str) -> str:
    return f'or write {{{{ {name} | default("…") }}}}, or put it between {{% if {name} %}} and {{% endif %}}.'


@pytest.mark.parametrize(("text", "expected"), cases("wrong_names.txt"))
def test_a_name_that_stands_for_nothing_is_reported_with_its_place(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{{ contact.email }} {{ contact.external_id }} {{ brand.name }} {{ campaign.topic }}",
        "{{ arm.name }} {{ subject }}",
        "{{ code }} {{ offer.discount | percent }} {{ links.unsubscribe }}",
        "{{ contact.first_name | default('friend') }} {{ contact.first_name | d('friend') | upper }}",
        "{{ contact.first_name or 'friend' }}",
        "{% if contact.tier %}{{ contact.tier }}{% endif %}",
        "{% if contact.tier is defined and contact.tier == 'gold' %}{{ contact.tier }}{% endif %}",
        "{% if contact.tier == 'gold' %}{{ contact.tier }}{% elif contact.city in 'a' %}{{ contact.city }}{% endif %}",
        "{% if not contact.tier %}-{% else %}{{ contact.tier }}{% endif %}",
        "{% if contact.tier != 'gold' %}-{% else %}{{ contact.tier }}{% endif %}",
        "{% if contact.tier is undefined %}-{% elif code %}{{ contact.tier }}{% endif %}",
        "{{ contact.tier if contact.tier else '-' }} {{ '-' if not contact.tier else contact.tier }}",
        "{% if contact.tier and contact.city %}{{ contact.tier }} {{ contact.city }}{% endif %}",
        "{{ contact.loyalty_points and contact.loyalty_points + 1 }}",
        "{% set name = contact.first_name | default('friend') %}{{ name }}",
        "{% for x in ['a', code] %}{{ loop.index }} {{ x }}{% endfor %}{{ range(3) | list }}",
        "{% macro hello(name) %}{{ name }}{% endmacro %}{{ hello(code) }}",
        "{{ code.upper() }} {{ contact.birthday | default('soon') }}",
        "{{ contact.loyalty_points | default(0) | money }}",
        "{% if links.view_online %}{{ links.view_online }}{% endif %}",
    ],
)  # fmt: skip
def test_what_is_there_or_provided_for_is_fine(text: str) -> None:
    assert problems(text) == []


def test_a_value_that_only_another_arm_gives_is_reported_with_its_arm() -> None:
    assert problems("{{ code }}\n{{ offer.discount }}", arm="plain") == [
        '1:4: arm "plain" gives no value for code. Add it under with:, ' + or_provide("code"),
        '2:4: arm "plain" has no offer. Give it one, ' + or_provide("offer.discount"),
    ]
    guarded = "{% if code %}{{ code }}{% endif %}{% if offer %}{{ offer.discount | percent }}{% endif %}"
    assert problems(guarded, arm="plain") == []


def test_all_problems_are_reported_at_once_and_each_once() -> None:
    text = "{{ contact.frist_name }} {{ xyzzy(contact.frist_name) }}\n{{ contact.tier }}"
    assert [problem.split(": ")[0] for problem in problems(text)] == ["1:4", "1:29", "2:4"]


def test_what_an_arm_never_reaches_need_not_be_there() -> None:
    assert problems("{% if code %}{{ code }} {{ offer.discount | percent }}{% endif %}", arm="plain") == []
    (problem,) = problems("{% if not code %}{{ contact.tier }}{% endif %}", arm="plain")
    assert problem.startswith("1:21: contact.tier may be missing.")
    (problem,) = problems("{% if code %}{{ contact.teir }}{% endif %}", arm="plain")
    assert problem == "1:17: contact.teir is not a contact field. Did you mean tier?"
