"""How a declaration reads in one line: values of a definition, and the clauses of a segment."""

import re
from collections.abc import Iterator
from typing import Any

LONGEST = 120
_OPERATORS = {"eq": "=", "ne": "≠", "lt": "<", "lte": "≤", "gt": ">", "gte": "≥"}
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_GROUPS = {"All": "all of", "AnyOf": "any of", "Not": "not"}


def in_words(value: Any) -> str:
    """A plain value of a definition in one short line; empty for nothing."""
    return _short(_said(value))


def clauses_in_words(plain: Any, depth: int = 0) -> list[str]:
    """A segment's rule as lines, one a clause; what stands in a group says so: `not: country = GB`."""
    (kind, parts), *_ = plain.items()
    prefix = f"{_GROUPS[kind]}: " if kind in _GROUPS and (depth or kind != "All") else ""
    if kind == "Not":
        return [prefix + each for each in clauses_in_words(parts["clause"], depth + 1)]
    if kind in _GROUPS:
        return [prefix + line for each in parts["clauses"] for line in clauses_in_words(each, depth + 1)]
    return [_short(" ".join(_of_clause(kind, parts)))]


def _of_clause(kind: str, parts: dict[str, Any]) -> Iterator[str]:
    """The parts of a clause in their order; the first name stands for itself, the others with their keys."""
    if kind == "SegmentClause":
        yield "segment"
    named = False
    for key, value in parts.items():
        if value in (None, "", [], {}, False) or (key == "missing" and value == "exclude"):
            continue
        if isinstance(value, str) and not named:
            named = True
            yield _said(value)
        elif key in {"comparisons", "count"}:
            yield f"{'count ' if key == 'count' else ''}{_said(value)}"
        else:
            yield f"{key.rstrip('_')} {_said(value)}"


def _said(value: Any) -> str:
    match value:
        case None | bool():
            return "yes" if value else "no" if value is False else ""
        case dict() if len(value) == 1 and next(iter(value))[:1].isupper():
            return _of_one_kind(*next(iter(value.items())))
        case dict():
            pairs = ((key.rstrip("_"), _said(each)) for key, each in value.items())
            return ", ".join(f"{key} {words}" for key, words in pairs if words and words != "no")
        case list():
            return ", ".join(filter(None, map(_said, value)))
        case str():
            return _moment(_duration(value))
        case _:
            return str(value)


def _of_one_kind(kind: str, parts: Any) -> str:
    """A dataclass of the language, as `definition` writes it: its name and its parts."""
    if kind == "Comparison":
        operand = _said(parts["operand"])
        return f"{_OPERATORS.get(parts['operator'], parts['operator'])} {operand}".rstrip()
    if kind == "Ago":
        return f"{_said(parts['delta'])} ago"
    return _said(parts)


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
