from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, TemplateNotFound, TemplateSyntaxError, UndefinedError
from jinja2.exceptions import FilterArgumentError, SecurityError

from handbill.rendering.environment import make_environment
from handbill.rendering.variables import ContactValues, fixed_values
from tests.rendering.projects import make_project


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return make_environment(make_project(tmp_path))


def render(environment: Environment, source: str, **values: Any) -> str:
    return environment.from_string(source).render(values)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("{{ 12.5 | money }}", "£12.50"),
        ("{{ 1234567 | money }}", "£1,234,567.00"),
        ("{{ -3 | money }}", "-£3.00"),
        ("{{ 1250 | money('JPY') }}", "¥1,250"),
        ("{{ 9.9 | money('CHF') }}", "9.90 CHF"),
        ("{{ share | percent }}", "15%"),
        ("{{ 0.125 | percent }}", "12.5%"),
        ("{{ 1 | percent }}", "100%"),
        ("{{ day | date }}", "1 December 2026"),
        ("{{ day | date('%d.%m.%Y') }}", "01.12.2026"),
        ("{{ moment | date }}", "1 July 2026"),
        ("{{ moment | time }}", "00:30"),
        ("{{ moment | time('%H:%M', 'America/New_York') }}", "19:30"),
        ("{{ moment | date(timezone='America/New_York') }}", "30 June 2026"),
    ],
)
def test_amounts_and_times_are_written_as_people_read_them(
    environment: Environment, source: str, expected: str
) -> None:
    values = {"share": Decimal("0.15"), "day": date(2026, 12, 1), "moment": datetime(2026, 6, 30, 23, 30, tzinfo=UTC)}
    assert render(environment, source, **values) == expected


@pytest.mark.parametrize("source", ["{{ 'x' | money }}", "{{ true | percent }}", "{{ 5 | date }}", "{{ day | time }}"])
def test_a_filter_refuses_what_it_cannot_write(environment: Environment, source: str) -> None:
    with pytest.raises(FilterArgumentError):
        render(environment, source, day=date(2026, 12, 1))


def test_a_missing_value_takes_its_default_and_is_false(environment: Environment) -> None:
    contact = ContactValues(["first_name", "tier"]).of({"first_name": None, "tier": "  "})
    source = "{{ c.first_name | default('friend') }} {{ 'x' if c.tier else 'y' }} {{ c.tier == 'gold' }}"
    assert render(environment, source, c=contact) == "friend y False"


@pytest.mark.parametrize("source", ["{{ c.tier }}", "{{ c.tier | upper }}", "{{ c.tier + 'x' }}", "{{ c.tier[1:] }}"])
def test_a_missing_value_is_never_written(environment: Environment, source: str) -> None:
    with pytest.raises(UndefinedError, match=r"^contact\.tier has no value$"):
        render(environment, source, c=ContactValues(["tier"]).of({}))


def test_a_member_of_a_missing_value_is_missing(environment: Environment) -> None:
    contact = ContactValues(["tier"]).of({})
    assert render(environment, "{{ c.tier.name | default('-') }}{% if c.tier['name'] %}x{% endif %}", c=contact) == "-"


def test_a_name_that_nobody_knows_is_an_error_even_in_a_condition(environment: Environment) -> None:
    with pytest.raises(UndefinedError):
        render(environment, "{% if frist_name %}{% endif %}")


def test_a_field_may_be_named_like_a_method_of_a_dictionary(environment: Environment) -> None:
    contact = ContactValues(["items", "values"]).of({"items": "12", "values": "none"})
    assert render(environment, "{{ c.items }} {{ c['values'] }}", c=contact) == "12 none"


def test_fields_that_are_not_declared_stay_outside(environment: Environment) -> None:
    contact = ContactValues(["tier"]).of({"tier": "gold", "password": "secret"})
    assert contact == {"tier": "gold"}


def test_only_plain_values_reach_a_template() -> None:
    with pytest.raises(TypeError, match=r"^contact\.tier is a PosixPath, which no template may see$"):
        ContactValues(["tier"]).of({"tier": Path("/etc/passwd")})


def test_a_value_is_never_run_as_a_template(environment: Environment) -> None:
    assert render(environment, "{{ name }}", name="{{ 7 * 7 }}") == "{{ 7 * 7 }}"


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ '{0.__class__}'.format('') }}",
        "{{ numbers.append(1) }}",
        "{{ self.__init__ }}",
    ],
)
def test_the_sandbox_holds(environment: Environment, source: str) -> None:
    with pytest.raises(SecurityError):
        render(environment, source, numbers=[1])


def test_range_is_bounded(environment: Environment) -> None:
    assert render(environment, "{% for i in range(3) %}{{ i }}{% endfor %}") == "012"
    with pytest.raises(OverflowError, match=r"^range of more than 1000 numbers$"):
        render(environment, "{% for i in range(100000000) %}{% endfor %}")


@pytest.mark.parametrize("name", ["random", "safe", "attr", "pprint"])
def test_filters_that_are_not_reproducible_or_not_safe_are_gone(environment: Environment, name: str) -> None:
    with pytest.raises(TemplateSyntaxError):
        environment.from_string("{{ [1] | " + name + " }}")


def test_html_is_escaped_and_text_is_not(tmp_path: Path) -> None:
    source = "{{ name }}"
    environment = make_environment(make_project(tmp_path, {"a.html": source, "a.mjml": source, "a.txt": source}))
    texts = [environment.get_template(name).render(name="<b> & co") for name in ("a.html", "a.mjml", "a.txt")]
    assert texts == ["&lt;b&gt; &amp; co", "&lt;b&gt; &amp; co", "<b> & co"]


def test_an_include_is_found_beside_its_template_first(tmp_path: Path) -> None:
    files = {
        "email/a.html": "{% include 'part.html' %}|{% include 'shared/part.html' %}",
        "email/part.html": "near",
        "shared/part.html": "far",
    }
    environment = make_environment(make_project(tmp_path, files))
    assert environment.get_template("email/a.html").render() == "near|far"


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "../campaigns.yaml", "link.html", "linked/secret.html", "a\0b", "."]
)
def test_nothing_outside_templates_is_read(tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.html").write_text("secret")
    (tmp_path / "campaigns.yaml").write_text("secret")
    environment = make_environment(make_project(tmp_path, {"email/a.html": f"{{% include {name!r} %}}"}))
    (tmp_path / "templates" / "link.html").symlink_to(outside / "secret.html")
    (tmp_path / "templates" / "linked").symlink_to(outside)
    with pytest.raises(TemplateNotFound):
        environment.get_template("email/a.html").render()


def test_the_values_of_an_arm(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    values = fixed_values(project, project.campaigns["spring-sale"], "discount", {"code": "SPRING15"})
    assert values == {
        "brand": {
            "name": "Northwind & Sons",
            "postal_address": "1 Harbour Street, Whitby YO21 1AA, United Kingdom",
            "website": "https://shop.example",
        },
        "campaign": {"name": "spring-sale", "kind": "marketing", "topic": "Offers and news"},
        "arm": {"name": "discount"},
        "offer": {"discount": Decimal("0.15")},
        "code": "SPRING15",
    }


def test_what_only_another_arm_gives_is_missing_and_not_unknown(tmp_path: Path, environment: Environment) -> None:
    project = make_project(tmp_path)
    values = fixed_values(project, project.campaigns["spring-sale"], "plain", {})
    source = "{% if code or offer %}with{% else %}without{% endif %} {{ code | default('-') }}"
    assert render(environment, source, **values) == "without -"
