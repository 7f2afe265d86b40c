"""Whether the world is still as an approved plan saw it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, update

from handbill.definitions.project import Project
from handbill.errors import PlanDrifted, RunRefused
from handbill.planning.approval import plan_as_approved, read_plan, write_plan
from handbill.planning.headcount import LeftOut
from handbill.planning.plan import Plan
from handbill.store.connection import writing
from handbill.store.tables import contact
from tests.conftest import NOW
from tests.planning.shop import SPRING, add_contact, add_suppression, make_contacts, make_project
from tests.planning.test_plan import fill, plan

LENIENT = {"max_drift": "10%"}


def approve(store: Engine, project: Project, root: Path, **given: Any) -> Plan:
    write_plan(plan(store, project, **given), root / "approved.json")
    return read_plan(root / "approved.json")


def run_approved(store: Engine, project: Project, approved: Plan, **given: Any) -> Plan:
    with writing(store) as connection:
        return plan_as_approved(connection, project, approved, now=given.get("now", NOW))


def test_a_plan_comes_back_from_its_file_whole(store: Engine, tmp_path: Path) -> None:
    fill(store)
    made = plan(store, make_project(tmp_path))
    write_plan(made, tmp_path / "plan.json")
    found = read_plan(tmp_path / "plan.json")
    assert found == made
    assert (found.definition, found.fingerprint) == (made.definition, made.fingerprint)
    assert sorted(path.name for path in tmp_path.glob("*plan*")) == ["plan.json"]


def test_an_unchanged_world_runs_the_approved_plan(store: Engine, tmp_path: Path) -> None:
    fill(store)
    project = make_project(tmp_path)
    approved = approve(store, project, tmp_path)
    assert run_approved(store, project, approved).digest == approved.digest


def test_a_drifted_audience_is_refused_with_what_moved(store: Engine, tmp_path: Path) -> None:
    ids = fill(store)
    project = make_project(tmp_path)
    approved = approve(store, project, tmp_path)
    with writing(store) as connection:
        add_contact(connection, "new")
        add_suppression(connection, "email-c-00001", "unsubscribed")
        connection.execute(update(contact).where(contact.c.id == ids[2]).values(email=None, email_key=None))
        connection.execute(delete(contact).where(contact.c.id == ids[3]))
    with pytest.raises(PlanDrifted) as caught:
        run_approved(store, project, approved)
    assert str(caught.value) == (
        "spring-sale: the audience has changed by 10.0% since the plan was made, and max_drift allows 0.5%. 1 came "
        "(1: in the segments now: data that was imported since), 3 left (1: no e-mail address; 1: no longer in the "
        "segments: erased or merged; 1: on the suppression list (e-mail)). "
        "Make a plan with `handbill plan CAMPAIGN --out FILE`."
    )


def test_a_little_drift_runs_the_approved_contacts_only(store: Engine, tmp_path: Path) -> None:
    fill(store)
    project = make_project(tmp_path, policies=LENIENT)
    approved = approve(store, project, tmp_path)
    with writing(store) as connection:
        add_contact(connection, "new")
        add_suppression(connection, "email-c-00001", "unsubscribed")
    found = run_approved(store, project, approved)
    assert found.left_out == (LeftOut("suppressed", "email", 1), LeftOut("not_in_plan", None, 1))
    assert (found.selected, found.planned) == (41, 39)


def test_an_edit_of_the_campaign_is_refused_with_its_place(store: Engine, tmp_path: Path) -> None:
    fill(store)
    approved = approve(store, make_project(tmp_path), tmp_path)
    edited = make_project(tmp_path, campaigns={"spring-sale": {**SPRING, "schedule": {"at": "2026-12-01 11:00"}}})
    (tmp_path / "templates/email/spring.mjml").write_text("Spring is here.\n")
    with pytest.raises(PlanDrifted) as caught:
        run_approved(store, edited, approved)
    assert str(caught.value) == (
        "spring-sale: something was edited after the plan was made: campaign.schedule.at: 2026-12-01 10:00 → "
        "2026-12-01 11:00; templates.email/spring.mjml: line 1: email/spring.mjml → line 1: Spring is here. "
        "Make a plan with `handbill plan CAMPAIGN --out FILE`."
    )


def test_edits_that_change_nothing_for_the_campaign_are_allowed(store: Engine, tmp_path: Path) -> None:
    fill(store)
    project = make_project(tmp_path)
    approved = approve(store, project, tmp_path)
    (tmp_path / "templates/email/winback.mjml").write_text("another campaign's template")
    assert project.channels.email
    faster = project.channels.email.model_copy(update={"host": "elsewhere", "rate": None, "password": "${OTHER}"})
    moved = replace(project, channels=project.channels.model_copy(update={"email": faster}))
    assert run_approved(store, moved, approved).digest == approved.digest


def test_a_plan_for_another_wave_is_refused(store: Engine, tmp_path: Path) -> None:
    fill(store)
    weekly = {**SPRING, "schedule": {"cron": "0 9 * * tue"}}
    project = make_project(tmp_path, campaigns={"spring-sale": weekly})
    approved = approve(store, project, tmp_path)
    with pytest.raises(PlanDrifted) as caught:
        run_approved(store, project, approved, now=NOW.replace(day=8))
    assert str(caught.value) == (
        "spring-sale: the plan is for the wave 2026-12-01T09:00Z, and 2026-12-08T09:00Z is due now. "
        "Make a plan with `handbill plan CAMPAIGN --out FILE`."
    )


def test_the_plan_of_an_extra_wave_runs_as_that_wave(store: Engine, tmp_path: Path) -> None:
    fill(store)
    project = make_project(tmp_path)
    approved = approve(store, project, tmp_path, wave="again")
    assert run_approved(store, project, approved).wave == "again"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (None, "there is no such file."),
        ("{", "the file cannot be read as a plan."),
        ("[]", "the file is no plan of this version."),
        ('{"format": "handbill plan 2", "campaign": 1}', "the file was changed by hand."),
    ],
)
def test_a_file_that_is_no_plan_is_refused(tmp_path: Path, content: str | None, what: str) -> None:
    path = tmp_path / "plan.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(RunRefused) as caught:
        read_plan(path)
    assert str(caught.value) == f"{path}: {what} Make a plan with `handbill plan CAMPAIGN --out FILE`."


def test_a_plan_file_holds_nothing_personal(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 5, first_name="Philomena")
    approve(store, make_project(tmp_path), tmp_path)
    written = (tmp_path / "approved.json").read_text()
    assert "Philomena" not in written
    assert "example.org" not in written
