from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from handbill.definitions.segment import All, Clause, Comparison, FieldClause, Segment
from handbill.rendering.fields import look_over
from tests.rendering.projects import mail, make_project

TEMPLATE = "templates/email/spring.mjml"
BRITISH: Clause = All((
    FieldClause("country", (Comparison("in", ("GB", "IE")),)),
    FieldClause("tier", (Comparison("exists", None),)),
    FieldClause("language", (Comparison("eq", "en"),)),
))  # fmt: skip


def remarks(folder: Path, files: dict[str, str], **campaign: Any) -> list[str]:
    segments = {"british": Segment("british", "S", BRITISH)}
    arms = {
        "nothing": {"share": "50%", "holdout": "true"},
        "plain": {"share": "50%", "email": {"subject": "Spring", **campaign}},
    }
    templates = {f"email/{name}": text for name, text in files.items()}
    project = make_project(folder, templates, arms=arms, segments=segments, audience={"include": ["british"]})
    found = look_over(project)
    assert found.problems == []
    return [str(each) for each in found.remarks]


def said(folder: Path, content: str) -> list[str]:
    found = remarks(folder, {"spring.mjml": mail(f"<mj-text>\n{content}</mj-text>")})
    return [each.removeprefix(f"{TEMPLATE}:") for each in found]


NEVER = "this is never so for anybody who gets this: country is GB or IE. Correct it, or remove what is never shown."
ALWAYS = "this is always so for anybody who gets this: country is GB or IE. Correct it, or remove what is never shown."

PRESENT = (
    "everybody who gets this has contact.tier, so the other part is never shown. "
    "Correct it, or remove what is never shown."
)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{% if contact.country == 'FR' %}x{% endif %}", [f"2:7: {NEVER}"]),
        ("{% if contact.country in ['FR', 'DE'] %}x{% endif %}", [f"2:7: {NEVER}"]),
        ("{% if contact.city and contact.country == 'FR' %}x{% endif %}", [f"2:24: {NEVER}"]),
        ("{{ 'x' if contact.country == 'FR' else 'y' }}", [f"2:11: {NEVER}"]),
        ("{% if contact.country in ['GB', 'IE', 'FR'] %}x{% else %}y{% endif %}", [f"2:7: {ALWAYS}"]),
        ("{% if contact.country != 'FR' %}x{% else %}y{% endif %}", [f"2:7: {ALWAYS}"]),
        (
            "{% if contact.tier %}x{% else %}y{% endif %}",
            [f"2:7: {PRESENT}"],
        ),
        ("{% if contact.tier %}x{% endif %}", []),
        ("{% if contact.country == 'GB' %}x{% else %}y{% endif %}", []),
        ("{% if contact.city == 'Ys' %}x{% else %}y{% endif %}", []),
        ("{% if contact.country == 'FR' or contact.city %}x{% endif %}", []),
    ],
)
def test_parts_that_nobody_sees_are_remarked_on(tmp_path: Path, content: str, expected: list[str]) -> None:
    assert said(tmp_path, content) == expected


def test_a_part_that_another_campaign_shows_is_fine(tmp_path: Path) -> None:
    text = mail("<mj-text>{% if contact.country == 'FR' %}x{% endif %}</mj-text>")
    arms = {"a": {"share": "50%", "holdout": "true"}, "b": {"share": "50%", "email": {"subject": "S"}}}
    segments = {
        "british": Segment("british", "S", BRITISH),
        "french": Segment("french", "S", FieldClause("country", (Comparison("eq", "FR"),))),
    }
    project = make_project(
        tmp_path, {"email/spring.mjml": text}, arms=arms, segments=segments, audience={"include": ["british"]}
    )
    spring = project.campaigns["spring-sale"]
    audience = spring.audience.model_copy(update={"include": ("french",)})
    both = {"spring-sale": spring, "autumn": spring.model_copy(update={"name": "autumn", "audience": audience})}
    assert len(look_over(project).remarks) == 1
    assert look_over(replace(project, campaigns=both)).remarks == []


def test_a_value_that_nothing_reads_is_remarked_on(tmp_path: Path) -> None:
    found = remarks(tmp_path, {"spring.mjml": mail("<mj-text>x</mj-text>")}, **{"with": {"code": "A"}})
    what = "code is given, and neither the template nor the subject reads it."
    assert found == [f"campaigns.yaml: {what} Write {{{{ code }}}}, or remove it."]


def test_languages_that_nobody_gets_are_remarked_on(tmp_path: Path) -> None:
    text = mail("<mj-text>x</mj-text>")
    files = {"spring.mjml": text, "spring.en.mjml": text, "spring.de.mjml": text, "spring.fr.txt": "x"}
    found = remarks(tmp_path, files, subject={"default": "S", "it": "P"})
    assert "\n".join(found) == (
        "campaigns.yaml: there is a subject in it, but no template in it: its readers would get both mixed. "
        "Write templates/email/spring.it.mjml, or remove this subject.\n"
        "templates/email/spring.de.mjml: nobody who gets spring-sale reads de. Include them, or remove this template.\n"
        "templates/email/spring.en.mjml: nobody gets this: spring.mjml is in en already, the project's default "
        "language. Remove one of the two, or set languages.default.\n"
        "templates/email/spring.fr.txt: nobody gets this: there is no spring.fr.mjml beside it. "
        "Write that template, or remove this text."
    )
