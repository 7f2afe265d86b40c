"""What a value in a file means: text, numbers, money, days and times, and why it cannot be one."""

import json
import math
import re
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import Any, Literal
from zoneinfo import ZoneInfo

from handbill.contacts.countries import country_code
from handbill.contacts.identity import email_key
from handbill.definitions.fields import FieldType
from handbill.definitions.values import MILLIONTHS, parse_timezone
from handbill.definitions.words import either, quoted
from handbill.store.types import to_micros

ValueType = FieldType | Literal["money", "mailbox", "country", "language", "timezone", "json", "sha256"]
Convert = Callable[[Any], Any]
"""From a value that is there to what the store keeps; raises ValueError with a sentence."""

LONGEST_TEXT = 10_000
DEEPEST = 32
"""Levels of lists and objects in one value of JSON."""
LARGEST_INTEGER = 2**53
"""Larger whole numbers lose digits in JSON."""
_LARGEST_AMOUNT = 1_000_000_000
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}(?:\.0+)?")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]{1,18}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_WITH_COMMA = re.compile(r"[+-]?(?:[0-9]{1,18}|[0-9]{1,3}(?:\.[0-9]{3})+),[0-9]*")
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TRUE = frozenset({"true", "yes", "y", "1"})
_FALSE = frozenset({"false", "no", "n", "0"})


def converter(type_: ValueType, zone: ZoneInfo, one_of: Sequence[str] = ()) -> Convert:
    """The function for a type. Times without an offset stand in `zone`."""
    if one_of:
        return partial(to_one_of, known=tuple(one_of))
    if type_ == "time":
        return partial(to_time, zone=zone)
    return _CONVERTERS[type_]


def to_text(value: Any) -> str:
    """One line of text without control characters; runs of white space become one space."""
    if isinstance(value, str):
        if len(value) > LONGEST_TEXT:
            raise ValueError(f"the text is longer than {LONGEST_TEXT:,} characters. Shorten it.")
        if value.isprintable():
            return value
        if _CONTROL.search(value):
            raise ValueError("the text has a control character in it. Remove it.")
        return " ".join(value.split())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise ValueError("a single value belongs here, not a list or an object. Write it as text.")


def to_one_of(value: Any, known: tuple[str, ...]) -> str:
    """One of the values that are declared, as they are declared, in whatever case it was written."""
    text = to_text(value)
    if text in known:
        return text
    found = next((each for each in known if each.casefold() == text.casefold()), None)
    if found is None:
        raise ValueError(f"{quoted(text)} is not known. Use {either(known)}.")
    return found


def to_integer(value: Any) -> int:
    """A whole number, such as 42."""
    number: int | None = None
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        number = int(value.partition(".")[0])
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
    elif isinstance(value, (float, Decimal)) and math.isfinite(value) and value == int(value):
        number = int(value)
    if number is None:
        raise ValueError(f"{quoted(value)} is not a whole number. Write it like 42.")
    if abs(number) > LARGEST_INTEGER:
        raise ValueError(f"{quoted(value)} is too large a number. Make it text: an id is no number.")
    return number


def to_number(value: Any) -> float:
    """A decimal number, such as 4.5."""
    return float(_decimal(value, "a number. Write it like 4.5."))


def to_money(value: Any) -> int:
    """Millionths of the currency, exact. A float of a Parquet or JSON file means its shortest spelling."""
    amount = _decimal(value, "an amount of money. Write it like 12.50, without a currency sign.")
    if abs(amount) > _LARGEST_AMOUNT:
        raise ValueError(f"{quoted(value)} is more than {_LARGEST_AMOUNT:,}. Correct it.")
    millionths = amount * MILLIONTHS
    if isinstance(value, float):
        return round(millionths)
    if millionths != int(millionths):
        raise ValueError(f"{quoted(value)} has more than six decimals. Round it.")
    return int(millionths)


def to_boolean(value: Any) -> bool:
    """True or false; in files also yes and no, 1 and 0."""
    word = to_text(value).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError(f"{quoted(value)} is neither true nor false. Write true or false.")


def to_date(value: Any) -> str:
    """A day as `2026-12-01`, of a time the day that it names."""
    if isinstance(value, date):  # and so a datetime
        return value.strftime("%Y-%m-%d").zfill(10)
    try:
        return datetime.fromisoformat(value).date().isoformat()
    except (ValueError, TypeError):
        raise ValueError(f"{quoted(value)} is not a date. Write it like 2026-12-01.") from None


def to_time(value: Any, zone: ZoneInfo) -> int:
    """A moment in microseconds since 1970, as the store keeps times; a date alone is its first moment."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(_iso(value))
        # As UTC: a moment of the year 1 east of Greenwich lies before all that can be told.
        return to_micros((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC))
    except (ValueError, TypeError, OverflowError):
        raise ValueError(f"{quoted(value)} is not a time. Write it like 2026-12-01 09:00.") from None


def to_country(value: Any) -> str:
    """A country's two letters, where it is known; else the text as it stands."""
    text = to_text(value)
    return country_code(text) or text


def to_language(value: Any) -> str:
    """A language tag, such as en or pt-BR."""
    language, hyphen, rest = to_text(value).replace("_", "-").partition("-")
    tag = f"{language.lower()}{hyphen}{rest}"
    if not _LANGUAGE.fullmatch(tag):
        raise ValueError(f"{quoted(value)} is not a language. Write it like en or pt-BR.")
    return tag


def to_timezone(value: Any) -> str:
    """A time zone's IANA name."""
    return parse_timezone(to_text(value))


def to_mailbox(value: Any) -> str:
    """The key of an e-mail address."""
    return email_key(to_text(value))


def to_sha256(value: Any) -> str:
    """A SHA-256 hash in hexadecimal digits."""
    digest = to_text(value).lower()
    if not _SHA256.fullmatch(digest):
        raise ValueError(f"{quoted(value)} is no SHA-256 hash. It has 64 of the digits 0 to 9 and letters a to f.")
    return digest


def to_json(value: Any) -> Any:
    """What JSON can hold: lists and objects as they are, anything else that is no number or boolean as text."""
    if isinstance(value, (float, list, dict)):
        _require_storable(value)
    if isinstance(value, (bool, int, float, list, dict)):
        return value
    return float(value) if isinstance(value, Decimal) else to_text(value)


def _require_storable(value: Any) -> None:
    """JSON can say more than databases hold: zero letters, halves of letters, numbers without end, lists in lists."""
    level = [value]
    for _ in range(DEEPEST):
        level = [each for inner in level if isinstance(inner, (list, dict)) for each in _inside(inner)]
    if level:
        raise ValueError(f"it is nested more than {DEEPEST} deep. Make it flatter.")
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except ValueError:
        raise ValueError("a number in it is infinite or none. Correct it.") from None
    if "\\u0000" in text or _CONTROL.search(text):
        raise ValueError("the text has a control character in it. Remove it.")


def _inside(value: list[Any] | dict[str, Any]) -> Collection[Any]:
    return value.values() if isinstance(value, dict) else value


def with_point(value: Any) -> Any:
    """A number with a decimal comma as one with a point: `1.234,50` → `1234.50`. Anything else as it stands."""
    if isinstance(value, str) and _WITH_COMMA.fullmatch(value):
        return value.replace(".", "").replace(",", ".")
    return value


def _iso(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else value


def _decimal(value: Any, what: str) -> Decimal:
    try:
        if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
            number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        elif isinstance(value, str) and _DECIMAL.fullmatch(value):
            number = Decimal(value)
        else:
            raise InvalidOperation
        if not number.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise ValueError(f"{quoted(value)} is not {what}") from None
    return number


_CONVERTERS: dict[str, Convert] = {
    "text": to_text,
    "integer": to_integer,
    "number": to_number,
    "money": to_money,
    "boolean": to_boolean,
    "date": to_date,
    "country": to_country,
    "language": to_language,
    "timezone": to_timezone,
    "mailbox": to_mailbox,
    "json": to_json,
    "sha256": to_sha256,
}
