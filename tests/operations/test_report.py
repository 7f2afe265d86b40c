"""A report is written for one campaign or for each that has run, and never changes anything."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.clock import fixed_clock
from handbill.operations.report import campaigns_that_ran, report_campaign, report_project, write_report
from handbill.store.connection import writing
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
