"""Errors become lines on stderr and exit codes; results alone go to stdout."""

from pathlib import Path

import pytest

from handbill import __version__
from handbill.cli import invoke


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_what_the_user_can_mend_is_one_line_and_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    assert invoke(["init", str(tmp_path)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == f"{tmp_path}: is not an empty folder. Name a new one.\n"


def test_an_unknown_command_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["sned"]) == 2
    assert "No such command" in capsys.readouterr().err


def test_the_database_is_made_on_demand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["db", "upgrade", "--project", str(tmp_path)]) == 0
    assert capsys.readouterr().err == "The database is up to date.\n"
    assert (tmp_path / ".handbill" / "handbill.db").exists()
