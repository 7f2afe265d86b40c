"""What is written down when a plan becomes a run."""

from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from handbill.definitions.project import Project
from handbill.errors import RunRefused
from handbill.planning.plan import make_plan
from handbill.planning.seal import run_of_wave, seal_run
from handbill.store.connection import open_store, reading, writing
from handbill.store.tables import (
    assignment,
    assignment_member,
    contact,
    definition,
    enrollment,
    exclusion,
    experiment,
    metadata,
    outbox,
    run,
)
from tests.conftest import NOW
from tests.planning.shop import SPRING, WINBACK, add_contact, make_contacts, make_project


def start(store: Engine, project: Project, campaign: str = "spring-sale", wave: str | None = None) -> int:
    with writing(store) as connection:
        plan = make_plan(connection, project, campaign, now=NOW, wave=wave)
        return seal_run(connection, project, plan, now=NOW)


def rows(store: Engine, statement: Any) -> list[Any]:
    with reading(store) as connection:
        return list(connection.execute(statement))


def fill(store: Engine, count: int = 30) -> None:
    with writing(store) as connection:
        make_contacts(connection, count)
        add_contact(connection, "no-consent", consents=())


def test_a_run_keeps_what_the_plan_showed(store: Engine, tmp_path: Path) -> None:
    fill(store)
    project = make_project(tmp_path)
    run_id = start(store, project)
    with reading(store) as connection:
        plan = make_plan(connection, project, "spring-sale", now=NOW, wave="again")
        found = connection.execute(select(run)).one()
        assert run_of_wave(connection, "spring-sale", "once") == run_id == found.id
        assert run_of_wave(connection, "spring-sale", "again") is None
    assert (found.campaign, found.wave, found.state, found.fence) == ("spring-sale", "once", "running", 1)
    assert found.scheduled_at == plan.scheduled_at
    assert found.definition_digest == plan.definition_digest
    assert found.plan["planned"] == 30
    assert found.plan["left_out"] == [{"reason": "no_consent", "detail": "email", "contacts": 1}]
    assert rows(store, select(definition.c.content))[0].content["campaign"]["topic"] == "offers"


def test_planned_contacts_are_enrolled_holdouts_too_and_the_others_keep_their_reason(
    store: Engine, tmp_path: Path
) -> None:
    fill(store)
    run_id = start(store, make_project(tmp_path))
    enrolled = rows(store, select(enrollment.c.run_id, enrollment.c.key, func.count()).group_by("run_id", "key"))
    assert enrolled == [(run_id, "once", 30)]
    excluded = select(contact.c.external_id, exclusion.c.reason, exclusion.c.detail).join(exclusion)
    assert rows(store, excluded) == [("no-consent", "no_consent", "email")]
    assert rows(store, select(outbox)) == []


def test_every_unit_is_assigned_with_its_origin_and_its_members(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        for number in range(20):
            add_contact(connection, f"c-{number}", household_key=f"h-{number % 10}")
            add_contact(connection, f"d-{number}", household_key=f"h-{number % 10}", consents=())
    start(store, make_project(tmp_path), "winback")
    units = rows(store, select(assignment))
    assert len(units) == 10
    assert {unit.origin_at for unit in units} == {NOW.replace(day=10, hour=0)}
    assert {unit.propensity for unit in units} == {0.25}
    members = select(func.count()).select_from(assignment_member).group_by(assignment_member.c.assignment_id)
    assert rows(store, members) == [(4,)] * 10, "everybody in the household, mailed or not"
    assert len(rows(store, select(enrollment))) == 10, "one recipient a household"


def test_a_later_wave_keeps_the_assignments_and_adds_the_new_units(store: Engine, tmp_path: Path) -> None:
    fill(store)
    project = make_project(tmp_path)
    first = start(store, project)
    before = rows(store, select(assignment).order_by(assignment.c.id))
    with writing(store) as connection:
        add_contact(connection, "new")
    second = start(store, project, wave="again")
    after = rows(store, select(assignment).order_by(assignment.c.id))
    assert after[:30] == before
    assert [(unit.unit_id, unit.run_id) for unit in after[30:]] == [("new", second)]
    assert {unit.run_id for unit in before} == {first}
    assert len(rows(store, select(assignment_member))) == 31
    assert len(rows(store, select(enrollment).where(enrollment.c.key == "again"))) == 31


def test_one_of_two_schedulers_starts_the_wave(store: Engine, store_url: str, tmp_path: Path) -> None:
    fill(store)
    project, together, refusals = make_project(tmp_path), Barrier(2), []

    def schedule() -> None:
        engine = open_store(store_url)
        together.wait()
        try:
            start(engine, project)
        except RunRefused as refused:
            refusals.append(str(refused))
        engine.dispose()

    threads = [Thread(target=schedule) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refusals == [
        "spring-sale: the wave once has been started by another program. Run the command again to follow it."
    ]
    assert len(rows(store, select(enrollment))) == 30


def test_a_refused_run_leaves_nothing_behind(store: Engine, tmp_path: Path) -> None:
    fill(store)
    late = {**SPRING, "schedule": {"at": "2026-11-30 10:00", "max_lateness": "6 hours"}}
    with pytest.raises(RunRefused) as caught:
        start(store, make_project(tmp_path, campaigns={"c": late}), "c")
    assert str(caught.value) == (
        "c: it is too late, nothing was to leave after 2026-11-30 16:00 UTC. Change schedule or max_lateness, or make "
        "an extra wave with --new-wave."
    )
    filled = {
        table.name for table in metadata.sorted_tables if rows(store, select(func.count()).select_from(table))[0][0]
    }
    assert filled == {"contact", "consent"}


def test_an_experiment_that_changed_after_its_registration_is_refused(store: Engine, tmp_path: Path) -> None:
    fill(store)
    start(store, make_project(tmp_path))
    changed = {**SPRING["experiment"], "hypothesis": "It was clear all along.", "compare": []}
    changed["primary"] = {"metric": "clicks", "comparison": "discount - plain"}
    project = make_project(tmp_path, campaigns={"spring-sale": {**SPRING, "experiment": changed}})
    with pytest.raises(RunRefused) as caught:
        start(store, project, wave="again")
    assert str(caught.value).splitlines() == [
        f"spring-sale: the experiment is not the one that was registered: {change}. "
        "Restore it, or make it a new campaign with a salt of its own."
        for change in (
            'hypothesis was "The discount brings more buyers." and is "It was clear all along."',
            'compare was "discount - plain" and is empty',
            (
                'primary was confidence 0.95, metric "conversion", minimum_effect 0.05, power 0.8 and is '
                'comparison "discount - plain", confidence 0.95, metric "clicks", power 0.8'
            ),
        )
    ]
    with reading(store) as connection:
        remarks = make_plan(connection, project, "spring-sale", now=NOW, wave="again").remarks
    assert remarks[0] == (
        'The run will refuse: the experiment is not the one that was registered: hypothesis was "The discount brings '
        'more buyers." and is "It was clear all along.".'
    )


def test_an_experiment_that_was_removed_after_its_registration_is_refused(store: Engine, tmp_path: Path) -> None:
    fill(store)
    start(store, make_project(tmp_path))
    bare = make_project(tmp_path, campaigns={"spring-sale": {**SPRING, "experiment": None}})
    with pytest.raises(RunRefused, match="the experiment was removed, which was registered on 01 December 2026"):
        start(store, bare, wave="again")


def test_a_salt_that_another_experiment_had_is_refused(store: Engine, tmp_path: Path) -> None:
    fill(store)
    start(store, make_project(tmp_path))
    with pytest.raises(RunRefused) as caught:
        start(store, make_project(tmp_path, campaigns={"copy": SPRING}), "copy")
    assert str(caught.value) == (
        'copy: the salt "spring-2026" drew the arms of spring-sale, so the same people would meet in the same arms. '
        "Choose another salt."
    )


def test_the_registration_holds_what_a_report_needs(store: Engine, tmp_path: Path) -> None:
    fill(store)
    start(store, make_project(tmp_path, campaigns={"winback": WINBACK}), "winback")
    (found,) = rows(store, select(experiment))
    assert (found.campaign, found.salt, found.unit, found.sealed_at) == ("winback", "winback-2026", "household", NOW)
    assert found.registration["arms"][3] == {
        "name": "both", "share": 0.25, "holdout": False, "channels": ["email", "direct_mail"], "format": "letter",
        "discount": 0.0,
    }  # fmt: skip
    assert found.registration["goal"] == {
        "event": "order", "value": "revenue", "margin_rate": None, "costs": None, "within_seconds": 60 * 86_400,
    }  # fmt: skip
    assert found.registration["primary"] == {
        "metric": "conversion", "comparison": None, "minimum_effect": 0.01, "power": 0.8, "confidence": 0.95,
    }  # fmt: skip
    assert found.registration["audience"] == {"include": ["everybody"], "exclude": []}


def test_a_campaign_without_experiment_is_sealed_without_assignments(store: Engine, tmp_path: Path) -> None:
    fill(store)
    start(store, make_project(tmp_path, campaigns={"c": {**SPRING, "experiment": None}}), "c")
    assert rows(store, select(experiment)) == rows(store, select(assignment)) == []
    assert len(rows(store, select(enrollment))) == 30
