"""When a campaign is due, in every time zone and on every wave."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from handbill.errors import RunRefused
from handbill.planning.schedule import Wave, wave_of
from handbill.planning.timezones import zone_of
from tests.conftest import NOW
from tests.planning.shop import SPRING, WINBACK, make_project

LONDON = ZoneInfo("Europe/London")


def wave(root: Path, schedule: Any, now: datetime = NOW, name: str | None = None, campaign: Any = SPRING) -> Wave:
    project = make_project(root, campaigns={"c": {**campaign, "schedule": schedule}})
    return wave_of(project, project.campaigns["c"], now, name)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_one_off_has_one_wave_at_local_time(tmp_path: Path) -> None:
    found = wave(tmp_path, {"at": "2026-07-01 09:00", "max_lateness": "6 hours"})
    assert (found.name, found.scheduled_at, found.latest_at) == (
        "once",
        utc("2026-07-01 08:00"),
        utc("2026-07-01 14:00"),
    )
    assert found.is_over(utc("2026-07-01 14:01"))
    assert not found.is_over(utc("2026-07-01 14:00"))


def test_a_campaign_may_have_a_time_zone_of_its_own(tmp_path: Path) -> None:
    found = wave(tmp_path, {"at": "2026-07-01 09:00", "timezone": "America/New_York"})
    assert found.due_at(LONDON) == utc("2026-07-01 13:00")
    assert found.latest_at is None
    assert not found.is_over(NOW + timedelta(days=999))


def test_recipients_are_due_at_the_same_clock_time_each_in_their_zone(tmp_path: Path) -> None:
    found = wave(tmp_path, {"at": "2026-07-01 09:00", "timezone": "recipient", "max_lateness": "1 hour"})
    assert found.due_at(LONDON) == utc("2026-07-01 08:00")
    assert found.due_at(ZoneInfo("Asia/Tokyo")) == utc("2026-07-01 00:00")
    assert found.scheduled_at == utc("2026-06-30 19:00"), "where the day begins first"
    assert found.latest_at == utc("2026-07-01 22:00"), "where it ends last"


def test_a_clock_time_that_is_skipped_is_an_hour_later(tmp_path: Path) -> None:
    found = wave(tmp_path, {"at": "2026-03-29 01:30", "timezone": "recipient"})
    assert found.due_at(LONDON) == utc("2026-03-29 01:30")  # 02:30 in summer time; 01:30 does not exist


@pytest.mark.parametrize(
    ("now", "name"),
    [
        ("2026-12-01 09:00", "2026-12-01T09:00Z"),
        ("2026-12-01 14:59", "2026-12-01T09:00Z"),
        ("2026-12-01 15:01", "2026-12-08T09:00Z"),
        ("2026-12-01 08:59:59", "2026-12-01T09:00Z"),
    ],
)
def test_cron_answers_the_latest_tick_that_is_not_too_late_else_the_next(tmp_path: Path, now: str, name: str) -> None:
    found = wave(tmp_path, {"cron": "0 9 * * tue", "max_lateness": "6 hours"}, utc(now))
    assert (found.name, found.scheduled_at) == (name, datetime.fromisoformat(name))


def test_cron_without_max_lateness_answers_the_latest_tick(tmp_path: Path) -> None:
    assert wave(tmp_path, {"cron": "0 9 * * tue"}, utc("2026-12-07 23:00")).name == "2026-12-01T09:00Z"


def test_cron_goes_by_the_clock_when_clocks_change(tmp_path: Path) -> None:
    schedule = {"cron": "0 9 * * *", "max_lateness": "1 hour"}
    assert wave(tmp_path, schedule, utc("2026-10-24 08:00")).name == "2026-10-24T08:00Z"
    assert wave(tmp_path, schedule, utc("2026-10-25 09:00")).name == "2026-10-25T09:00Z"


def test_cron_tells_the_two_hours_apart_that_have_one_name(tmp_path: Path) -> None:
    schedule = {"cron": "30 * * * *", "max_lateness": "10 minutes"}
    names = [wave(tmp_path, schedule, utc(f"2026-10-25 0{hour}:30")).name for hour in (0, 1)]
    assert names == ["2026-10-25T00:30Z", "2026-10-25T01:30Z"]


def test_cron_for_recipients_is_named_by_the_clock(tmp_path: Path) -> None:
    schedule = {"cron": "0 9 * * *", "timezone": "recipient", "max_lateness": "6 hours"}
    found = wave(tmp_path, schedule, utc("2026-11-30 19:00"))
    assert (found.name, found.due_at(LONDON)) == ("2026-12-01T09:00", utc("2026-12-01 09:00"))


def test_a_schedule_that_never_comes_round_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunRefused) as caught:
        wave(tmp_path, {"cron": "0 9 30 2 *"})
    assert str(caught.value) == 'c: the schedule "0 9 30 2 *" never comes round. Correct its day or month.'


def test_post_leaves_early_enough_to_be_at_home_on_the_day(tmp_path: Path) -> None:
    found = wave(tmp_path, {"in_home": "2026-12-10 09:00"}, campaign=WINBACK)
    assert found.due_at(LONDON) == utc("2026-12-10 09:00")
    assert found.scheduled_at == utc("2026-12-07 09:00")
    assert found.leads == {"email": timedelta(0), "direct_mail": timedelta(days=3)}


def test_post_alone_meets_people_when_it_arrives(tmp_path: Path) -> None:
    post = {"audience": {"include": ["everybody"]}, "direct_mail": {"template": "a"}}
    found = wave(tmp_path, {"at": "2026-12-10 09:00"}, campaign=post)
    assert found.scheduled_at == utc("2026-12-10 09:00"), "the hand-over"
    assert found.due_at(LONDON) == utc("2026-12-13 09:00"), "the planned contact"


def test_beside_e_mail_post_at_a_time_leaves_at_that_time(tmp_path: Path) -> None:
    found = wave(tmp_path, {"at": "2026-12-10 09:00"}, campaign=WINBACK)
    assert found.scheduled_at == found.due_at(LONDON) == utc("2026-12-10 09:00")


def test_an_extra_wave_is_due_at_once(tmp_path: Path) -> None:
    found = wave(tmp_path, {"at": "2026-07-01 09:00", "max_lateness": "1 hour"}, name="again")
    assert (found.name, found.is_extra, found.scheduled_at) == ("again", True, NOW)
    assert found.latest_at == NOW + timedelta(hours=1)


def test_an_extra_wave_of_post_is_handed_over_at_once(tmp_path: Path) -> None:
    found = wave(tmp_path, {"in_home": "2026-07-01"}, name="again", campaign=WINBACK)
    assert (found.scheduled_at, found.due_at(LONDON)) == (NOW, NOW + timedelta(days=3))


def test_an_extra_wave_waits_for_a_schedule_that_is_to_come(tmp_path: Path) -> None:
    found = wave(tmp_path, {"at": "2026-12-02 09:00"}, name="again")
    assert (found.name, found.is_extra, found.scheduled_at) == ("again", True, utc("2026-12-02 09:00"))


def test_naming_the_usual_wave_makes_no_extra_one(tmp_path: Path) -> None:
    assert not wave(tmp_path, {"at": "2026-07-01 09:00"}, name="once").is_extra


@pytest.mark.parametrize("name", [None, "", "Mars/Crater", "../etc/passwd", "Europe"])
def test_an_unknown_time_zone_falls_back(name: str | None) -> None:
    assert zone_of(name, LONDON) == LONDON
