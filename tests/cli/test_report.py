"""`handbill report` and `handbill ingest`: results on stdout, everything else on stderr."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from handbill.cli import invoke
from handbill.settings import load_settings
from handbill.store.connection import open_store, writing
from handbill.store.migrate import upgrade
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.reports.projects import seal_as_declared, write_project

NOW = "2026-12-16T09:00"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project with its own SQLite store, whose campaign has run."""
    project = write_project(tmp_path)
    engine = open_store(load_settings(tmp_path).database_url)
    upgrade(engine)
    with writing(engine) as connection:
        fill(connection, [replace(NOTHING, units=20, buyers=2), replace(EMAIL, units=20, buyers=3)])
        seal_as_declared(connection, project)
    engine.dispose()
    return tmp_path


def report(shop: Path, *arguments: str) -> int:
    return invoke(["report", "winback", "--project", str(shop), "--now", NOW, *arguments])


def test_the_report_is_printed_as_text(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(shop) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("# winback: We cannot tell.\n")
    assert captured.err == ""


def test_json_alone_is_on_stdout(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(shop, "--json") == 0
    assert json.loads(capsys.readouterr().out)["status"] == "cannot_tell"


@pytest.mark.parametrize(
    ("name", "begins"), [("r.html", "<!doctype html>"), ("r.json", "{"), ("r.md", "# winback"), ("r.txt", "# winback")]
)
def test_a_file_is_written_as_its_ending_says(
    shop: Path, name: str, begins: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shop / "out" / name
    assert report(shop, "--out", str(out)) == 0
    assert out.read_text(encoding="utf-8").startswith(begins)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{out}\n")


def test_a_format_goes_before_the_ending(shop: Path) -> None:
    out = shop / "page"
    assert report(shop, "--out", str(out), "--format", "html") == 0
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_before_its_time_there_is_no_result(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["report", "winback", "--project", str(shop), "--now", "2026-12-02"]) == 0
    text = capsys.readouterr().out
    assert "0 of 40 contacts have completed 14 days. Opens 15 December." in text
    assert "Conversion" not in text


def test_an_unknown_campaign_is_one_line_and_exit_code_2(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["report", "winbak", "--project", str(shop)]) == 2
    assert capsys.readouterr().err == 'campaign "winbak" is not known. Use winback. Did you mean "winback"?\n'


def test_a_campaign_that_has_not_run_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_project(tmp_path)
    assert invoke(["report", "winback", "--project", str(tmp_path)]) == 2
    expected = "winback has not been run, so there is nothing to report. Run `handbill run winback`.\n"
    assert capsys.readouterr().err == expected


def test_ingest_says_that_there_was_nothing(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["ingest", "--project", str(shop)]) == 0
    assert capsys.readouterr().out == "There was nothing new.\n"


def test_ingest_names_a_file_that_it_cannot_load(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    inbox = shop / ".handbill" / "inbox"
    inbox.mkdir()
    (inbox / "a-list.csv").write_text("x\n1\n")
    assert invoke(["ingest", "--project", str(shop), "--json"]) == 2
    captured = capsys.readouterr()
    counts = json.loads(captured.out)
    assert {kind: number for kind, number in counts.items() if number} == {"quarantined": 1}
    assert captured.err == (
        f"{inbox / 'a-list.csv'}: a file in the inbox must be named after what it holds. "
        "Call it orders-….csv, events-….jsonl or the like.\n"
    )


def test_all_campaigns_are_put_side_by_side(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["report", "--all", "--project", str(shop), "--now", NOW]) == 0
    assert capsys.readouterr().out.startswith("# 0 of 1 campaign worked.\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "Name a campaign, or use --all."),
        (["winback", "--all"], "Name campaigns or use --all, not both."),
        (["--all", "--open"], "--open shows the page of one campaign."),
    ],
)
def test_what_to_report_is_said_once(
    shop: Path, arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["report", *arguments, "--project", str(shop)]) == 2
    assert says in " ".join(capsys.readouterr().err.replace("│", " ").split())
