"""A digest changes with what people get and how it is measured, and with nothing else."""

import json
import shutil
from pathlib import Path

import pytest

from handbill.definitions.digest import canonical_json, definition, definition_digest, registration, registration_digest
from handbill.definitions.loading import load_project

BASE = Path(__file__).parent / "broken" / "base"


@pytest.fixture
def project_dir(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "project"))


def changed(project_dir: Path, old: str, new: str, file: str = "campaigns.yaml") -> Path:
    path = project_dir / file
    before = path.read_text()
    assert before.count(old) == 1
    path.write_text(before.replace(old, new))
    return project_dir


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("plain: {share: 45%", "plain: {share: 0.450"),
        ("within: 14 days", "within: 2 weeks"),
        ("currency: GBP", "currency: GBP   # a comment"),
        ("{event: order, value: revenue, within: 14 days}", "{within: 14 days, value: revenue, event: order}"),
        ("${SMTP_PASSWORD}", "${OTHER_PASSWORD}"),
        ("within: 60 days", "within: 30 days"),  # of the other campaign
    ],
)
def test_the_digest_stays_when_the_meaning_does(project_dir: Path, old: str, new: str) -> None:
    before = definition_digest(load_project(BASE), "sale")

    assert definition_digest(load_project(changed(project_dir, old, new)), "sale") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("subject: Spring is here", "subject: Spring is there"),
        ("within: 14 days", "within: 15 days"),
        ("max: 2", "max: 3"),
        ("salt: everybody-2026", "salt: everybody-2027"),
        ("from: Northwind <news@", "from: Northwind <sale@"),
        ("postal_address: 1", "postal_address: 2"),
    ],
)
def test_the_digest_changes_with_what_people_get(project_dir: Path, old: str, new: str) -> None:
    before = definition_digest(load_project(BASE), "sale")

    assert definition_digest(load_project(changed(project_dir, old, new)), "sale") != before


def test_the_digest_changes_with_a_segment_that_a_segment_names(project_dir: Path) -> None:
    active = project_dir / "segments" / "active.yaml"
    active.write_text("name: Active\nwhere: {all: [{segment: buyers}]}\n")
    buyers = project_dir / "segments" / "buyers.yaml"
    buyers.write_text("name: Buyers\nwhere: {event: order, within: 90 days}\n")
    before = definition_digest(load_project(project_dir), "sale")

    buyers.write_text("name: Buyers\nwhere: {event: order, within: 91 days}\n")

    assert definition_digest(load_project(project_dir), "sale") != before


def test_the_place_of_a_clause_does_not_count(project_dir: Path) -> None:
    before = definition_digest(load_project(BASE), "sale")
    changed(project_dir, "name: Lapsed", "# A comment\n\nname: Lapsed", "segments/lapsed.yaml")

    assert definition_digest(load_project(project_dir), "sale") == before


def test_the_order_of_arms_counts_because_the_draw_depends_on_it(project_dir: Path) -> None:
    before = definition_digest(load_project(BASE), "letters")
    arms = "        letter: {share: 50%, direct_mail: {template: winback, format: letter}}\n"
    nothing = "        nothing: {share: 50%, holdout: true}\n"

    after = definition_digest(load_project(changed(project_dir, nothing + arms, arms + nothing)), "letters")

    assert after != before


def test_no_secret_stands_in_the_definition() -> None:
    assert "SMTP" not in canonical_json(definition(load_project(BASE), "sale"))


def test_the_definition_is_plain_json() -> None:
    content = definition(load_project(BASE), "sale")

    assert json.loads(canonical_json(content)) == content


def test_an_experiment_registers_what_it_promises() -> None:
    sends_no_post = {"format": None, "discount": 0.0}
    assert registration(load_project(BASE), "sale") == {
        "campaign": "sale",
        "hypothesis": "The discount sells more.",
        "audience": {"include": ["active"], "exclude": ["lapsed"]},
        "unit": "contact",
        "salt": "sale-2026",
        "arms": [
            {"name": "nothing", "share": 0.1, "holdout": True, "channels": [], **sends_no_post},
            {"name": "plain", "share": 0.45, "holdout": False, "channels": ["email"], **sends_no_post},
            {"name": "discount", "share": 0.45, "holdout": False, "channels": ["email"], **sends_no_post},
        ],
        "control": "nothing",
        "compare": ["discount - plain"],
        "primary": {
            "metric": "conversion",
            "comparison": None,
            "minimum_effect": 0.01,
            "power": 0.8,
            "confidence": 0.95,
        },
        "secondary": ["revenue", "clicks"],
        "goal": {
            "event": "order",
            "value": "revenue",
            "within_seconds": 1_209_600,
            "margin_rate": None,
            "costs": None,
        },
        "analysis": "fixed",
    }  # fmt: skip


def test_other_words_in_a_mail_do_not_touch_the_registration(project_dir: Path) -> None:
    before = registration_digest(load_project(BASE), "sale")
    changed(project_dir, "subject: Spring is here", "subject: Spring is there")

    assert registration_digest(load_project(project_dir), "sale") == before


def test_another_metric_does(project_dir: Path) -> None:
    before = registration_digest(load_project(BASE), "sale")
    changed(project_dir, "{metric: conversion, minimum_effect: 1 pp}", "{metric: revenue}")

    assert registration_digest(load_project(project_dir), "sale") != before


def test_a_campaign_that_is_no_experiment_registers_nothing(project_dir: Path) -> None:
    news = """
  news:
    topic: events
    audience: {include: [active]}
    schedule: {cron: 0 9 * * mon}
    email: {template: spring, subject: News}
"""
    campaigns = project_dir / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text() + news)

    with pytest.raises(ValueError, match=r"^news is no experiment$"):
        registration(load_project(project_dir), "news")
