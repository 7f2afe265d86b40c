"""Shares that follow the clicks of earlier waves, and what a report makes of them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from handbill.definitions.project import Project
from handbill.planning.plan import Plan, make_plan
from handbill.planning.seal import seal_run
from handbill.planning.verification import verify_assignment
from handbill.reports.document import gather
from handbill.reports.text import as_markdown
from handbill.store.connection import writing
from handbill.store.tables import assignment, assignment_member, enrollment, event, outbox, run, source_watermark
from tests.conftest import NOW
from tests.planning.shop import SPRING, add_contact, make_contacts, make_project

DAY = timedelta(days=1)
ARMS = {
    "nothing": {"share": "10%", "holdout": True},
    "plain": {"share": "45%", "email": {"subject": "Plain"}},
    "loud": {"share": "45%", "email": {"subject": "Loud"}},
}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    experiment: dict[str, Any] = {
        **SPRING["experiment"],
        "arms": ARMS,
        "control": "plain",
        "compare": [],
        "secondary": [],
        "primary": {"metric": "clicks", "comparison": "loud - plain"},
        "bandit": {"floor": "5%"},
    }
    campaign = {**SPRING, "schedule": {"cron": "0 9 * * *"}, "experiment": experiment}
    return make_project(tmp_path, campaigns={"spring": campaign})


def _more(connection: Connection, count: int) -> None:
    """Contacts who come after the first wave."""
    for number in range(count):
        add_contact(connection, f"n-{number:05}")


def _wave(connection: Connection, project: Project, day: int) -> Plan:
    """Plans and seals the wave of a day."""
    plan = make_plan(connection, project, "spring", now=NOW + day * DAY)
    seal_run(connection, project, plan, now=NOW + day * DAY)
    connection.execute(update(run).values(state="finished"))
    return plan


def _click(connection: Connection, arm: str, people: int, verdict: str = "human", skip: int = 0) -> None:
    """So many units of an arm got a message and clicked; the first ones are skipped."""
    rows = connection.execute(
        select(assignment_member.c.contact_id, assignment.c.run_id)
        .join(assignment, assignment.c.id == assignment_member.c.assignment_id)
        .where(assignment.c.arm == arm)
        .order_by(assignment_member.c.contact_id)
        .limit(people)
        .offset(skip)
    ).all()
    for contact_id, run_id in rows:
        name = f"{arm}-{contact_id}-{verdict}"
        sent = connection.execute(
            insert(outbox).values(
                run_id=run_id, enrollment_id=_enrollment(connection, contact_id), contact_id=contact_id,
                channel="email", step="send", arm=arm, address="a@example.org", address_key=name, address_hash="h",
                state="accepted", not_before=NOW, message_id=name, message_at=NOW, idempotency_key=name,
            ).returning(outbox.c.id)
        ).scalar_one()  # fmt: skip
        connection.execute(
            insert(event).values(
                source="web", source_event_id=name, kind="email.clicked", contact_id=contact_id, outbox_id=sent,
                occurred_at=NOW, received_at=NOW, verdict=verdict,
            )
        )  # fmt: skip


def _enrollment(connection: Connection, contact_id: int) -> int:
    return int(connection.scalar(select(enrollment.c.id).where(enrollment.c.contact_id == contact_id)) or 0)


def _shares(plan: Plan) -> dict[str, float]:
    return {arm.name: arm.expected for arm in plan.arms}


def test_the_first_wave_has_the_declared_shares(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        make_contacts(connection, 300)
        plan = _wave(connection, project, 0)
    assert _shares(plan) == {"nothing": 0.1, "plain": 0.45, "loud": 0.45}
    assert (
        "Shares follow the clicks of earlier waves; nobody has clicked yet, so they are those that are declared."
        in plan.remarks
    )


def test_later_waves_follow_the_clicks_and_keep_the_holdout(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        make_contacts(connection, 300)
        _wave(connection, project, 0)
        _click(connection, "loud", 30)
        _click(connection, "plain", 5)
        _click(connection, "plain", 40, verdict="machine", skip=5)  # decides nothing
        _more(connection, 400)
        plan = _wave(connection, project, 1)
        drawn = connection.execute(
            select(assignment.c.arm, assignment.c.propensity).join(run).where(run.c.wave == plan.wave).distinct()
        ).tuples()
        propensities = dict(drawn.all())
        verified = verify_assignment(connection, "spring")
    shares = _shares(plan)
    assert shares["nothing"] == 0.1
    assert shares["loud"] > 0.8
    assert shares["plain"] == pytest.approx(0.9 - shares["loud"])
    assert shares["plain"] >= 0.9 * (0.05 + 0.9 * 0.05) - 1e-4  # half of the uniform tenth, and the floor of the rest
    assert propensities == pytest.approx(shares)
    assert (verified.units, verified.mismatches) == (700, 0)


def test_the_report_compares_clicks_within_waves(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        make_contacts(connection, 300)
        _wave(connection, project, 0)
        _click(connection, "loud", 30)
        _click(connection, "plain", 5)
        _more(connection, 400)
        _wave(connection, project, 1)
        until = NOW + 90 * DAY
        connection.execute(
            insert(source_watermark).values(kind="orders", source="shop", complete_until=until, imported_at=until)
        )
        report = gather(connection, project, "spring", until)
    assert report.analysis is not None
    (contrast,) = [one for one in report.analysis.results.comparisons if (one.arm, one.control) == ("loud", "plain")]
    assert contrast.metric == "clicks"
    assert contrast.result.method.startswith("score statistic of each wave")
    assert {one.metric for one in report.analysis.results.comparisons} == {"clicks"}
    assert report.analysis.results.balance.ok
    text = as_markdown(report)
    assert "shares that follow the clicks of earlier waves" in text
    assert "so only clicks are compared, within each wave." in text


def test_somebody_who_has_an_arm_keeps_it(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        make_contacts(connection, 200)
        _wave(connection, project, 0)
        before = dict(connection.execute(select(assignment.c.unit_id, assignment.c.arm)).tuples().all())
        _click(connection, "loud", 20)
        _wave(connection, project, 1)
        after = dict(connection.execute(select(assignment.c.unit_id, assignment.c.arm)).tuples().all())
    assert after == before
