"""What a report's sections are made of; the page and the Markdown both show exactly these."""

from dataclasses import dataclass, field
from typing import Literal

from handbill.reports.pictures import Picture


@dataclass(frozen=True)
class Table:
    """Rows of words and numbers; the first `words` columns hold words, the others numbers.

    One that `repeats` says in numbers what a picture of its section shows.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    caption: str = ""
    repeats: bool = False


@dataclass(frozen=True)
class Section:
    """One part of a report. `key` names it in links; a `boxed` one is set apart; `notes` stand below its tables."""

    key: str
    title: str
    lead: str = ""
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    kind: Literal["plain", "boxed"] = field(default="plain")


@dataclass(frozen=True)
class Figure:
    """One number of the first screen: what it is, its value, and its interval or another remark."""

    label: str
    value: str
    remark: str
