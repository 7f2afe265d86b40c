"""E-mails that are late or slow leave nobody's phone ringing at night: they wait for the morning, or expire."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.delivery.claiming import Lease, Recipients, claim
from handbill.delivery.deliver import DrainResult, drain
from handbill.delivery.night import Night, hold_back, night_of
from handbill.delivery.worker import Worker
from handbill.operations.run import start_run
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox, run
from tests.conftest import NOW
from tests.delivery.queues import change, make_run, rows_of
from tests.operations.shop import add_people, make_project, make_settings
from tests.scenarios.fault_server import FaultServer, serving

QUIET = "policies:\n  quiet_hours: {from: 21:00, to: 08:00}\n"
HOUR = timedelta(hours=1)
EVENING = datetime(2026, 12, 1, 20, tzinfo=UTC)
"""20:00 in London, 21:00 in Paris, 15:00 in New York."""
RECEIPT = """<mjml><mj-body><mj-section><mj-column>
<mj-text>Your order is on its way. {{ brand.postal_address }}</mj-text></mj-column></mj-section></mj-body></mjml>
"""
ZONES = ("Europe/London", "Europe/Paris", "America/New_York", "", "Mars/Crater")


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


def shop(root: Path, server: FaultServer, schedule: str, *, kind: str = "marketing", policies: str = QUIET) -> Project:
    topic = "    topic: offers\n" if kind == "marketing" else ""
    campaign = f"\n  spring:\n    kind: {kind}\n{topic}    audience: {{include: [everybody]}}\n"
    campaign += f"    schedule: {schedule}\n    email: {{template: hello, subject: Hello}}\n"
    return make_project(root, server.port, campaigns=campaign, channels=policies)


def send(store: Engine, project: Project, run_id: int, now: datetime) -> DrainResult:
    worker = Worker("worker-1", fixed_clock(now), random=lambda: 0.0, reconnect_after=())
    return drain(store, project, make_settings(project.root, store), run_id, worker)


def add_world(store: Engine) -> None:
    for name in ZONES:
        add_people(store, 1, timezone=name or None)


def states_by_zone(store: Engine) -> dict[str, str]:
    with reading(store) as connection:
        return dict(connection.execute(select(outbox.c.timezone, outbox.c.state)).tuples().all())


def test_a_run_that_is_late_leaves_those_alone_whose_night_has_begun(
    store: Engine, tmp_path: Path, server: FaultServer
) -> None:
    add_world(store)
    project = shop(tmp_path, server, "{at: 2026-12-01 09:00}")
    run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
    first = send(store, project, run_id, EVENING)
    assert states_by_zone(store) == {**dict.fromkeys(ZONES, "accepted"), "Europe/Paris": "queued"}
    assert (dict(first.by_state), first.next_due_at) == ({"accepted": 4}, EVENING + 11 * HOUR)
    assert send(store, project, run_id, EVENING + 11 * HOUR).by_state == {"accepted": 1}
    assert sum(server.counts.values()) == 5


def test_what_would_wait_longer_than_max_lateness_expires(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    add_world(store)
    project = shop(tmp_path, server, "{at: 2026-12-01 09:00, max_lateness: 12 hours}")
    run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
    send(store, project, run_id, EVENING)
    send(store, project, run_id, EVENING + 11 * HOUR)
    assert states_by_zone(store)["Europe/Paris"] == "expired"


def test_lateness_counts_by_each_recipients_own_time_zone(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    add_world(store)
    project = shop(tmp_path, server, "{at: 2026-12-01 09:00, timezone: recipient, max_lateness: 3 hours}", policies="")
    run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
    send(store, project, run_id, NOW + 2 * HOUR + HOUR / 2)  # 12:30 in Paris, 11:30 in London, 06:30 in New York
    found = states_by_zone(store)
    assert (found["Europe/Paris"], found["Europe/London"], found["America/New_York"]) == (
        "expired", "accepted", "queued"
    )  # fmt: skip


def test_transactional_mail_leaves_at_any_hour(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    add_world(store)
    project = shop(tmp_path, server, "{at: 2026-12-01 09:00}", kind="transactional")
    (tmp_path / "templates/email/hello.mjml").write_text(RECEIPT)
    run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
    assert send(store, project, run_id, EVENING + 3 * HOUR).by_state == {"accepted": 5}


def test_where_one_zone_is_named_its_night_is_everybodys(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    add_world(store)
    policies = QUIET.replace("08:00}", "08:00, timezone: Europe/London}")
    project = shop(tmp_path, server, "{at: 2026-12-01 09:00}", policies=policies)
    run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
    sent = send(store, project, run_id, EVENING + 1 * HOUR)
    assert (dict(sent.by_state), sent.next_due_at) == ({}, EVENING + 12 * HOUR)


def test_a_night_that_begins_while_messages_lie_ready_holds_them_back(
    store: Engine, tmp_path: Path, server: FaultServer
) -> None:
    add_world(store)
    project = shop(tmp_path, server, "{at: 2026-12-01 09:00}")
    run_id = start_run(store, project, "spring", clock=fixed_clock(NOW)).run_id
    moments = iter([EVENING - timedelta(seconds=1)] * 6)
    worker = Worker("worker-1", lambda: next(moments, EVENING), random=lambda: 0.0, reconnect_after=())
    drain(store, project, make_settings(tmp_path, store), run_id, worker)
    assert states_by_zone(store)["Europe/Paris"] == "queued"
    with reading(store) as connection:
        paris = connection.execute(select(outbox).where(outbox.c.timezone == "Europe/Paris")).one()
    assert (paris.not_before, paris.owner, paris.attempt) == (EVENING + 11 * HOUR, None, 0)


@pytest.mark.parametrize(
    ("now", "morning"),
    [
        (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 3, 29, 7, tzinfo=UTC)),  # clocks go forward in between
        (datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 8, tzinfo=UTC)),  # and back
    ],
)
def test_the_morning_comes_by_the_clock_when_clocks_change(
    store: Engine, tmp_path: Path, server: FaultServer, now: datetime, morning: datetime
) -> None:
    project = shop(tmp_path, server, "{at: 2026-12-01 09:00}")
    run_id = make_run(store, 2)
    change(store, run_id, timezone="Europe/London")
    with writing(store) as connection:
        connection.execute(update(run).values(campaign="spring"))
        connection.execute(update(outbox).values(not_before=now))
        night = night_of(connection, project, project.campaigns["spring"], run_id)
        assert night.asleep(now) == {"Europe/London"}
        lease = Lease("worker-1", now, now + HOUR)
        everybody_else = Recipients(asleep=night.asleep(now))
        assert claim(connection, run_id, "email", lease=lease, limit=9, now=now, recipients=everybody_else) == []
        assert hold_back(connection, run_id, night, now) == 2
    assert {row.not_before for row in rows_of(store, run_id)} == {morning}
    assert night.asleep(morning) == set()


def test_without_quiet_hours_nobody_is_held_back(store: Engine) -> None:
    run_id = make_run(store, 2)
    with writing(store) as connection:
        assert hold_back(connection, run_id, Night(None, {}), NOW) == 0
