"""A report is written for one campaign or for each that has run; a final one is remembered, nothing else changes."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from handbill.clock import fixed_clock
from handbill.errors import NotMeasurable, ProjectInvalid
from handbill.operations.report import (
    campaigns_that_ran,
    compare_campaigns,
    report_campaign,
    report_project,
    write_report,
)
from handbill.store.connection import reading, writing
from handbill.store.tables import experiment_result
from tests.conftest import NOW
from tests.reports.factory import AFTER, EMAIL, NOTHING, fill
from tests.reports.projects import seal_as_declared, write_project

HEADLINE = "We cannot tell."


@pytest.fixture
def shop(tmp_path: Path, store_url: str, store: Engine, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose campaign has run."""
    monkeypatch.setenv("HANDBILL_DATABASE_URL", store_url)
    project = write_project(tmp_path / "shop")
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=20, buyers=2), replace(EMAIL, units=20, buyers=3)])
        seal_as_declared(connection, project)
    return tmp_path / "shop"


def test_every_format_tells_the_same_verdict(shop: Path) -> None:
    for format_ in ("html", "md", "json"):
        text = report_project(shop, "winback", clock=fixed_clock(AFTER), format=format_)
        assert HEADLINE in text
    assert "<!doctype html>" in report_project(shop, "winback", clock=fixed_clock(AFTER), format="html")


def test_repeating_a_report_gives_the_same_text(shop: Path, store: Engine) -> None:
    project = write_project(shop)
    first, second = (report_campaign(store, project, "winback", now=AFTER, format="md") for _ in range(2))
    assert first == second


def test_the_page_is_written_beside_the_other_work_of_the_project(shop: Path) -> None:
    written = write_report(shop, "winback", fixed_clock(AFTER))
    assert written.path == shop / ".handbill" / "reports" / "winback.html"
    assert HEADLINE in written.path.read_text(encoding="utf-8")
    assert written.markdown.startswith(
        "# winback: We cannot tell.\n\nReport of 16 December 2026 · Sent 1 December 2026 · "
    )


def test_campaigns_that_ran_are_listed(shop: Path) -> None:
    assert campaigns_that_ran(shop) == ["winback"]


def test_a_final_report_is_remembered_and_an_early_one_is_not(shop: Path, store: Engine) -> None:
    project = write_project(shop)
    kept = []
    for moment in (NOW, AFTER, AFTER):
        report_campaign(store, project, "winback", now=moment, format="md")
        with reading(store) as connection:
            kept.append(connection.scalar(select(func.count()).select_from(experiment_result)))
    assert kept == [0, 1, 1]


def test_several_campaigns_stand_side_by_side(shop: Path) -> None:
    text = compare_campaigns(shop, [], clock=fixed_clock(AFTER), format="md")
    assert text.startswith("# 0 of 1 campaign worked.\n\n## Side by side\n\nEach campaign's primary metric, ")
    assert "| winback, 1 December 2026 | email − nothing | Conversion | We cannot tell | +5 (−18 to 28) | " in text
    (line,) = json.loads(compare_campaigns(shop, ["winback"], clock=fixed_clock(AFTER), format="json"))["campaigns"]
    assert line["difference"] == pytest.approx(0.05)
    assert "Side by side" in compare_campaigns(shop, ["winback"], clock=fixed_clock(AFTER), format="html")


def test_a_campaign_that_is_not_there_cannot_be_compared(shop: Path) -> None:
    with pytest.raises(ProjectInvalid):
        compare_campaigns(shop, ["winback", "winbak"], clock=fixed_clock(AFTER), format="md")


def test_nothing_that_ran_is_nothing_to_compare(
    tmp_path: Path, store_url: str, store: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDBILL_DATABASE_URL", store_url)
    write_project(tmp_path / "shop")
    with pytest.raises(NotMeasurable) as refused:
        compare_campaigns(tmp_path / "shop", [], clock=fixed_clock(AFTER), format="md")
    assert str(refused.value) == (
        "No campaign has been run, so there is nothing to report. Run `handbill run CAMPAIGN`."
    )
