"""A test on a part of the audience, a decision with its numbers, and the winner for everybody else."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select

from handbill.cli import invoke
from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.errors import NothingToDo, NotMeasurable, RunRefused
from handbill.operations.rollout import ByHand, decide
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.planning.plan import make_plan
from handbill.planning.rollout import Decision, salt_of_test
from handbill.planning.verification import verify_assignment
from handbill.store.connection import reading, writing
from handbill.store.draw import unit_fraction
from handbill.store.tables import assignment, event, outbox, rollout_decision, run
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project, make_settings
from tests.scenarios.fault_server import FaultServer, serving

PEOPLE = 200
HOUR = timedelta(hours=1)
CAMPAIGN = """
  spring:
    topic: offers
    audience: {include: [everybody]}
    schedule: {at: 2026-12-01 09:00, max_lateness: 12 hours}
    email: {template: hello}
    goal: {event: order, margin_rate: 40%, within: 14 days}
    experiment:
      hypothesis: The better subject brings buyers.
      salt: spring
      arms:
        nothing: {share: 10%, holdout: true}
        plain: {share: 45%, email: {subject: Plain}}
        loud: {share: 45%, email: {subject: Loud}}
      control: nothing
      primary: {metric: conversion, minimum_effect: 1 pp}
      rollout: {test: 30%, decide_after: 4 hours, by: clicks}
"""
IDS = [f"C-{number:05}" for number in range(1, PEOPLE + 1)]
IN_TEST = {each for each in IDS if unit_fraction(salt_of_test("spring"), each) < 0.3}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, server: FaultServer, store: Engine) -> Project:
    add_people(store, PEOPLE)
    return make_project(tmp_path, server.port, campaigns=CAMPAIGN)


def _run(store: Engine, project: Project, hours: float) -> str:
    """Sends what is due; answers the wave."""
    clock = fixed_clock(NOW + hours * HOUR)
    started = start_run(store, project, "spring", clock=clock)
    drain_run(store, project, make_settings(project.root, store), started.run_id, clock=clock)
    finish_run(store, started.run_id, clock=clock)
    return started.wave


def _click(store: Engine, arm: str, people: int) -> None:
    """So many people of an arm click once."""
    with writing(store) as connection:
        sent = connection.execute(
            select(outbox.c.id, outbox.c.contact_id).where(outbox.c.arm == arm).order_by(outbox.c.id).limit(people)
        )
        clicks = [
            {"source": "web", "source_event_id": f"{each.id}", "kind": "email.clicked", "contact_id": each.contact_id,
             "outbox_id": each.id, "occurred_at": NOW + HOUR, "received_at": NOW + HOUR, "verdict": "human"}
            for each in sent
        ]  # fmt: skip
        connection.execute(insert(event), clicks)


def _decide(store: Engine, project: Project, hours: float, by_hand: ByHand | None = None) -> Decision:
    return decide(store, project, "spring", clock=fixed_clock(NOW + hours * HOUR), by_hand=by_hand)


def _arms(store: Engine, wave: str) -> dict[str, set[str]]:
    with reading(store) as connection:
        rows = connection.execute(
            select(assignment.c.arm, assignment.c.unit_id).join(run).where(run.c.wave == wave)
        ).tuples()
        found: dict[str, set[str]] = {}
        for arm, unit in rows:
            found.setdefault(arm, set()).add(unit)
    return found


def test_the_test_goes_to_its_share_and_the_others_wait(store: Engine, project: Project) -> None:
    assert _run(store, project, 0) == "once"
    arms = _arms(store, "once")
    assert set().union(*arms.values()) == IN_TEST
    assert set(arms) == {"nothing", "plain", "loud"}
    with reading(store) as connection:
        plan = make_plan(connection, project, "spring", now=NOW, wave="again")
    waits = next(each for each in plan.left_out if each.reason == "waits_for_winner")
    assert waits.contacts == PEOPLE - len(IN_TEST)
    assert (
        "This is the test: 140 contacts wait for the winner, which clicks pick 4 hours after the last message. "
        "Their cost comes on top."
    ).replace("140", str(waits.contacts)) in plan.remarks


def test_the_winner_goes_to_everybody_else_and_the_holdout_stays(store: Engine, project: Project) -> None:
    _run(store, project, 0)
    _click(store, "loud", 5)
    _click(store, "plain", 2)
    decision = _decide(store, project, 4)
    assert (decision.winner, decision.by_metric, decision.decided_by) == ("loud", "clicks", "schedule")
    assert {name: each["total"] for name, each in decision.numbers.items()} == {"plain": 2, "loud": 5}
    assert _run(store, project, 5) == "rollout-loud"
    arms = _arms(store, "rollout-loud")
    others = set(IDS) - IN_TEST
    held = {each for each in others if unit_fraction("spring", each) < 0.1}
    assert arms == {"nothing": held, "loud": others - held}
    with reading(store) as connection:
        sent = connection.scalar(select(func.count()).select_from(outbox).where(outbox.c.state == "accepted"))
        assert verify_assignment(connection, "spring").mismatches == 0
    assert sent == len(others - held) + len(IN_TEST) - len(_arms(store, "once")["nothing"])


def test_everybody_gets_one_message_however_often_it_is_run(store: Engine, project: Project) -> None:
    _run(store, project, 0)
    _click(store, "plain", 1)
    _decide(store, project, 4)
    _run(store, project, 5)
    with pytest.raises(NothingToDo) as caught:
        _run(store, project, 6)
    assert str(caught.value).startswith("spring: the wave rollout-plain is finished, and a wave is never sent twice.")
    with reading(store) as connection:
        twice = select(outbox.c.contact_id).group_by(outbox.c.contact_id).having(func.count() > 1)
        assert connection.execute(twice).all() == []


def test_nothing_goes_to_the_others_before_the_decision(store: Engine, project: Project) -> None:
    _run(store, project, 0)
    with pytest.raises(NothingToDo) as caught:
        _run(store, project, 1)
    assert str(caught.value) == (
        "spring: the test has been sent, and the others wait for its winner. "
        "Run `handbill decide spring` after 2026-12-01 13:00 UTC, or leave it to `handbill up`."
    )


def test_the_winner_is_not_picked_before_its_time(store: Engine, project: Project) -> None:
    _run(store, project, 0)
    _click(store, "plain", 1)
    with pytest.raises(NothingToDo) as caught:
        _decide(store, project, 3)
    assert str(caught.value) == (
        "spring: the winner is picked after 2026-12-01 13:00 UTC, as registered. "
        "Wait, or pick it by hand with --arm and --because."
    )


def test_the_winner_is_picked_by_what_was_registered(store: Engine, project: Project, server: FaultServer) -> None:
    _run(store, project, 0)
    _click(store, "plain", 1)
    edited = make_project(project.root, server.port, campaigns=CAMPAIGN.replace("by: clicks", "by: conversion"))
    with pytest.raises(RunRefused) as caught:
        _decide(store, edited, 4)
    assert str(caught.value).startswith("spring: the experiment is not the one that was registered: rollout was")


def test_the_winner_is_picked_once(store: Engine, project: Project) -> None:
    _run(store, project, 0)
    _click(store, "plain", 1)
    _decide(store, project, 4)
    with pytest.raises(NothingToDo) as caught:
        _decide(store, project, 5, ByHand("loud", "it is louder", "Ann"))
    assert str(caught.value) == (
        "spring: plain was picked on 2026-12-01 13:00 UTC. Run `handbill run spring` to send it to the others."
    )


def test_without_any_clicks_a_person_decides_and_says_why(store: Engine, project: Project) -> None:
    _run(store, project, 0)
    with pytest.raises(NotMeasurable) as caught:
        _decide(store, project, 4)
    assert str(caught.value) == (
        "spring: nothing is known of the clicks of arm plain. "
        "Pick a winner by hand: `handbill decide spring --arm plain --because …`."
    )
    decision = _decide(store, project, 1, ByHand("loud", "the press liked it", "Ann"))
    assert (decision.winner, decision.decided_by, decision.because) == ("loud", "Ann", "the press liked it")


def test_a_holdout_cannot_win(store: Engine, project: Project) -> None:
    _run(store, project, 0)
    with pytest.raises(RunRefused) as caught:
        _decide(store, project, 4, ByHand("nothing", "it is cheap", "Ann"))
    assert str(caught.value) == '--arm: arm that sends something "nothing" is not known. Use plain or loud.'


def test_no_other_wave_is_made_of_a_test(store: Engine, project: Project) -> None:
    with pytest.raises(RunRefused) as caught:
        start_run(store, project, "spring", clock=fixed_clock(NOW), new_wave="again")
    assert str(caught.value) == (
        "spring is one test and one roll-out: it has no other wave before its winner is picked. Leave out --new-wave."
    )


def test_the_command_says_the_numbers_and_what_to_do(
    store: Engine, project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HANDBILL_DATABASE_URL", make_settings(project.root, store).database_url)
    _run(store, project, 0)
    _click(store, "loud", 3)
    there = ["decide", "spring", "--project", str(project.root), "--now", "2026-12-01T14:00:00+00:00"]
    assert invoke([*there, "--arm", "loud"]) == 2
    assert capsys.readouterr().err == "--arm stands without --because. By hand takes both: --arm NAME --because WHY.\n"
    assert invoke(there) == 0
    units = {name: len(each) for name, each in _arms(store, "once").items()}
    assert capsys.readouterr().out == (
        f"spring: loud goes to everybody else. By clicks: "
        f"loud {3 / units['loud']:.4g} (of {units['loud']}), plain 0 (of {units['plain']}).\n"
        "Run `handbill run spring` to send it, or leave it to `handbill up`.\n"
    )
    with reading(store) as connection:
        assert connection.scalar(select(rollout_decision.c.winner)) == "loud"
