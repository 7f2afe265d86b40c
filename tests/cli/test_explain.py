"""`handbill explain` and `handbill verify-assignment` on the command line."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, update

from handbill.cli import invoke
from handbill.definitions.loading import load_project
from handbill.planning.plan import make_plan
from handbill.planning.seal import seal_run
from handbill.settings import load_settings
from handbill.store.connection import open_store, reading, writing
from handbill.store.draw import unit_fraction
from handbill.store.migrate import upgrade
from handbill.store.tables import assignment, attribute_history, contact, event, metadata, orders
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project

AT = ["--now", "2026-12-01T09:00"]
EXPERIMENT = """
  spring:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00, max_lateness: 6 hours}
    email: {template: hello}
    goal: {event: order, value: revenue, within: 14 days}
    experiment:
      hypothesis: Hello sells.
      salt: spring-2026
      arms:
        nothing: {share: 50%, holdout: true}
        hello: {share: 50%, email: {subject: Hello}}
      control: nothing
      primary: {metric: conversion}
"""
Said = Callable[..., str]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    make_project(tmp_path, 25, campaigns=EXPERIMENT)
    engine = open_store(load_settings(tmp_path).database_url)
    upgrade(engine)
    add_people(engine, 3, created_at=NOW - timedelta(days=90))
    engine.dispose()
    return tmp_path


@pytest.fixture
def said(shop: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """What a command prints; it must end with the exit code."""

    def run(*words: str, code: int = 0) -> str:
        assert invoke([*words, "--project", str(shop)]) == code
        captured = capsys.readouterr()
        return captured.out or captured.err

    return run


def seal(shop: Path) -> None:
    """The campaign's first run, with nothing sent."""
    project, engine = load_project(shop), open_store(load_settings(shop).database_url)
    with writing(engine) as connection:
        seal_run(connection, project, make_plan(connection, project, "spring", now=NOW), now=NOW)
    engine.dispose()


def test_a_campaign_is_explained_from_the_rule_to_the_arm(said: Said) -> None:
    draw = unit_fraction("spring-2026", "C-00001")
    assert said("explain", "C-00001", "spring", *AT) == (
        "C-00001 is planned in spring, wave once.\n\n"
        "Included segment everybody\n"
        "  ✓ field: external_id, exists: true  C-00001\n\n"
        "Gates\n"
        "  ✓ consent                 e-mail: granted for offers 2026-12-01 09:00 UTC (entry 1, source test)\n"
        "  ✓ suppression             e-mail: not on the list\n"
        "  ✓ address                 e-mail: person1@example.org\n"
        "  ✓ time                    due 2026-12-01 09:00 UTC\n"
        "  ✓ one message an address  nobody with the same address comes first\n"
        "  ✓ wave                    not in wave once yet\n\n"
        "Arm\n"
        f"  contact C-00001, drawn at {draw:.6f}: {'nothing' if draw < 0.5 else 'hello'}\n"
    )


def test_what_was_decided_already_is_said(shop: Path, said: Said) -> None:
    seal(shop)
    found = said("explain", "person1@example.org", "spring", *AT)
    arm = "nothing" if unit_fraction("spring-2026", "C-00001") < 0.5 else "hello"
    assert found.startswith("C-00001 gets nothing in spring, wave once: already in this wave.\n")
    assert "  ✗ wave                    entered wave once 2026-12-01 09:00 UTC\n" in found
    assert f"would be {arm}\n  assigned to {arm} by an earlier run\n" in found


def test_explaining_writes_nothing(shop: Path, said: Said) -> None:
    def rows() -> dict[str, int]:
        engine = open_store(load_settings(shop).database_url)
        with reading(engine) as connection:
            found = {
                table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in metadata.sorted_tables
            }
        engine.dispose()
        return found

    before = rows()
    said("explain", "C-00001", "spring", *AT)
    said("explain", "C-00001", *AT)
    assert rows() == before
    assert before["contact"] == 3


def test_a_contact_is_shown_with_everything_in_the_order_in_which_it_happened(shop: Path, said: Said) -> None:
    engine = open_store(load_settings(shop).database_url)
    with writing(engine) as connection:
        ann = connection.scalar(select(contact.c.id).where(contact.c.external_id == "C-00001"))
        at = [NOW - timedelta(days=days) for days in (30, 20, 10)]
        connection.execute(insert(attribute_history).values(contact_id=ann, name="tier", value="gold", from_at=at[0]))
        connection.execute(insert(orders).values(
            external_id="o-1", contact_id=ann, ordered_at=at[1], received_at=at[1], total=20_000_000, currency="GBP",
            code="SPRING", source="test"))  # fmt: skip
        connection.execute(insert(event).values(
            source="test", source_event_id="1", kind="page_view", contact_id=ann, occurred_at=at[2], received_at=at[2],
            properties={"path": "/sale", "seconds": 3}))  # fmt: skip
    engine.dispose()
    found = said("explain", "C-00001", *AT)
    profile, moments = found.split("\n\n")
    assert profile.startswith("C-00001\n  email          person1@example.org\n")
    assert moments == (
        "2026-09-02 09:00 UTC  contact  added\n"
        "2026-11-01 09:00 UTC  field    tier is gold\n"
        "2026-11-11 09:00 UTC  order    o-1: 20.00 GBP, 0 lines, code SPRING\n"
        "2026-11-21 09:00 UTC  event    page_view: path /sale, seconds 3\n"
        "2026-12-01 09:00 UTC  consent  granted for offers by e-mail (source test)\n"
        "2026-12-01 09:00 UTC  consent  granted for offers by post (source test)\n"
    )


def test_campaigns_are_in_the_history_too(shop: Path, said: Said) -> None:
    seal(shop)
    assert "2026-12-01 09:00 UTC  campaign  entered spring, wave once\n" in said("explain", "C-00001", *AT)


def test_explanations_for_machines(said: Said) -> None:
    found = json.loads(said("explain", "C-00001", "spring", *AT, "--json"))
    assert found["segments"][0]["explanation"]["holds"] is True
    assert found["standing"]["gates"][2] == {
        "gate": "address", "verdict": "passes", "value": "e-mail: person1@example.org",
    }  # fmt: skip
    assert json.loads(said("explain", "C-00001", *AT, "--json"))["moments"][0]["kind"] == "contact"


def test_an_assignment_is_verified_and_the_formula_said(shop: Path, said: Said) -> None:
    seal(shop)
    assert said("verify-assignment", "spring") == (
        "spring: 3 of 3 contacts are in the arm that the salt spring-2026 draws.\n\n"
        'The draw: int(sha256(utf8(salt + ":" + unit)).hexdigest()[:13], 16) / 2**52\n'
        "The arm is the first whose bound exceeds it: nothing below 0.5, hello below 1.\n\n"
        "import hashlib\n"
        "draw = lambda unit: int(hashlib.sha256(('spring-2026:' + unit).encode()).hexdigest()[:13], 16) / 2**52\n"
        "arm = lambda unit: next(name for name, bound in [('nothing', 0.5), ('hello', 1.0)] if draw(unit) < bound)\n"
    )


def test_one_unit_is_verified_with_its_draw(shop: Path, said: Said) -> None:
    seal(shop)
    draw = unit_fraction("spring-2026", "C-00002")
    arm = "nothing" if draw < 0.5 else "hello"
    found = said("verify-assignment", "spring", "--unit", "C-00002")
    assert found.splitlines()[:2] == [
        "spring: 1 of 1 contact is in the arm that the salt spring-2026 draws.",
        f"  C-00002 is drawn at {draw:.6f}, into {arm}, and is in {arm}.",
    ]


def test_a_wrong_arm_is_exit_code_2(shop: Path, said: Said) -> None:
    seal(shop)
    engine = open_store(load_settings(shop).database_url)
    with writing(engine) as connection:
        connection.execute(update(assignment).where(assignment.c.unit_id == "C-00002").values(arm="other"))
    engine.dispose()
    found = said("verify-assignment", "spring", code=2)
    assert found.startswith(
        "spring: 2 of 3 contacts are in the arm that the salt spring-2026 draws.\n  C-00002 is drawn"
    )
    assert json.loads(said("verify-assignment", "spring", "--json", code=2))["mismatches"] == 1


def test_nobody_assigned_is_one_line(said: Said) -> None:
    assert said("verify-assignment", "spring", code=2) == (
        "spring: nobody has been assigned to an arm yet. Verify it after its first run, or look at somebody with "
        "`handbill explain CONTACT CAMPAIGN`.\n"
    )
