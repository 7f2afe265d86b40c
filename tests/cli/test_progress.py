"""What the terminal shows of a run that is on its way."""

from pathlib import Path

import pytest
from rich.console import Console

from handbill.cli.progress import domain_table, drawn_progress
from handbill.operations.live import LiveRun, Tally
from tests.conftest import NOW

RUN = LiveRun(
    1, "spring", "once", "running", "", NOW, NOW, None, Tally("", 1500, 1200, 3, 1, 296),
    domains=(Tally("gmail.com", 1400, 1150, 2, 1, 247), Tally("12 others", 100, 50, 1, 0, 49)),
)  # fmt: skip


def test_each_domain_has_its_line() -> None:
    console = Console(width=80)
    with console.capture() as said:
        console.print(domain_table(RUN))
    lines = [line.split() for line in said.get().splitlines() if line.strip() and "─" not in line]
    assert lines == [
        ["Domain", "Sent", "Not", "sent", "Unsure", "Waiting"],
        ["gmail.com", "1,150", "2", "1", "247"],
        ["12", "others", "50", "1", "0", "49"],
    ]


def test_nothing_is_drawn_where_nobody_looks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with drawn_progress(tmp_path, "spring"):
        pass
    assert capsys.readouterr() == ("", "")
