"""Numbers are said as finely as their interval deserves."""

from datetime import UTC, datetime, timedelta

import pytest

from handbill.reports.wording import (
    Range,
    capital,
    count,
    day,
    duration,
    listed,
    money,
    number,
    percent,
    plural,
    price,
    span,
    times_as_many,
    with_plus,
)


@pytest.mark.parametrize(
    ("value", "width", "said"),
    [
        (2.137, 1.0, "2.1"),
        (-0.31, 1.2, "−0.3"),
        (12_345.6, 3_000, "12,300"),
        (0.0123, 0.01, "0.012"),
        (3.0, None, "3"),
        (0.03456, None, "0.0346"),
        (0.0, 1.2, "0.0"),
        (-0.01, 1.2, "0.0"),
    ],
)
def test_a_number_is_rounded_for_its_interval(value: float, width: float | None, said: str) -> None:
    assert number(value, width) == said


@pytest.mark.parametrize(
    ("value", "currency", "width", "said"),
    [
        (6_234, "GBP", 8_600, "£6,200"),
        (10_466, "GBP", 10_154, "£10,500"),
        (37.14, "GBP", 19, "£37"),
        (0.371, "GBP", 0.19, "£0.37"),
        (1.52, "EUR", 3, "€1.50"),
        (-300, "SEK", 3_000, "−SEK\u00a0300"),
        (19_500, "GBP", None, "£19,500"),
        (0.5, "GBP", None, "£0.50"),
        (-0.001, "GBP", None, "£0.00"),
    ],
)
def test_money_is_rounded_for_its_interval(value: float, currency: str, width: float | None, said: str) -> None:
    assert money(value, currency, width) == said


def test_people_are_counted_whole() -> None:
    assert (count(524.6, 250), count(12_345, 3_000), count(1)) == ("525", "12,300", "1")
    assert (plural(1, "order"), plural(1_234, "order"), plural(2, "was", "were")) == (
        "1 order",
        "1,234 orders",
        "2 were",
    )


def test_a_price_keeps_the_digits_that_were_declared() -> None:
    assert [price(value, "GBP") for value in (0.001, 0.78, 2)] == ["£0.001", "£0.78", "£2"]


def test_an_interval_with_a_minus_has_no_dash() -> None:
    assert (span("1.6", "2.6"), span("−0.3", "0.9")) == ("1.6–2.6", "−0.3 to 0.9")


def test_only_a_gain_has_a_plus() -> None:
    assert [with_plus(text) for text in ("£6,200", "−£300", "£0", "0.0")] == ["+£6,200", "−£300", "£0", "0.0"]


def test_shares_lists_and_times_are_said_in_words() -> None:
    assert percent(0.0523, 0.01) == "5.2 %"
    assert listed(["a"]) == "a"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert capital("the letter") == "The letter"
    assert [times_as_many(factor) for factor in (1.2, 2.4, 40, 1_000)] == [
        "twice as many", "three times as many", "40 times as many", "more than a hundred times as many",
    ]  # fmt: skip


def test_durations_and_days_read_naturally() -> None:
    lengths = (timedelta(days=60), timedelta(days=1), timedelta(hours=6))
    assert [duration(length) for length in lengths] == ["60 days", "1 day", "6 hours"]
    moment = datetime(2027, 3, 12, 9, tzinfo=UTC)
    assert (day(moment), day(moment, style="short")) == ("12 March 2027", "12 March")


def test_a_range_turns_round_with_a_negative_factor() -> None:
    assert Range(2, 1, 4).times(-3) == Range(-6, -12, -3)
    assert Range(2, 1, 4).plus(-1) == Range(1, 0, 3)
