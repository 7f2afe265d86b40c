"""How the small things in YAML are written: shares, durations, rates, money, times, effects, names.

Every scalar reaches these converters as the text that the marketer wrote, so `02108`, `010`, `no` and `09:00` mean
what they say. Each converter raises `ValueError` with a full sentence and how to mend it, and leaves a value that is
converted already as it is.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator

from handbill.definitions.words import nearest, quoted

MILLIONTHS = 1_000_000
"""Money is kept in integer millionths of the currency."""

RECIPIENT = "recipient"
"""The time zone of each recipient."""

_UNITS = {
    "second": timedelta(seconds=1),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
    "month": timedelta(days=30),
    "year": timedelta(days=365),
}
_LONGEST = timedelta(days=36_500)
_SHARE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(%?)")
_AMOUNT = re.compile(r"[0-9]{1,12}(\.[0-9]{1,6})?")
_EFFECT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(pp)?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2})?)?")
_DURATION = re.compile(r"([0-9]{1,6})\s*(second|minute|hour|day|week|month|year)s?")
_DOMAIN = re.compile(r"([^\W_]([\w-]{0,61}[^\W_])?\.)+[^\W_]([\w-]{0,61}[^\W_])?")
_CAP_SIZE = re.compile(r"([0-9]{1,6})(?:\s+points?)?")
_RATE = re.compile(r"([0-9]{1,9})\s*/\s*(second|minute|hour|day)")


@dataclass(frozen=True)
class Rate:
    """So many messages in so much time."""

    count: int
    per: timedelta

    @property
    def per_second(self) -> float:
        """Messages a second."""
        return self.count / self.per.total_seconds()

    def __str__(self) -> str:
        name = next(name for name, unit in _UNITS.items() if unit == self.per)
        return f"{self.count}/{name}"


@dataclass(frozen=True)
class Effect:
    """The smallest effect worth finding: percentage points of a rate, or an amount in the metric's own unit."""

    value: float
    percentage_points: bool

    @property
    def difference(self) -> float:
        """As a difference of means: `1 pp` is 0.01, `0.30` is 0.30."""
        return self.value / 100 if self.percentage_points else self.value

    def __str__(self) -> str:
        return f"{self.value:g} pp" if self.percentage_points else f"{self.value:g}"


def parse_share(text: Any) -> Decimal:
    """`45%` or `0.45` → Decimal in [0, 1]; exact, so that shares can be added up."""
    if isinstance(text, Decimal) and 0 <= text <= 1:
        return text
    raw = _written(text)
    match = _SHARE.fullmatch(raw)
    if not match:
        raise ValueError(f"{quoted(raw)} is not a share. Write it like 45%.")
    value = Decimal(match[1]) / 100 if match[2] else Decimal(match[1])
    if value > 1:
        raise ValueError(f"{quoted(raw)} is not between 0% and 100%. Write it like 45%.")
    return value


def parse_duration(text: Any) -> timedelta:
    """`14 days`, `6 hours`, `1 year` (365 days), `1 month` (30 days) → timedelta."""
    if isinstance(text, timedelta):
        return text
    raw = _written(text)
    match = _DURATION.fullmatch(raw)
    if not match:
        raise ValueError(f"{quoted(raw)} is not a duration. Write it like 14 days or 6 hours.")
    duration = int(match[1]) * _UNITS[match[2]]
    if duration > _LONGEST:
        raise ValueError(f"{quoted(raw)} is longer than 100 years. Write a shorter one.")
    return duration


def parse_window(text: Any) -> timedelta:
    """A duration that is longer than nothing."""
    duration = parse_duration(text)
    if not duration:
        raise ValueError(f"{quoted(text)} is no time at all. Write it like 14 days.")
    return duration


def parse_cap_size(text: Any) -> int:
    """`2`, or `10 points` → the number."""
    if isinstance(text, int):
        return text
    raw = _written(text)
    match = _CAP_SIZE.fullmatch(raw)
    if not match:
        raise ValueError(f"max {quoted(raw)} is not a number of messages. Write it like 2, or 10 points.")
    return int(match[1])


def parse_rate(text: Any) -> Rate:
    """`3000/minute` → Rate."""
    if isinstance(text, Rate):
        return text
    raw = _written(text)
    match = _RATE.fullmatch(raw)
    if not match or int(match[1]) == 0:
        raise ValueError(f"{quoted(raw)} is not a rate. Write it like 3000/minute.")
    return Rate(int(match[1]), _UNITS[match[2]])


def parse_money(text: Any) -> int:
    """`0.78` → 780000, integer millionths of the currency. An `int` is millionths already."""
    if isinstance(text, int):
        return text
    raw = _written(text)
    if not _AMOUNT.fullmatch(raw):
        raise ValueError(
            f"{quoted(raw)} is not an amount of money. Write it like 0.78: no currency sign, at most six decimals."
        )
    return int(Decimal(raw) * MILLIONTHS)


def parse_effect(text: Any) -> Effect:
    """`1 pp` → one percentage point; `0.30` → 0.30 in the metric's own unit."""
    if isinstance(text, Effect):
        return text
    raw = _written(text)
    match = _EFFECT.fullmatch(raw)
    if not match or Decimal(match[1]) == 0:
        raise ValueError(f"{quoted(raw)} is not an effect. Write it like 1 pp for a rate or 0.30 for an amount.")
    return Effect(float(match[1]), percentage_points=bool(match[2]))


def parse_time_of_day(text: Any) -> time:
    """`09:00` → time."""
    if isinstance(text, time):
        return text
    raw = _written(text)
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", raw):
        raise ValueError(f"{quoted(raw)} is not a time of day. Write it like 09:00.")
    return time.fromisoformat(raw)


def parse_moment(text: Any) -> datetime:
    """`2026-12-01 09:00` or `2026-12-01` → naive local time; the schedule says in which zone."""
    if isinstance(text, datetime):
        return text
    raw = _written(text)
    if not _MOMENT.fullmatch(raw):
        raise ValueError(f"{quoted(raw)} is not a date and time. Write local time like 2026-12-01 09:00.")
    try:
        return datetime.fromisoformat(raw)
    except ValueError:
        raise ValueError(f"{quoted(raw)} is not a day and time that exists. Correct it.") from None


def parse_timezone(text: Any) -> str:
    """An IANA name, such as Europe/London."""
    name = _written(text)
    if name not in _zone_names():
        near = nearest(name, _zone_names())
        hint = f" Did you mean {quoted(near)}?" if near else ""
        raise ValueError(f"{quoted(name)} is not a time zone. Use an IANA name such as Europe/London.{hint}")
    return name


def parse_timezone_or_recipient(text: Any) -> str:
    """An IANA name, or `recipient`: the time zone of each recipient."""
    if text == RECIPIENT:
        return RECIPIENT
    try:
        return parse_timezone(text)
    except ValueError as error:
        raise ValueError(str(error).replace("London.", "London, or recipient.", 1)) from None


def parse_boolean(text: Any) -> bool:
    """`true` or `false`; `no` and `yes` are text in YAML 1.2, so they are refused where a boolean is declared."""
    if isinstance(text, bool):
        return text
    raw = _written(text)
    if raw not in {"true", "false"}:
        raise ValueError(f"{quoted(raw)} is neither true nor false. Write true or false.")
    return raw == "true"


def parse_line(text: Any) -> str:
    """One line of words without control characters: names, subjects, whatever ends in a header or a file name."""
    if not isinstance(text, str):
        raise ValueError("one line of text belongs here. Write a single value.")
    line = text.strip()
    if not line:
        raise ValueError("the text is empty. Write it, or remove the line.")
    # Cc holds CR, LF, NUL and U+0085; Zl and Zp are U+2028 and U+2029, which some mail software breaks lines at.
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in line):
        raise ValueError("the text has a line break or a control character in it. Write it on one line.")
    return line


def parse_currency(text: Any) -> str:
    """An ISO 4217 code, such as GBP."""
    raw = _written(text)
    if not re.fullmatch(r"[A-Z]{3}", raw):
        raise ValueError(f"{quoted(raw)} is not a currency. Use its three capital letters, such as GBP.")
    return raw


def parse_colour(text: Any) -> str:
    """A colour as pages write it, `#0a5599`; without the sign, that YAML takes for a comment, just as well."""
    raw = _written(text).lower().removeprefix("#")
    if not re.fullmatch(r"[0-9a-f]{6}", raw):
        raise ValueError(f'{quoted(raw)} is not a colour. Write its six digits like "#0a5599", in quotes.')
    return f"#{raw}"


def parse_country(text: Any) -> str:
    """An ISO 3166 code, such as GB."""
    raw = _written(text)
    if not re.fullmatch(r"[A-Z]{2}", raw):
        raise ValueError(f"{quoted(raw)} is not a country. Use its two capital letters, such as GB.")
    return raw


def parse_domain(text: Any) -> str:
    """`northwind.example`; letters of other alphabets are allowed."""
    raw = _written(text)
    if not _DOMAIN.fullmatch(raw):
        raise ValueError(f"{quoted(raw)} is not a domain. Write it like northwind.example.")
    return raw


def parse_web_address(text: Any) -> str:
    """`https://shop.example/sale`."""
    line = parse_line(text)
    if "@" in re.split(r"[/?#]", line.removeprefix("https://").removeprefix("http://"))[0]:
        raise ValueError("the address has a name or a password in it. Write it without, like https://shop.example.")
    if not re.fullmatch(r"https?://[^\s/?#@]+([/?#]\S*)?", line):
        raise ValueError(f"{quoted(line)} is not a web address. Write it like https://shop.example.")
    return line


def _written(value: Any) -> str:
    if isinstance(value, (dict, list, tuple)):
        raise ValueError("one value belongs here, not several. Write a single value.")
    return str(value).strip()


@cache
def _zone_names() -> frozenset[str]:
    """The names in the `tzdata` package: one small file, where asking the system walks 600 files (12 ms)."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="ascii").split())


def zone(name: str) -> ZoneInfo:
    """The zone of a name that `parse_timezone` accepted."""
    return ZoneInfo(name)


Share = Annotated[Decimal, BeforeValidator(parse_share)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
Window = Annotated[timedelta, BeforeValidator(parse_window)]
RateLimit = Annotated[Rate, BeforeValidator(parse_rate)]
Money = Annotated[int, BeforeValidator(parse_money)]
MinimumEffect = Annotated[Effect, BeforeValidator(parse_effect)]
TimeOfDay = Annotated[time, BeforeValidator(parse_time_of_day)]
Moment = Annotated[datetime, BeforeValidator(parse_moment)]
TimezoneName = Annotated[str, BeforeValidator(parse_timezone)]
TimezoneOrRecipient = Annotated[str, BeforeValidator(parse_timezone_or_recipient)]
CapSize = Annotated[int, BeforeValidator(parse_cap_size)]
Boolean = Annotated[bool, BeforeValidator(parse_boolean)]
Line = Annotated[str, BeforeValidator(parse_line)]
Colour = Annotated[str, BeforeValidator(parse_colour)]
Country = Annotated[str, BeforeValidator(parse_country)]
Domain = Annotated[str, BeforeValidator(parse_domain)]
WebAddress = Annotated[str, BeforeValidator(parse_web_address)]
Currency = Annotated[str, BeforeValidator(parse_currency)]
