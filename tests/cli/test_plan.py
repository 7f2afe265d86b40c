"""`handbill plan` on the command line."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from handbill.cli import invoke
from handbill.planning.approval import read_plan
from handbill.settings import load_settings
from handbill.store.connection import open_store
from handbill.store.migrate import upgrade
from tests.conftest import NOW
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
        "Plan of spring, wave once, made 2026-12-01 09:00 UTC\n"
        "3 of 3 selected contacts are planned: 3 e-mails for 0.00 GBP, at 2026-12-01 09:00 UTC.\n\n"
        "Who\n  Contacts\n         3  selected\n         3  planned\n"
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
    out = capsys.readouterr().out
    assert out.startswith("## Plan of spring, wave once, made 2026-12-01 09:00 UTC\n\n3 of 3 selected contacts")
    assert "\n### Who\n\n| Contacts |  |\n| ---: | --- |\n| **3** | **selected** |\n" in out


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


def test_the_second_plan_says_what_has_moved_since_the_first(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["plan", "spring", "--project", str(shop), "--no-render"]
    assert invoke([*command, *AT]) == 0
    assert "Since the plan" not in capsys.readouterr().out
    assert invoke([*command, "--now", "2026-12-01T09:30"]) == 0
    assert (
        "\nSince the plan of 2026-12-01 09:00 UTC\n  Nobody came, nobody left, and nothing was edited.\n"
        in capsys.readouterr().out
    )


def test_a_plan_is_compared_with_the_one_in_a_file(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "first.plan.json"
    command = ["plan", "spring", "--project", str(shop), "--no-render"]
    assert invoke([*command, "--out", str(path), *AT]) == 0
    engine = open_store(load_settings(shop).database_url)
    add_people(engine, 2, created_at=NOW + timedelta(minutes=5))
    engine.dispose()
    later = ["--now", "2026-12-01T09:30"]
    assert invoke([*command, *later]) == 0
    capsys.readouterr()
    assert invoke([*command, *later, "--since", str(path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["differences"]
    assert (found["made_by"], found["before"], found["after"]) == ("file", 3, 5)
    assert found["entered"] == [
        {"gate": "selected", "contacts": 2, "detail": None, "clause": "new contacts", "example": "C-00004"}
    ]


def test_a_plan_of_another_campaign_is_no_plan_to_compare_with(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "first.plan.json"
    assert invoke(["plan", "spring", "--project", str(shop), "--no-render", "--out", str(path), *AT]) == 0
    path.write_text(path.read_text().replace('"campaign": "spring"', '"campaign": "autumn"'))
    capsys.readouterr()
    assert invoke(["plan", "spring", "--project", str(shop), "--since", str(path), *AT]) == 2
    assert capsys.readouterr().err == f"{path}: this is a plan of autumn, not of spring. Name a plan of spring.\n"


def test_without_rendering_nothing_is_said_about_messages(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["plan", "spring", "--project", str(shop), "--no-render", *AT]) == 0
    assert "\nWhat\n" not in capsys.readouterr().out


def test_a_database_that_takes_no_writes_is_planned_all_the_same(
    shop: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///file:{shop / '.handbill/handbill.db'}?mode=ro&uri=true"
    monkeypatch.setenv("HANDBILL_DATABASE_URL", url)
    assert invoke(["plan", "spring", "--project", str(shop), "--no-render", *AT]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("Plan of spring")
    assert said.err == (
        "This plan could not be kept, so the next one cannot say what has moved since: "
        "attempt to write a readonly database.\n"
    )


def test_without_a_campaign_all_of_them_are_shown(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["plan", "--project", str(shop), *AT]) == 0
    assert capsys.readouterr().out == (
        "Plans of all campaigns, made 2026-12-01 09:00 UTC\n\n"
        "Campaigns\n"
        "  Campaign  Wave  Goes out (UTC)    Planned  Messages  Cost (GBP)\n"
        "  spring    once  2026-12-01 09:00        3         3        0.00\n"
    )
    assert invoke(["plan", "--project", str(shop), "--json", *AT]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["campaign"], found["planned"], found["remarks"]) == ("spring", 3, [])


def test_the_calendar_shows_what_goes_out(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["calendar", "--project", str(shop), "--now", "2026-11-28T09:00"]) == 0
    assert capsys.readouterr().out == (
        "The 30 days from 2026-11-28\n\n"
        "Waves\n"
        "  Leaves                Campaign  Wave  Sends   State\n"
        "  Tue 2026-12-01 09:00  spring    once  e-mail  planned\n"
        "  Times are those of UTC.\n"
    )
    assert invoke(["calendar", "--project", str(shop), "--days", "1", "--now", "2026-11-28T09:00"]) == 0
    assert "  Nothing goes out.\n" in capsys.readouterr().out
    assert invoke(["calendar", "--project", str(shop), "--json", *AT]) == 0
    assert json.loads(capsys.readouterr().out) == [{
        "scheduled_at": "2026-12-01T09:00:00Z", "campaign": "spring", "wave": "once", "channels": ["email"],
        "state": "due", "by_recipient": False,
    }]  # fmt: skip
