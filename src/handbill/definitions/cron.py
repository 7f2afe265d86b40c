"""Whether five cron fields mean something."""

import re
from dataclasses import dataclass

from handbill.definitions.words import quoted

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]


@dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: tuple[str, ...] = ()

    def number(self, text: str) -> int | None:
        if text.lower() in self.names:
            return self.names.index(text.lower()) + self.low
        return int(text) if re.fullmatch(r"[0-9]{1,2}", text) and self.low <= int(text) <= self.high else None


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of the month", 1, 31),
    _Field("month", 1, 12, tuple(_MONTHS)),
    _Field("weekday", 0, 7, tuple(_DAYS)),
)


def parse_cron(text: str) -> str:
    """Minute, hour, day of the month, month and weekday: numbers, lists, ranges, steps, English names. → the same text.

    Raises:
        ValueError: a full sentence that names the field, and how to mend it.
    """
    words = text.split()
    if len(words) != len(_FIELDS):
        raise ValueError(f"{quoted(text)} has {len(words)} cron fields. Write five, such as 0 9 * * mon.")
    for word, each in zip(words, _FIELDS, strict=True):
        if not all(_fits(item, each) for item in word.split(",")):
            raise ValueError(
                f"{quoted(word)} does not fit the {each.name} in cron. Use *, or {each.low} to {each.high}."
            )
    return text


def _fits(item: str, field: _Field) -> bool:
    span, slash, step = item.partition("/")
    if slash and not re.fullmatch(r"[1-9][0-9]?", step):
        return False
    if span == "*":
        return True
    first, dash, last = span.partition("-")
    low, high = field.number(first), field.number(last) if dash else None
    return low is not None and (not dash or (high is not None and low <= high))
