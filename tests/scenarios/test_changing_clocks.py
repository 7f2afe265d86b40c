"""Around both nights on which clocks change, everybody hears from us at the right time by their own clock, once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from handbill.clock import fixed_clock
from handbill.definitions.project import Project
from handbill.operations.run import start_run
from tests.delivery.test_night import QUIET, send, shop, states_by_zone
from tests.operations.shop import add_people
from tests.scenarios.fault_server import FaultServer, serving

LONDON, NEW_YORK, SYDNEY, KOLKATA = ZONES = (
    "Europe/London", "America/New_York", "Australia/Sydney", "Asia/Kolkata",
)  # fmt: skip
MANY = 40


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


def utc(moment: str) -> datetime:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC)


def start(store: Engine, project: Project, now: datetime) -> int:
    for zone in ZONES:
        add_people(store, 1, timezone=zone)
    return start_run(store, project, "spring", clock=fixed_clock(now)).run_id


def when_sent(store: Engine, project: Project, run_id: int, now: datetime) -> dict[str, datetime]:
    """When the message to each time zone leaves, where somebody looks whenever something is due."""
    sent: dict[str, datetime] = {}
    for _ in range(MANY):
        due = send(store, project, run_id, now).next_due_at
        sent |= {zone: now for zone, state in states_by_zone(store).items() if state == "accepted" and zone not in sent}
        if due is None:
            return sent
        assert due > now, "it would look again and again"
        now = due
    raise AssertionError("it never ends")


@pytest.mark.parametrize(
    ("at", "now", "expected"),
    [
        (  # Clocks go forward in London at 01:00 UTC; nine o'clock there is an hour earlier than the day before.
            "2026-03-29 09:00",
            "2026-03-28 18:30",
            {SYDNEY: "2026-03-28 22:00", KOLKATA: "2026-03-29 03:30", LONDON: "2026-03-29 08:00",
             NEW_YORK: "2026-03-29 13:00"},
        ),
        (  # Half past one is skipped in London: it is an hour later by the clock, and the same moment.
            "2026-03-29 01:30",
            "2026-03-28 11:00",
            {SYDNEY: "2026-03-28 14:30", KOLKATA: "2026-03-28 20:00", LONDON: "2026-03-29 01:30",
             NEW_YORK: "2026-03-29 05:30"},
        ),
        (  # Half past one comes twice in London: the first time counts.
            "2026-10-25 01:30",
            "2026-10-24 11:00",
            {SYDNEY: "2026-10-24 14:30", KOLKATA: "2026-10-24 20:00", LONDON: "2026-10-25 00:30",
             NEW_YORK: "2026-10-25 05:30"},
        ),
        (  # And nine o'clock is an hour later than the day before.
            "2026-10-25 09:00",
            "2026-10-24 18:30",
            {SYDNEY: "2026-10-24 22:00", KOLKATA: "2026-10-25 03:30", LONDON: "2026-10-25 09:00",
             NEW_YORK: "2026-10-25 13:00"},
        ),
    ],
    ids=["forward", "the hour that is skipped", "the hour that comes twice", "back"],
)  # fmt: skip
def test_everybody_gets_it_at_that_time_by_their_own_clock(
    store: Engine, tmp_path: Path, server: FaultServer, at: str, now: str, expected: dict[str, str]
) -> None:
    project = shop(tmp_path, server, f"{{at: {at}, timezone: recipient}}", policies="")
    run_id = start(store, project, utc(now))
    assert when_sent(store, project, run_id, utc(now)) == {zone: utc(moment) for zone, moment in expected.items()}
    assert server.counts.total() == len(server.counts) == len(ZONES)


def test_the_hour_that_comes_twice_sends_once(store: Engine, tmp_path: Path, server: FaultServer) -> None:
    project = shop(tmp_path, server, "{at: 2026-10-25 01:30, timezone: recipient}", policies="")
    run_id = start(store, project, utc("2026-10-24 11:00"))
    for moment in ("2026-10-25 00:30", "2026-10-25 01:30", "2026-10-25 05:30", "2026-10-25 06:30"):
        send(store, project, run_id, utc(moment))
    assert server.counts.total() == len(server.counts) == len(ZONES)


@pytest.mark.parametrize(
    ("at", "now", "expected"),
    [
        ("2026-03-28 22:30", "2026-03-28 22:30",
         {SYDNEY: "2026-03-28 22:30", NEW_YORK: "2026-03-28 22:30", KOLKATA: "2026-03-29 02:30",
          LONDON: "2026-03-29 07:00"}),
        ("2026-10-24 22:30", "2026-10-24 22:30",
         {SYDNEY: "2026-10-24 22:30", NEW_YORK: "2026-10-24 22:30", KOLKATA: "2026-10-25 02:30",
          LONDON: "2026-10-25 08:00"}),
    ],
    ids=["the short night", "the long night"],
)  # fmt: skip
def test_nobody_is_woken_in_a_night_that_is_shorter_or_longer(
    store: Engine, tmp_path: Path, server: FaultServer, at: str, now: str, expected: dict[str, str]
) -> None:
    project = shop(tmp_path, server, f"{{at: {at}}}", policies=QUIET)
    run_id = start(store, project, utc(now))
    assert when_sent(store, project, run_id, utc(now)) == {zone: utc(moment) for zone, moment in expected.items()}


@pytest.mark.parametrize(
    ("woken", "expected"),
    [
        ("2026-03-29 11:59", {SYDNEY: "expired", KOLKATA: "expired", LONDON: "accepted", NEW_YORK: "queued"}),
        ("2026-03-29 12:01", {SYDNEY: "expired", KOLKATA: "expired", LONDON: "expired", NEW_YORK: "queued"}),
        ("2026-03-29 17:01", dict.fromkeys(ZONES, "expired")),
    ],
)
def test_a_machine_that_slept_over_the_change_sends_only_what_is_not_too_late(
    store: Engine, tmp_path: Path, server: FaultServer, woken: str, expected: dict[str, str]
) -> None:
    """Nine o'clock and four hours, by the clock of each: in London that ends at 12:00 UTC on this day."""
    schedule = "{at: 2026-03-29 09:00, timezone: recipient, max_lateness: 4 hours}"
    project = shop(tmp_path, server, schedule, policies="")
    run_id = start(store, project, utc("2026-03-28 18:30"))
    send(store, project, run_id, utc(woken))
    assert states_by_zone(store) == expected
    assert server.counts.total() == list(expected.values()).count("accepted")
