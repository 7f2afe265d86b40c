"""What a report says of a test whose winner went to everybody else."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, update

from handbill.definitions.project import Project
from handbill.reports.document import Report, gather
from handbill.reports.numbers import as_json
from handbill.reports.text import as_markdown
from handbill.store.connection import writing
from handbill.store.tables import (
    assignment,
    assignment_member,
    contact,
    experiment,
    orders,
    rollout_decision,
    run,
    source_watermark,
)
from tests.conftest import NOW
from tests.reports.factory import CAMPAIGN, WITHIN, Cell, fill, registration_of
from tests.reports.projects import write_project

LATER = NOW + timedelta(hours=5)
AFTER = LATER + WITHIN + timedelta(days=1)
ROLLOUT = {"test": 0.2, "decide_after_seconds": 4 * 3600, "by": "clicks"}
TEST = [Cell("nothing", 400, 40), Cell("plain", 800, 88, ("email",)), Cell("loud", 800, 104, ("email",))]
DECISION = {
    "winner": "loud", "by_metric": "clicks", "decided_at": NOW + timedelta(hours=4), "decided_by": "schedule",
    "numbers": {
        "plain": {"units": 800, "total": 24, "value": 0.03},
        "loud": {"units": 800, "total": 36, "value": 0.045},
    },
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return write_project(tmp_path)


def _test(connection: Connection, **decision: Any) -> int:
    """The test as it was sealed, and the decision; answers the experiment's id."""
    registered = fill(connection, TEST)
    sealed = {**registration_of(registered), "rollout": ROLLOUT}
    connection.execute(update(experiment).values(registration=sealed))
    connection.execute(update(source_watermark).values(complete_until=AFTER))
    if decision:
        connection.execute(insert(rollout_decision).values(experiment_id=registered.experiment_id, **decision))
    return registered.experiment_id


def _roll_out(connection: Connection, experiment_id: int, held: tuple[int, int], mailed: tuple[int, int]) -> None:
    """Units and buyers of holdout and winner among the others."""
    connection.execute(
        insert(run).values(
            id=50, campaign=CAMPAIGN, wave="rollout-loud", state="finished", definition_digest="def", plan_digest="p",
            plan={}, scheduled_at=LATER, started_at=LATER,
        )
    )  # fmt: skip
    number = 10_000
    for arm, (units, buyers), share in (("nothing", held, 0.2), ("loud", mailed, 0.8)):
        rows = range(number, number + units)
        number += units
        people = [{"id": each, "external_id": f"R{each}", "household_key": f"R{each}", "created_at": NOW,
                   "updated_at": NOW} for each in rows]  # fmt: skip
        connection.execute(insert(contact), people)
        drawn = [{"id": each, "experiment_id": experiment_id, "unit_id": f"R{each}", "arm": arm, "propensity": share,
                  "run_id": 50, "eligible_at": LATER, "origin_at": LATER} for each in rows]  # fmt: skip
        connection.execute(insert(assignment), drawn)
        connection.execute(insert(assignment_member), [{"assignment_id": each, "contact_id": each} for each in rows])
        bought = [{"external_id": f"RO{each}", "contact_id": each, "ordered_at": LATER + timedelta(days=1),
                   "received_at": LATER, "total": 40_000_000, "currency": "GBP", "source": "shop"}
                  for each in list(rows)[:buyers]]  # fmt: skip
        connection.execute(insert(orders), bought)


def _report(connection: Connection, project: Project, now: datetime = AFTER) -> Report:
    return gather(connection, project, CAMPAIGN, now)


def test_before_the_decision_the_test_is_no_result(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        _test(connection)
        report = _report(connection, project)
    assert report.screen.words == (
        "Too early: no result. This is the test, on 2,000 contacts. Clicks pick the winner. Next: nothing."
    )
    assert not report.is_final


def test_a_winner_that_waits_is_named(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        _test(connection, **DECISION)
        report = _report(connection, project)
    assert report.screen.words == (
        "Too early: no result. “loud” won the test on 2,000 contacts, picked by clicks. "
        "It has not gone to the others yet. Next: send it to them."
    )


def test_the_result_is_that_of_the_rollout_alone(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        experiment_id = _test(connection, **DECISION)
        _roll_out(connection, experiment_id, (1_000, 100), (4_000, 520))
        report = _report(connection, project)
    assert report.screen.status == "worked"
    assert "These are the figures of the roll-out alone" in report.screen.words
    assert report.analysis is not None
    (contrast,) = [one for one in report.analysis.results.comparisons if one.metric == "conversion"]
    assert contrast.result.difference == pytest.approx(0.13 - 0.1)
    rolled = report.analysis.rolled_out
    assert rolled is not None
    assert rolled.claim is not None
    # Closed testing: √0.2 · z of the test (Dunnett) + √0.8 · z of the roll-out.
    assert rolled.claim.z == pytest.approx(2.89, abs=0.05)
    assert rolled.claim.proven
    assert contrast.result.p_value == pytest.approx(2 * (rolled.claim.p_value or 0))


def test_the_report_shows_who_picked_the_winner_and_by_what(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        experiment_id = _test(connection, **{**DECISION, "decided_by": "Ann", "because": "the press liked it."})
        _roll_out(connection, experiment_id, (1_000, 100), (4_000, 520))
        text = as_markdown(_report(connection, project))
        numbers = as_json(_report(connection, project))
    assert "## The test and its winner" in text
    assert "“loud” was picked on 1 December 2026, 13:00, by Ann by hand. Why: the press liked it." in text
    assert "| loud | winner | 800 | 0.0450 |" in text
    assert "Picked by clicks: that does not show more orders." in text
    assert "nothing 20" in text  # the registration shows all arms, with the shares that were sealed
    assert '"winner": "loud"' in numbers
    assert '"proven": true' in numbers


def test_a_winner_by_clicks_that_sells_no_more_is_not_called_a_success(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        experiment_id = _test(connection, **DECISION)
        _roll_out(connection, experiment_id, (1_000, 100), (4_000, 404))
        report = _report(connection, project)
    assert report.screen.status == "cannot_tell"
    assert "Picked by clicks, which does not show more orders." in report.screen.words


def test_both_stages_together_may_prove_what_the_rollout_alone_leaves_open(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        experiment_id = _test(connection, **DECISION)
        _roll_out(connection, experiment_id, (1_000, 100), (4_000, 478))
        report = _report(connection, project)
    assert report.screen.status == "worked"
    assert "How much more, the roll-out alone leaves open" in report.screen.words


def test_without_a_holdout_nothing_is_claimed(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        cells = [Cell("plain", 800, 88, ("email",)), Cell("loud", 800, 104, ("email",))]
        registered = fill(connection, cells)
        connection.execute(update(experiment).values(registration={**registration_of(registered), "rollout": ROLLOUT}))
        connection.execute(insert(rollout_decision).values(experiment_id=registered.experiment_id, **DECISION))
        connection.execute(
            insert(run).values(
                id=50, campaign=CAMPAIGN, wave="rollout-loud", state="finished", definition_digest="def",
                plan_digest="p", plan={}, scheduled_at=LATER, started_at=LATER,
            )
        )  # fmt: skip
        connection.execute(update(source_watermark).values(complete_until=AFTER))
        report = _report(connection, project)
    assert report.screen.words == (
        "Nothing to compare. “loud” won the test on 1,600 contacts, picked by clicks, and went to everybody else. "
        "Nobody was held out, so what it brought cannot be told from what would have come anyway. "
        "Next: keep a holdout next time."
    )
