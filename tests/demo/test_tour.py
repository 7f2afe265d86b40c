"""The demonstration goes the whole way: from files to reports that can be held against the truth."""

import json
from pathlib import Path

import pytest

from handbill.clock import fixed_clock
from handbill.demo.tour import RESPONSES_UNTIL, give_tour
from handbill.errors import SetupIncomplete
from handbill.operations.report import report_project


class Spectator:
    """Remembers what was shown."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.lines: list[str] = []

    def step(self, title: str) -> None:
        self.steps.append(title)

    def share(self, done: float) -> None:
        assert 0 <= done <= 1

    def say(self, line: str) -> None:
        self.lines.append(line)


def test_a_small_tour_ends_with_three_reports_beside_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    project = tmp_path / "demo"
    spectator = Spectator()
    tour = give_tour(project, spectator, contacts=1500)
    assert set(tour.reports) == {"spring-sale", "autumn-postcard", "winback"}
    assert tour.mails > 250
    assert tour.pieces > 20
    assert spectator.steps[-1] == "Measuring what they brought"
    for name, path in tour.reports.items():
        assert "<title>" in path.read_text()
        report = json.loads(report_project(project, name, clock=fixed_clock(RESPONSES_UNTIL), format="json"))
        assert report["results"]["comparisons"]
    manifests = list((project / ".handbill" / "print").glob("*/manifest.csv"))
    assert sum(len(manifest.read_text().splitlines()) - 1 for manifest in manifests) == tour.pieces


def test_a_folder_that_no_tour_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(SetupIncomplete) as caught:
        give_tour(tmp_path, Spectator())
    expected = f"{tmp_path}: holds something that no demonstration made. Name another folder."
    assert str(caught.value) == expected
    assert (tmp_path / "mine.txt").read_text() == "precious"
