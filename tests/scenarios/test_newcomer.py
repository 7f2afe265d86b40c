"""What somebody new does on their first day, from an empty folder to a report, through the commands they would type."""

import random
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from handbill.cli.app import app
from handbill.errors import PlanDrifted
from handbill.operations import driving

NOW = "2026-12-01T09:00"
AT = f"{NOW}:00+00:00"
PEOPLE = 80


@dataclass
class Day:
    """The project, and what each command said."""

    folder: Path
    said: dict[str, str] = field(default_factory=dict)
    refused: str = ""

    def types(self, name: str, command: str, *, code: int = 0) -> str:
        """Runs a command and keeps what it prints."""
        done = CliRunner().invoke(app, shlex.split(command)[1:], catch_exceptions=False)
        assert done.exit_code == code, done.output
        self.said[name] = done.stdout
        return done.stdout

    def runs(self, name: str, plan: str | None = None) -> None:
        """Takes the steps of the project's flow, as `handbill run` does."""
        run_id = driving.begin(self.folder, "spring-sale", plan=plan, now=AT)
        while driving.send_for(self.folder, run_id, 20, now=AT).more:
            pass
        self.said[name] = driving.end(self.folder, run_id, now=AT)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    outside = tmp_path_factory.mktemp("newcomer")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HANDBILL_DATABASE_URL", raising=False)
        patch.setenv("HANDBILL_SECRET", "a secret of the tests")
        patch.chdir(outside)
        day = Day(outside / "shop")
        day.types("init", "handbill init shop")
        patch.chdir(day.folder)
        _prepare(day.folder)
        _morning(day)
        _afternoon(day)
        yield day


def _morning(day: Day) -> None:
    """Files in, everything checked and tested, a plan made and approved."""
    for kind in ("contacts", "consents", "orders"):
        day.types(f"import {kind}", f"handbill import {kind} {kind}.csv --now {NOW}")
    day.types("check", "handbill check")
    day.types("test", "handbill test")
    day.types("proof", "handbill send-test spring-sale --to ada@northwind.example")
    day.types("plan", f"handbill plan spring-sale --now {NOW} --out spring.plan.json")


def _afternoon(day: Day) -> None:
    """Some buy in the meantime, so the plan is made and approved again before it is run; then the results."""
    day.types("late orders", f"handbill import orders late.csv --now {NOW}")
    with pytest.raises(PlanDrifted) as drifted:
        day.runs("drifted", "spring.plan.json")
    day.refused = str(drifted.value)
    day.types("second plan", f"handbill plan spring-sale --now {NOW} --out again.plan.json")
    day.runs("run", "again.plan.json")
    day.types("status", "handbill status spring-sale")
    day.types("explain", f"handbill explain c11 spring-sale --now {NOW}")
    day.types("verify", "handbill verify-assignment spring-sale")
    day.types("report", "handbill report spring-sale --format md --now 2026-12-20")


def _prepare(folder: Path) -> None:
    """What a newcomer brings: three files of a small shop; e-mail goes into a folder for now."""
    campaigns = folder / "campaigns.yaml"
    text = campaigns.read_text(encoding="utf-8")
    text = text.replace("provider: smtp", "provider: file\n    directory: sent\n    seeds: [qa@northwind.example]")
    campaigns.write_text(
        text.replace("    host: localhost\n    port: 1025\n    security: none\n", ""), encoding="utf-8"
    )
    chance = random.Random(2026)
    people = [f"c{number},c{number}@mail.example,First{number},GB" for number in range(PEOPLE)]
    _write(folder / "contacts.csv", "id,email,first_name,country", people)
    agreed = [f"c{number},email,offers,granted,2026-01-05" for number in range(PEOPLE) if number % 10]
    _write(folder / "consents.csv", "contact,channel,topic,state,at", agreed)
    bought = [f"o{n},c{n},2026-{chance.randint(4, 10):02}-{chance.randint(1, 28):02},{n + 10}" for n in range(PEOPLE)]
    _write(folder / "orders.csv", "order_id,contact,ordered_at,total", bought)
    late = [f"late{number},c{number},2026-12-01 07:00,20" for number in (11, 12, 13)]
    _write(folder / "late.csv", "order_id,contact,ordered_at,total", late)


def _write(path: Path, header: str, lines: list[str]) -> None:
    path.write_text("\n".join((header, *lines, "")), encoding="utf-8")


def test_a_new_project_is_checked_and_tested_before_anything_is_changed(day: Day) -> None:
    assert day.said["check"].startswith("campaigns.yaml: 3 campaigns, 4 segments, ")
    assert day.said["check"].endswith(": all good.\n")
    assert day.said["test"].endswith(" people: all as expected.\n")


def test_the_files_of_a_small_shop_are_imported_whole(day: Day) -> None:
    assert day.said["import contacts"].startswith(f"Loaded {PEOPLE} contacts")
    assert day.said["import orders"].startswith(f"Loaded {PEOPLE} orders")


def test_the_plan_tells_everybody_who_is_left_out(day: Day) -> None:
    plan = day.said["plan"]
    assert f"{PEOPLE}  selected" in plan
    assert "−8  no consent (e-mail)" in plan
    assert "And 1 seed gets a copy of each arm's e-mail, which nothing counts." in plan


def test_an_approved_plan_is_not_run_in_a_world_that_has_moved(day: Day) -> None:
    assert day.refused == (
        "spring-sale: the audience has changed by 4.3% since the plan was made, and max_drift allows 0.5%. "
        "0 came, 3 left (3: in a segment that the campaign excludes (bought-this-week)). "
        "Make a plan with `handbill plan CAMPAIGN --out FILE`."
    )


def test_the_second_plan_says_who_left_and_why(day: Day) -> None:
    since = day.said["second plan"].partition("Since the plan of ")[2].partition("\n\n")[0]
    assert since.split("\n")[1:] == [
        "  Contacts",
        "        70  planned then",
        "        −3  in a segment that the campaign excludes (bought-this-week), such as c11",
        "        67  planned now",
    ]


def test_the_run_reaches_whom_the_plan_promised_and_the_seed_beside(day: Day) -> None:
    assert day.said["run"].endswith("Seeds: 2 of 2 copies sent")
    mails = [path.read_text(encoding="utf-8") for path in (day.folder / "sent" / "new").iterdir()]
    marked = [each for each in mails if "X-Handbill-Test:" in each or "X-Handbill-Seed:" in each]
    assert len(marked) == 4
    sent = int(day.said["run"].removeprefix("Sent ").partition(" ")[0])
    assert len(mails) - len(marked) == sent
    assert day.said["run"] in day.said["status"]


def test_somebody_who_was_left_out_is_told_with_what_they_bought(day: Day) -> None:
    assert day.said["explain"].startswith(
        "c11 gets nothing in spring-sale, wave once: in a segment that the campaign excludes (bought-this-week).\n"
    )
    assert "✓ event: order, within: 7 days  1 (since 2026-11-24 09:00 Europe/London)" in day.said["explain"]


def test_the_arms_can_be_drawn_again_by_anybody(day: Day) -> None:
    assert day.said["verify"].startswith(
        "spring-sale: 67 of 67 contacts are in the arm that the salt spring-sale-2026 draws.\n"
    )


def test_the_report_counts_the_people_and_no_proof_or_seed(day: Day) -> None:
    assert day.said["report"].startswith("# spring-sale: Too early: no result.")
    assert "Sent 1 December 2026 · 67 contacts · 14 days" in day.said["report"]
