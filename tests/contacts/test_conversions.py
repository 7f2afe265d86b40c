"""Values mean what people write; what cannot be meant is refused in a sentence."""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from handbill.contacts.rows.conversions import ValueType, converter
from handbill.store.types import from_micros

LONDON = ZoneInfo("Europe/London")


@pytest.mark.parametrize(
    ("type_", "value", "meant"),
    [
        ("text", "02108", "02108"),
        ("text", 42, "42"),
        ("text", "two\n lines", "two lines"),
        ("text", True, "true"),
        ("text", date(2026, 1, 2), "2026-01-02"),
        ("integer", "42", 42),
        ("integer", "-7.0", -7),
        ("integer", 3.0, 3),
        ("number", "4.5", 4.5),
        ("number", "-.5", -0.5),
        ("number", Decimal("0.1"), 0.1),
        ("money", "12.50", 12_500_000),
        ("money", "-0.000001", -1),
        ("money", 2.55, 2_550_000),
        ("money", 0.1 + 0.2, 300_000),
        ("money", 7, 7_000_000),
        ("money", "1e3", 1_000_000_000),
        ("boolean", "Yes", True),
        ("boolean", "0", False),
        ("boolean", False, False),
        ("date", "2026-12-01", "2026-12-01"),
        ("date", "2026-12-01 23:59", "2026-12-01"),
        ("date", date(2026, 12, 1), "2026-12-01"),
        ("date", datetime.fromisoformat("2026-12-01T23:00"), "2026-12-01"),
        ("country", "United Kingdom", "GB"),
        ("country", "Atlantis", "Atlantis"),
        ("language", "pt_BR", "pt-BR"),
        ("language", "EN", "en"),
        ("timezone", "Asia/Tokyo", "Asia/Tokyo"),
        ("mailbox", "Ann@Example.com", "ann@example.com"),
    ],
)
def test_a_value_means_what_people_write(type_: ValueType, value: Any, meant: Any) -> None:
    assert converter(type_, LONDON)(value) == meant


@pytest.mark.parametrize(
    ("type_", "value", "message"),
    [
        ("text", "a\x00b", "the text has a control character in it. Remove it."),
        ("text", "\ud800", "the text has a control character in it. Remove it."),
        ("json", {"a": ["b\x00"]}, "the text has a control character in it. Remove it."),
        ("json", ["\ud800"], "the text has a control character in it. Remove it."),
        ("json", [1e999], "a number in it is infinite or none. Correct it."),
        ("json", 1e999, "a number in it is infinite or none. Correct it."),
        ("text", "x" * 10_001, "the text is longer than 10,000 characters. Shorten it."),
        ("text", [1], "a single value belongs here, not a list or an object. Write it as text."),
        ("integer", "4.5", '"4.5" is not a whole number. Write it like 42.'),
        ("integer", "٤٢", '"٤٢" is not a whole number. Write it like 42.'),
        ("integer", float("inf"), '"inf" is not a whole number. Write it like 42.'),
        ("integer", True, '"True" is not a whole number. Write it like 42.'),
        ("integer", 2**53 + 1,
         '"9007199254740993" is too large a number. Make it text: an id is no number.'),
        ("number", "4,5", '"4,5" is not a number. Write it like 4.5.'),
        ("number", "nan", '"nan" is not a number. Write it like 4.5.'),
        ("money", "£12", '"£12" is not an amount of money. Write it like 12.50, without a currency sign.'),
        ("money", "1,200.00", '"1,200.00" is not an amount of money. Write it like 12.50, without a currency sign.'),
        ("money", "0.0000001", '"0.0000001" has more than six decimals. Round it.'),
        ("money", "1000000001", '"1000000001" is more than 1,000,000,000. Correct it.'),
        ("money", "1e99", '"1e99" is more than 1,000,000,000. Correct it.'),
        ("boolean", "maybe", '"maybe" is neither true nor false. Write true or false.'),
        ("date", "01/12/2026", '"01/12/2026" is not a date. Write it like 2026-12-01.'),
        ("date", 20261201, '"20261201" is not a date. Write it like 2026-12-01.'),
        ("time", "12/1/2010 8:26", '"12/1/2010 8:26" is not a time. Write it like 2026-12-01 09:00.'),
        ("time", "0001-01-01T00:00:00+14:00",
         '"0001-01-01T00:00:00+14:00" is not a time. Write it like 2026-12-01 09:00.'),
        ("time", 1291191960, '"1291191960" is not a time. Write it like 2026-12-01 09:00.'),
        ("language", "english", '"english" is not a language. Write it like en or pt-BR.'),
        ("timezone", "London", '"London" is not a time zone. Use an IANA name such as Europe/London.'),
        ("mailbox", "ann", '"ann" is not an e-mail address. Write it like ann@example.com.'),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(type_: ValueType, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        converter(type_, LONDON)(value)


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-07-01 09:00", datetime(2026, 7, 1, 8, tzinfo=UTC)),
        ("2026-12-01", datetime(2026, 12, 1, tzinfo=UTC)),
        ("2026-07-01T09:00:00Z", datetime(2026, 7, 1, 9, tzinfo=UTC)),
        ("2026-07-01T09:00:00.5+02:00", datetime(2026, 7, 1, 7, 0, 0, 500_000, tzinfo=UTC)),
        (datetime.fromisoformat("2026-07-01T09:00"), datetime(2026, 7, 1, 8, tzinfo=UTC)),
        (datetime(2026, 7, 1, 9, tzinfo=timezone(timedelta(hours=2))), datetime(2026, 7, 1, 7, tzinfo=UTC)),
        (date(2026, 7, 1), datetime(2026, 6, 30, 23, tzinfo=UTC)),
    ],
)
def test_a_time_without_an_offset_stands_in_the_projects_time_zone(value: Any, moment: datetime) -> None:
    assert from_micros(converter("time", LONDON)(value)) == moment


def test_declared_values_are_found_in_any_case() -> None:
    convert = converter("text", LONDON, ("basic", "Gold"))
    assert convert("GOLD") == "Gold"
    with pytest.raises(ValueError, match=r'^"silver" is not known\. Use basic or Gold\.$'):
        convert("silver")
