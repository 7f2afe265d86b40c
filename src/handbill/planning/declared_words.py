"""How a value of a definition reads in one line."""

import re
from typing import Any

LONGEST = 120
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def in_words(value: Any) -> str:
    """A plain value of a definition in one short line; empty for nothing."""
    return _short(_said(value))


def _said(value: Any) -> str:
    match value:
        case None | bool():
            return "yes" if value else "no" if value is False else ""
        case dict():
            pairs = ((key.rstrip("_"), _said(each)) for key, each in value.items())
            return ", ".join(f"{key} {words}" for key, words in pairs if words and words != "no")
        case list():
            return ", ".join(filter(None, map(_said, value)))
        case str():
            return _moment(_duration(value))
        case _:
            return str(value)


def _duration(text: str) -> str:
    """`7776000 seconds` → `90 days`; any other text as it is."""
    found = re.fullmatch(r"(\d+) seconds", text)
    if not found:
        return text
    seconds = int(found[1])
    length, unit = next((length, unit) for length, unit in _UNITS if not seconds % length)
    number = seconds // length
    return f"{number} {unit}{'' if number == 1 else 's'}"


def _moment(text: str) -> str:
    """`2026-12-01T09:00:00` → `2026-12-01 09:00`; any other text as it is."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(:00)?(\+00:00)?", text)
    return f"{found[1]} {found[2]}" if found else text


def _short(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= LONGEST else one_line[: LONGEST - 1] + "…"
