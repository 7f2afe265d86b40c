"""A project is read as a whole: every file, every mistake, in the order of the files."""

import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from handbill.definitions.campaign import email_of
from handbill.definitions.languages import LocalText
from handbill.definitions.loading import load_project, read_project
from handbill.definitions.values import Effect
from handbill.errors import ProjectInvalid

BASE = Path(__file__).parents[1] / "project" / "broken" / "base"


@pytest.fixture
def project_dir(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BASE, tmp_path / "project"))


def change(project_dir: Path, old: str, new: str) -> None:
    path = project_dir / "campaigns.yaml"
    before = path.read_text()
    assert old in before
    path.write_text(before.replace(old, new))


def test_a_campaign_is_read_into_typed_values() -> None:
    sale = load_project(BASE).campaigns["sale"]

    assert sale.name == "sale"
    assert sale.experiment is not None
    assert [(name, arm.share) for name, arm in sale.experiment.arms.items()] == [
        ("nothing", Decimal("0.1")), ("plain", Decimal("0.45")), ("discount", Decimal("0.45")),
    ]  # fmt: skip
    assert sale.experiment.primary.minimum_effect == Effect(1.0, percentage_points=True)
    assert sale.goal is not None
    assert sale.goal.within == timedelta(days=14)


def test_an_arm_says_its_own_words_over_those_that_all_share() -> None:
    sale = load_project(BASE).campaigns["sale"]
    email = email_of(sale, sale.arms["plain"])

    assert email is not None
    assert (email.template, email.subject) == ("spring", LocalText({"default": "Spring is here"}))


def test_a_campaign_without_an_experiment_has_one_arm(project_dir: Path) -> None:
    campaigns = project_dir / "campaigns.yaml"
    news = """
  news:
    topic: events
    audience: {include: [active]}
    schedule: {cron: 0 9 * * mon}
    email: {template: spring, subject: News}
"""
    campaigns.write_text(campaigns.read_text() + news)

    arms = load_project(project_dir).campaigns["news"].arms

    assert [(name, arm.share) for name, arm in arms.items()] == [("all", Decimal(1))]


def test_fields_are_the_built_in_and_the_declared_ones() -> None:
    fields = load_project(BASE).fields

    assert fields["tier"].one_of == ("basic", "silver", "gold")
    assert fields["email"].builtin


def test_a_secret_stays_a_reference_until_something_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMTP_PASSWORD", raising=False)
    email = load_project(BASE).channels.email

    assert email is not None
    assert email.password == "${SMTP_PASSWORD}"


def test_a_secret_does_not_stand_in_the_representation_of_a_channel() -> None:
    assert "SMTP_PASSWORD" not in repr(load_project(BASE).channels)


def test_a_project_without_campaigns_is_a_project(project_dir: Path) -> None:
    content = (project_dir / "campaigns.yaml").read_text()
    (project_dir / "campaigns.yaml").write_text(content[: content.index("campaigns:")])

    assert load_project(project_dir).campaigns == {}


def test_a_folder_without_campaigns_yaml_says_how_to_begin(tmp_path: Path) -> None:
    with pytest.raises(ProjectInvalid) as caught:
        load_project(tmp_path)

    assert str(caught.value) == (
        f"campaigns.yaml: there is no such file in {tmp_path.resolve()}. "
        "Name the project's folder with --project, or make one with: handbill init DIR"
    )


def test_mistakes_of_segments_come_with_a_campaigns_file_that_is_no_yaml(project_dir: Path) -> None:
    change(project_dir, "timezone: Europe/London", "timezone: [")
    (project_dir / "segments" / "active.yaml").write_text("name: A\nname: B\n")

    _, problems = read_project(project_dir)

    assert [(problem.file, problem.line) for problem in problems] == [
        ("campaigns.yaml", 5),
        ("segments/active.yaml", 2),
    ]


def test_one_wrong_campaign_does_not_hide_the_others(project_dir: Path) -> None:
    change(project_dir, "      control: nothing\n      compare", "      control: nohting\n      compare")
    change(project_dir, "within: 60 days", "within: sixty days")

    project, problems = read_project(project_dir)

    assert [problem.line for problem in problems] == [37, 45]
    assert project is not None
    assert list(project.campaigns) == ["sale"]


def test_one_wrong_value_does_not_hide_the_rest_of_its_campaign(project_dir: Path) -> None:
    change(project_dir, "within: 14 days", "within: long")
    change(project_dir, "include: [active]", "include: [actve]")
    change(project_dir, "template: spring", "template: sprng")
    change(project_dir, "      compare: [discount - plain]", "      compare: [discount - plane]")

    _, problems = read_project(project_dir)

    assert [problem.line for problem in problems] == [26, 28, 29, 38]
