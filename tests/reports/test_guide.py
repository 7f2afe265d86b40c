"""The guide quotes the report word for word."""

from dataclasses import replace
from pathlib import Path

from handbill.reports.sections import sections_of
from handbill.reports.verdict import first_screen
from tests.reports.samples import DAYS_60, LETTER, NO_LETTER, analysis_of, report_of
from tests.reports.test_money import FOUR

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "reading-a-report.md").read_text(encoding="utf-8")


def words(units: int, buyers: tuple[int, int], minimum_effect: float) -> str:
    cells = [replace(NO_LETTER, units=units, buyers=buyers[0]), replace(LETTER, units=units, buyers=buyers[1])]
    analysis = analysis_of(cells, unit="household", within=DAYS_60, minimum_effect=minimum_effect)
    return first_screen(analysis.registered, analysis.results, analysis.gains, "GBP").words


def test_the_examples_of_the_guide_are_what_the_report_says() -> None:
    assert f"> {words(25_000, (2_000, 2_525), 0.01)}\n" in GUIDE
    assert f"> {words(8_000, (640, 664), 0.005)}\n" in GUIDE


def test_every_section_of_a_report_is_explained() -> None:
    titles = {section.title for section in sections_of(report_of(FOUR, unit="household"))}
    assert titles == {title for title in titles if f"| {title} |" in GUIDE}
    assert len(titles) >= 9
