"""The e-mails that a new project starts with."""

import re
from pathlib import Path

import pytest

from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.rendering.email import Links, RenderedEmail, compile_email
from handbill.rendering.fields import LARGEST_HTML, check_templates
from handbill.rendering.samples import sample_profile

ROOT = Path(__file__).parents[2]
LINKS = Links(unsubscribe="https://links.example/u", preferences="https://links.example/p")
ARMS = [("spring-sale", "plain"), ("spring-sale", "discount"), ("winback", "email")]


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project(ROOT)


def render(project: Project, campaign: str, arm: str, **changes: object) -> RenderedEmail:
    template = compile_email(project, project.campaigns[campaign], arm)
    return template.render({**sample_profile(project), **changes}, LINKS)


def test_they_have_no_mistakes(project: Project) -> None:
    assert check_templates(project) == []


@pytest.mark.parametrize(("campaign", "arm"), ARMS)
def test_they_greet_by_name_and_strangers_as_friends(project: Project, campaign: str, arm: str) -> None:
    assert "Alex" in render(project, campaign, arm).text
    assert "friend" in render(project, campaign, arm, first_name=None).text


def test_only_the_arm_with_a_code_shows_it(project: Project) -> None:
    assert (
        "15% off everything, until Sunday\n\nType this at the checkout:\n\nSPRING15" in render(project, *ARMS[1]).text
    )
    plain = render(project, *ARMS[0])
    assert "SPRING15" not in plain.html
    assert "off everything" not in plain.text


@pytest.mark.parametrize(("campaign", "arm"), ARMS)
def test_they_are_short_enough_and_fetch_nothing(project: Project, campaign: str, arm: str) -> None:
    html = render(project, campaign, arm).html
    assert len(html.encode()) < LARGEST_HTML / 2
    assert not re.search(r"<(?:img|link|script)\b|url\(|@import", html)


@pytest.mark.parametrize(("campaign", "arm"), ARMS)
def test_they_follow_the_reader_into_the_dark_and_onto_the_phone(project: Project, campaign: str, arm: str) -> None:
    html = render(project, campaign, arm).html
    assert '<meta name="color-scheme" content="light dark" />' in html
    assert "@media (prefers-color-scheme: dark)" in html
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in html
    assert html.startswith('<!doctype html><html lang="en"')


@pytest.mark.parametrize(("campaign", "arm"), ARMS)
def test_they_say_who_writes_and_how_to_stop_it(project: Project, campaign: str, arm: str) -> None:
    text = render(project, campaign, arm).text
    assert "Unsubscribe <https://links.example/u>" in text
    assert "Choose what you get <https://links.example/p>" in text
    assert project.brand.postal_address in text
