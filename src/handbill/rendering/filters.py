"""How amounts, shares, dates and times are written in a message."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from jinja2.exceptions import FilterArgumentError

from handbill.definitions.fields import FieldType

ACCEPTED_TYPES: dict[str, tuple[FieldType, ...]] = {
    "money": ("integer", "number"),
    "percent": ("integer", "number"),
    "date": ("date", "time"),
    "time": ("time",),
}
"""Our filters, and the types of contact fields that each of them can write."""

_SIGNS = {"GBP": "£", "EUR": "€", "USD": "$", "JPY": "¥", "INR": "₹", "KRW": "₩", "CAD": "CA$", "AUD": "A$"}
_DECIMALS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "VND": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3}


def filters(*, timezone: str, currency: str) -> dict[str, Callable[..., str]]:
    """The filters by name; `timezone` and `currency` are the project's, and hold where a template names no other."""
    return {
        "money": partial(_money, default=currency),
        "percent": _percent,
        "date": partial(_date, default=timezone),
        "time": partial(_time, default=timezone),
    }


def _money(amount: Any, currency: str | None = None, *, default: str) -> str:
    """`12.5` → £12.50: an amount in whole units of the currency, its sign before it or its code after it."""
    code = currency or default
    number = _number(amount, "money").quantize(Decimal(1).scaleb(-_DECIMALS.get(code, 2)), rounding=ROUND_HALF_EVEN)
    minus, digits = ("-" if number < 0 else ""), f"{abs(number):,}"
    return f"{minus}{_SIGNS[code]}{digits}" if code in _SIGNS else f"{minus}{digits} {code}"


def _percent(share: Any) -> str:
    """`0.15` → 15%: a share in [0, 1] as per cent, with decimals only where it has some."""
    return f"{(_number(share, 'percent') * 100).quantize(Decimal('0.01')).normalize():f}%"


def _date(moment: Any, pattern: str | None = None, timezone: str | None = None, *, default: str) -> str:
    """1 December 2026, or as `pattern` says (%d.%m.%Y): a day, or the day of a moment in a time zone."""
    day = _local(moment, timezone or default) if isinstance(moment, datetime) else moment
    if not isinstance(day, date):
        raise FilterArgumentError("the filter date needs a date or a time")
    return day.strftime(pattern) if pattern else f"{day.day} {day:%B %Y}"


def _time(moment: Any, pattern: str = "%H:%M", timezone: str | None = None, *, default: str) -> str:
    """09:00, or as `pattern` says (%I:%M %p): the time of a moment in a time zone."""
    if not isinstance(moment, datetime):
        raise FilterArgumentError("the filter time needs a time")
    return _local(moment, timezone or default).strftime(pattern)


def _number(value: Any, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise FilterArgumentError(f"the filter {name} needs a number")
    return Decimal(str(value))


def _local(moment: datetime, timezone: str) -> datetime:
    try:
        return moment.astimezone(ZoneInfo(timezone))
    except (ZoneInfoNotFoundError, ValueError):
        raise FilterArgumentError("the time zone is not an IANA name such as Europe/London") from None
