from pathlib import Path

import pytest

from handbill.definitions.loading import load_project
from handbill.rendering.fields import check_templates
from tests.rendering.projects import FOOTER, PREVIEW, cases, column, mail, mjml

CAMPAIGNS = """\
brand: {name: Northwind, postal_address: 1 Harbour Street, website: https://shop.example}
timezone: Europe/London
currency: GBP
fields: {tier: text, loyalty_points: integer}
topics: {offers: Offers}
channels:
  email: {host: localhost, port: 1025, security: none, from: Northwind <news@northwind.example>}
campaigns:
  spring-sale:
    topic: offers
    audience: {include: [members]}
    schedule: {at: 2026-12-01 09:00}
    email: {template: spring, preheader: "For {{ contact.tier }}"}
    goal: {event: order, within: 14 days}
    experiment:
      hypothesis: It sells.
      salt: spring
      arms:
        nothing: {share: 50%, holdout: true}
        discount: {share: 50%, email: {subject: "For {{ contact.first_name | default('you') }}", with: {code: S15}}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
"""
SPRING_FILE = "templates/email/spring.mjml"
SPRING = mail("<mj-text>{{ code }} {{ contact.first_name | default('friend') }} {{ contact.tier }}</mj-text>")
LINK = '<mj-button href="{{ links.unsubscribe }}">x</mj-button>'
NO_UNSUBSCRIBE = (
    'a marketing e-mail must let people unsubscribe. Add <a href="{{ links.unsubscribe }}">Unsubscribe</a>.'
)
NO_ADDRESS = "a marketing e-mail must show who sends it. Add {{ brand.postal_address }}."


def problems(root: Path, *, spring: str = SPRING, campaigns: str = CAMPAIGNS, **others: str) -> list[str]:
    """What is said about a project of one campaign whose audience is sure to have a tier."""
    files = {"campaigns.yaml": campaigns, "templates/email/spring.mjml": spring}
    files["segments/members.yaml"] = "name: Members\nwhere: {field: tier, exists: true}\n"
    files |= {f"templates/email/{name.replace('_', '.')}": text for name, text in others.items()}
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [str(problem) for problem in check_templates(load_project(root))]


def test_a_project_without_mistakes(tmp_path: Path) -> None:
    assert problems(tmp_path) == []


@pytest.mark.parametrize(("content", "expected"), cases("wrong_templates.txt"))
def test_what_no_recipient_should_see_is_found_before_anything_is_sent(
    tmp_path: Path, content: str, expected: list[str]
) -> None:
    found = problems(tmp_path, spring=mail(f"\n{content}\n"))
    assert [problem.removeprefix(f"{SPRING_FILE}:") for problem in found] == expected


def test_every_mistake_of_every_file_is_reported_at_once(tmp_path: Path) -> None:
    campaigns = CAMPAIGNS.replace("{{ contact.tier }}", "{{ contact.city {% if }}")
    campaigns = campaigns.replace("contact.first_name | default('you')", "contact.first_name | titel")
    spring = mail('\n<mj-text>{{ contact.frist_name }}\n  <a href="/x">x</a></mj-text>')
    found = problems(tmp_path, spring=spring, campaigns=campaigns)
    assert [problem.split(": ")[0] for problem in found] == [
        "campaigns.yaml:13:47",
        "campaigns.yaml:20:78",
        f"{SPRING_FILE}:2:13",
        f"{SPRING_FILE}:3:12",
    ]
    assert found[1] == 'campaigns.yaml:20:78: there is no filter "titel". Did you mean title?'


def test_a_marketing_mail_lets_people_unsubscribe(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, spring=mjml(column("<mj-text>{{ brand.postal_address }}</mj-text>"), PREVIEW))
    assert problem == f"{SPRING_FILE}: {NO_UNSUBSCRIBE}"


def test_a_marketing_mail_lets_everybody_unsubscribe(tmp_path: Path) -> None:
    spring = mjml(column("<mj-text>a</mj-text>") + "{% if contact.city %}" + FOOTER + "{% endif %}", PREVIEW)
    (problem,) = problems(tmp_path, spring=spring)
    what = "this recipient would get no unsubscribe link."
    assert problem == f"{SPRING_FILE}: {what} Show {{{{ links.unsubscribe }}}} to everybody."


def test_a_marketing_mail_shows_who_sends_it(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, spring=mjml(column(LINK), PREVIEW))
    assert problem == f"{SPRING_FILE}: {NO_ADDRESS}"


def test_a_mail_that_gmail_would_cut_is_refused(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, spring=mail(f"<mj-text>{'x' * 105_000}</mj-text>"))
    what = "the HTML is 107 kB, and Gmail hides what comes after 102 kB."
    assert problem == f"{SPRING_FILE}: {what} Shorten it, or leave pictures out of it."


def test_a_template_in_another_language_is_checked_too(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, spring_de_mjml=mail("\n<mj-text>{{ contact.vorname }}</mj-text>"))
    what = "contact.vorname is not a contact field."
    assert problem == f"templates/email/spring.de.mjml:2:13: {what} Declare it under fields: in campaigns.yaml."


def test_a_text_beside_a_template_has_the_same_duties(tmp_path: Path) -> None:
    found = problems(tmp_path, spring_txt="{{ contact.tier }}")
    assert found == [f"templates/email/spring.txt: {duty}" for duty in (NO_UNSUBSCRIBE, NO_ADDRESS)]


def test_a_value_with_a_name_that_templates_use_already_is_refused(tmp_path: Path) -> None:
    campaigns = CAMPAIGNS.replace("with: {code: S15}", "with: {code: S15, contact: x, my-code: y}")
    assert problems(tmp_path, campaigns=campaigns) == [
        'campaigns.yaml:20:116: templates know "contact" already. Give this value another name.',
        'campaigns.yaml:20:128: "my-code" cannot be read by a template. Use letters, digits and _ only.',
    ]


def test_a_missing_value_names_the_arm_that_does_not_give_it(tmp_path: Path) -> None:
    campaigns = CAMPAIGNS.replace(
        "nothing: {share: 50%, holdout: true}",
        "nothing: {share: 25%, holdout: true}\n        plain: {share: 25%, email: {subject: Spring}}",
    )
    (problem,) = problems(tmp_path, campaigns=campaigns)
    assert problem == (
        f'{SPRING_FILE}:1:129: arm "plain" gives no value for code. Add it under with:, '
        'or write {{ code | default("…") }}, or put it between {% if code %} and {% endif %}.'
    )


def test_a_preheader_that_the_template_does_not_show_is_reported(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, spring=mail("<mj-text>a</mj-text>", head=""))
    what = f"{SPRING_FILE} shows no preheader."
    assert problem == f"campaigns.yaml:13:31: {what} Add <mj-preview>{{{{ preheader }}}}</mj-preview> to its mj-head."
