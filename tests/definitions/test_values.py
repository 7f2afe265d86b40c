"""Shares, durations, money and times mean what the marketer wrote."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest

from handbill.definitions.cron import parse_cron
from handbill.definitions.values import (
    Effect,
    Rate,
    parse_boolean,
    parse_colour,
    parse_currency,
    parse_duration,
    parse_effect,
    parse_line,
    parse_moment,
    parse_money,
    parse_rate,
    parse_share,
    parse_time_of_day,
    parse_timezone,
)


@pytest.mark.parametrize(
    ("parse", "written", "value"),
    [
        (parse_share, "45%", Decimal("0.45")),
        (parse_share, "33.3 %", Decimal("0.333")),
        (parse_share, "0.45", Decimal("0.45")),
        (parse_share, "0", Decimal(0)),
        (parse_share, "1", Decimal(1)),
        (parse_duration, "14 days", timedelta(days=14)),
        (parse_duration, "1 year", timedelta(days=365)),
        (parse_duration, "2 months", timedelta(days=60)),
        (parse_duration, "90minutes", timedelta(minutes=90)),
        (parse_duration, "0 days", timedelta(0)),
        (parse_rate, "3000/minute", Rate(3000, timedelta(minutes=1))),
        (parse_money, "0.78", 780_000),
        (parse_money, "0.000001", 1),
        (parse_money, "2500", 2_500_000_000),
        (parse_effect, "1 pp", Effect(1.0, percentage_points=True)),
        (parse_effect, "0.30", Effect(0.3, percentage_points=False)),
        (parse_time_of_day, "09:00", time(9)),
        (parse_moment, "2026-12-01 09:00", datetime(2026, 12, 1, 9)),  # noqa: DTZ001 - local time
        (parse_moment, "2026-12-01T09:00:30", datetime(2026, 12, 1, 9, 0, 30)),  # noqa: DTZ001 - local time
        (parse_moment, "2026-12-01", datetime(2026, 12, 1)),  # noqa: DTZ001 - local time
        (parse_timezone, "Asia/Kolkata", "Asia/Kolkata"),
        (parse_boolean, "true", True),
        (parse_boolean, "false", False),
        (parse_line, "  Spring is here ", "Spring is here"),
        (parse_currency, "EUR", "EUR"),
        (parse_colour, "#0A5599", "#0a5599"),
        (parse_colour, "0a5599", "#0a5599"),
        (parse_cron, "*/15 9-17 1,15 jan-mar mon", "*/15 9-17 1,15 jan-mar mon"),
    ],
)
def test_a_value_is_read_as_it_is_written(parse: Callable[[Any], Any], written: str, value: object) -> None:
    assert parse(written) == value


@pytest.mark.parametrize(
    ("parse", "written"),
    [
        (parse_share, "45%"),
        (parse_duration, "14 days"),
        (parse_rate, "5/second"),
        (parse_money, "0.78"),
        (parse_effect, "1 pp"),
        (parse_moment, "2026-12-01"),
    ],
)
def test_a_value_that_is_read_already_stays_as_it_is(parse: Callable[[Any], Any], written: str) -> None:
    value = parse(written)

    assert parse(value) == value


@pytest.mark.parametrize(
    ("parse", "written", "said"),
    [
        (parse_share, "1_0%", '"1_0%" is not a share. Write it like 45%.'),
        (parse_share, "-5%", '"-5%" is not a share. Write it like 45%.'),
        (parse_share, "NaN", '"NaN" is not a share. Write it like 45%.'),
        (parse_share, "100.1%", '"100.1%" is not between 0% and 100%. Write it like 45%.'),
        (parse_share, ["45%"], "one value belongs here, not several. Write a single value."),
        (parse_duration, "a fortnight", '"a fortnight" is not a duration. Write it like 14 days or 6 hours.'),
        (parse_duration, "101 years", '"101 years" is longer than 100 years. Write a shorter one.'),
        (parse_rate, "0/minute", '"0/minute" is not a rate. Write it like 3000/minute.'),
        (
            parse_money,
            "0.0000001",
            '"0.0000001" is not an amount of money. Write it like 0.78: no currency sign, at most six decimals.',
        ),
        (parse_effect, "0 pp", '"0 pp" is not an effect. Write it like 1 pp for a rate or 0.30 for an amount.'),
        (parse_time_of_day, "24:00", '"24:00" is not a time of day. Write it like 09:00.'),
        (
            parse_moment,
            "2026-12-01 09:00+01:00",
            '"2026-12-01 09:00+01:00" is not a date and time. Write local time like 2026-12-01 09:00.',
        ),
        (parse_moment, "2026-W48-2", '"2026-W48-2" is not a date and time. Write local time like 2026-12-01 09:00.'),
        (parse_moment, "2026-12-01 25:00", '"2026-12-01 25:00" is not a day and time that exists. Correct it.'),
        (
            parse_timezone,
            "London",
            '"London" is not a time zone. Use an IANA name such as Europe/London. Did you mean "Europe/London"?',
        ),
        (
            parse_timezone,
            "../etc/passwd",
            '"../etc/passwd" is not a time zone. Use an IANA name such as Europe/London.',
        ),
        (parse_boolean, "no", '"no" is neither true nor false. Write true or false.'),
        (parse_line, "a\u2028b", "the text has a line break or a control character in it. Write it on one line."),
        (parse_line, "a\r\nBcc: b", "the text has a line break or a control character in it. Write it on one line."),
        (parse_currency, "gbp", '"gbp" is not a currency. Use its three capital letters, such as GBP.'),
        (parse_colour, "blue", '"blue" is not a colour. Write its six digits like "#0a5599", in quotes.'),
        (parse_cron, "* * * * 8", '"8" does not fit the weekday in cron. Use *, or 0 to 7.'),
        (parse_cron, "*/0 * * * *", '"*/0" does not fit the minute in cron. Use *, or 0 to 59.'),
        (parse_cron, "9-5 * * * *", '"9-5" does not fit the minute in cron. Use *, or 0 to 59.'),
    ],
)
def test_a_value_that_is_wrong_says_how_to_write_it(parse: Callable[[Any], Any], written: Any, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted below
        parse(written)

    assert str(caught.value) == said


def test_a_long_value_is_cut_in_the_message() -> None:
    with pytest.raises(ValueError, match=r'^"x{60}…" is not a share'):
        parse_share("x" * 1000)
