"""When it is quiet, over midnight and where clocks change; and which time zone a name means."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from handbill.definitions.policy import QuietHours
from handbill.planning.quiet_hours import end_of_quiet, is_quiet, start_of_quiet
from handbill.planning.timezones import zone_of

LONDON, NEW_YORK, KOLKATA = (ZoneInfo(name) for name in ("Europe/London", "America/New_York", "Asia/Kolkata"))


def quiet(since: str, until: str, timezone: str = "recipient") -> QuietHours:
    return QuietHours.model_validate({"from": since, "to": until, "timezone": timezone})


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHT = quiet("21:00", "08:00")
NOON = quiet("12:00", "14:00")


@pytest.mark.parametrize(
    ("hours", "moment", "end"),
    [
        (NIGHT, "2026-12-01 20:59:59.999999", "2026-12-01 20:59:59.999999"),
        (NIGHT, "2026-12-01 21:00", "2026-12-02 08:00"),
        (NIGHT, "2026-12-02 00:00", "2026-12-02 08:00"),
        (NIGHT, "2026-12-02 07:59:59", "2026-12-02 08:00"),
        (NIGHT, "2026-12-02 08:00", "2026-12-02 08:00"),
        (NOON, "2026-12-02 11:59", "2026-12-02 11:59"),
        (NOON, "2026-12-02 12:30", "2026-12-02 14:00"),
        (NOON, "2026-12-02 23:00", "2026-12-02 23:00"),
        (quiet("00:00", "08:00"), "2026-12-02 03:00", "2026-12-02 08:00"),
        (quiet("20:00", "00:00"), "2026-12-02 20:30", "2026-12-03 00:00"),
    ],
)
def test_what_falls_into_quiet_hours_waits_until_they_end(hours: QuietHours, moment: str, end: str) -> None:
    assert end_of_quiet(hours, utc(moment), LONDON) == utc(end)


def test_each_recipients_own_clock_decides_unless_a_zone_is_named() -> None:
    nine_in_the_evening = utc("2026-12-01 21:30")
    assert end_of_quiet(NIGHT, nine_in_the_evening, NEW_YORK) == nine_in_the_evening
    assert end_of_quiet(NIGHT, nine_in_the_evening, KOLKATA) == utc("2026-12-02 02:30")
    assert end_of_quiet(quiet("21:00", "08:00", "Europe/London"), nine_in_the_evening, NEW_YORK) == utc(
        "2026-12-02 08:00"
    )


@pytest.mark.parametrize(
    ("hours", "moment", "end"),
    [
        # Clocks go forward at 01:00 UTC on 29 March: the night is an hour shorter.
        (NIGHT, "2026-03-28 22:00", "2026-03-29 07:00"),
        # Clocks go back at 01:00 UTC on 25 October: an hour longer.
        (NIGHT, "2026-10-24 21:00", "2026-10-25 08:00"),
        # 01:30 is skipped: the quiet ends with the jump from 01:00 to 02:00.
        (quiet("21:00", "01:30"), "2026-03-28 23:00", "2026-03-29 01:00"),
        # 01:30 to 01:45 comes twice, and is quiet twice.
        (quiet("01:15", "01:45"), "2026-10-25 00:20", "2026-10-25 00:45"),
        (quiet("01:15", "01:45"), "2026-10-25 01:20", "2026-10-25 01:45"),
        # What ends at 01:30 has ended, and begins again when clocks go back to 01:00.
        (quiet("21:00", "01:30"), "2026-10-25 00:29", "2026-10-25 00:30"),
        (quiet("21:00", "01:30"), "2026-10-25 00:45", "2026-10-25 00:45"),
        (quiet("21:00", "01:30"), "2026-10-25 01:10", "2026-10-25 01:30"),
    ],
)
def test_quiet_is_what_the_clock_on_the_wall_says_when_clocks_change(hours: QuietHours, moment: str, end: str) -> None:
    assert end_of_quiet(hours, utc(moment), LONDON) == utc(end)
    assert not is_quiet(hours, utc(end), LONDON)


@pytest.mark.parametrize(
    ("hours", "moment", "start"),
    [
        (NIGHT, "2026-12-01 09:00", "2026-12-01 21:00"),
        (NIGHT, "2026-12-01 22:00", "2026-12-01 22:00"),
        (NIGHT, "2026-07-01 20:30", "2026-07-01 20:30"),  # 21:30 in summer time
        (quiet("01:30", "05:00"), "2026-03-29 00:30", "2026-03-29 01:00"),  # skipped: from the jump on
        (quiet("21:00", "01:30"), "2026-10-25 00:45", "2026-10-25 01:00"),  # back with the clocks
    ],
)
def test_the_next_quiet_begins_by_the_same_clock(hours: QuietHours, moment: str, start: str) -> None:
    assert start_of_quiet(hours, utc(moment), LONDON) == utc(start)
    assert is_quiet(hours, utc(start), LONDON)


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("Europe/Sofia", "Europe/Sofia"),
        (" europe/sofia ", "Europe/Sofia"),
        ("America/New York", "America/New_York"),
        ("UTC", "UTC"),
        ("z", "UTC"),
        ("+02:00", "Etc/GMT-2"),
        ("UTC-5", "Etc/GMT+5"),
        ("gmt +0530", "Asia/Kolkata"),
        ("-09:30", "Pacific/Marquesas"),
        ("+14", "Etc/GMT-14"),
        ("+15", "Europe/London"),
        ("-13:00", "Europe/London"),
        ("+01:17", "Europe/London"),
        ("Mars/Crater", "Europe/London"),
        ("../../etc/passwd", "Europe/London"),
        ("", "Europe/London"),
        (None, "Europe/London"),
    ],
)
def test_a_time_zone_is_understood_however_it_is_written_or_is_the_projects(written: str | None, known: str) -> None:
    assert zone_of(written, LONDON).key == known


def test_an_offset_means_that_many_hours_ahead() -> None:
    assert utc("2026-12-01 09:00").astimezone(zone_of("UTC+2", LONDON)).hour == 11
