"""`handbill plan` on the command line."""

import json
from pathlib import Path

import pytest

from handbill.cli import invoke
from handbill.planning.approval import read_plan
from handbill.settings import load_settings
from handbill.store.connection import open_store
from handbill.store.migrate import upgrade
from tests.operations.shop import add_people, make_project

AT = ["--now", "2026-12-01T09:00"]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    make_project(tmp_path, 25)
    engine = open_store(load_settings(tmp_path).database_url)
    upgrade(engine)
    add_people(engine, 3)
    engine.dispose()
    return tmp_path


def test_a_plan_is_text_on_stdout_and_exit_code_0(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["plan", "spring", "--project", str(shop), *AT]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "Plan of spring, wave once, made 2026-12-01 09:00 UTC\n\nWho\n  Contacts\n         3  selected\n"
    )
    assert "What\n  Arm  Channel  Rendered" in out


def test_a_plan_as_json_has_the_waterfall_and_the_rendering(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["plan", "spring", "--project", str(shop), "--json", *AT]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["selected"], found["left_out"], found["planned"]) == (3, [], 3)
    assert found["rendering"]["arms"][0]["checked"] == 3
    assert found["made_at"] == "2026-12-01T09:00:00Z"


def test_a_plan_as_markdown(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["plan", "spring", "--project", str(shop), "--markdown", *AT]) == 0
    assert capsys.readouterr().out.startswith("## Plan of spring, wave once, made 2026-12-01 09:00 UTC\n\n### Who\n")


def test_exit_code_1_says_that_messages_would_be_sent(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plan", "spring", "--project", str(shop), "--exit-code"]
    assert invoke([*command, *AT]) == 1
    assert invoke([*command, "--now", "2026-12-02T09:00"]) == 0, "six hours late at most"
    assert "too late in their time zone" in capsys.readouterr().out


def test_a_plan_is_kept_in_a_file(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "spring.plan.json"
    assert invoke(["plan", "spring", "--project", str(shop), "--out", str(path), "--new-wave", "again", *AT]) == 0
    assert (read_plan(path).planned, read_plan(path).wave, read_plan(path).is_extra_wave) == (3, "again", True)
    assert "Plan of spring, wave again, an extra wave, made" in capsys.readouterr().out


def test_a_folder_that_is_not_there_is_a_line_and_exit_code_2(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "nowhere" / "plan.json"
    assert invoke(["plan", "spring", "--project", str(shop), "--out", str(path), *AT]) == 2
    assert capsys.readouterr().err == (
        f"{path}: the plan cannot be written there (No such file or directory). Name a file in a folder that exists.\n"
    )


def test_an_unknown_campaign_is_a_line_and_exit_code_2(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["plan", "sprung", "--project", str(shop), *AT]) == 2
    assert capsys.readouterr().err == (
        'campaigns.yaml: campaign "sprung" is not known. Use spring. Did you mean "spring"?\n'
    )
