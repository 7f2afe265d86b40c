"""In which words and in which language a recipient reads our pages and our confirmation mails."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from handbill.definitions.languages import Languages
from handbill.definitions.project import Project

LANGUAGES = ("en", "de", "ar")
"""Those that the pages speak; each is a file in `words/`."""

_FIRST_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
"""Unicode's marks around a value whose own direction may differ from that of the sentence (UAX 9)."""
_MOST_ACCEPTED = 20
_NO_LANGUAGE = "zxx"
"""The tag of what is in no language (ISO 639)."""


@dataclass(frozen=True)
class Words:
    """All texts in one language, by their dotted names."""

    language: str
    texts: Mapping[str, str]

    @property
    def name(self) -> str:
        """What the language calls itself."""
        return self.texts["language.name"]

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return self.texts["language.direction"]

    def say(self, key: str, **values: str) -> str:
        """A text with its values put in; nothing is escaped yet.

        >>> words_in("de").say("unsubscribed.email", brand="Shop", mailbox="a•••@example.org")
        'Shop sendet keine Werbe-E-Mails mehr an a•••@example.org.'
        """
        if self.direction == "rtl":
            values = {name: f"{_FIRST_ISOLATE}{value}{_END_ISOLATE}" for name, value in values.items()}
        return self.texts[key].format(**values) if values else self.texts[key]

    def day(self, moment: datetime, timezone: str) -> str:
        """The day of a moment in a time zone.

        >>> from datetime import UTC
        >>> words_in("ar").day(datetime(2026, 12, 31, 23, 30, tzinfo=UTC), "Europe/Berlin")
        '١ يناير ٢٠٢٧'
        """
        local = moment.astimezone(ZoneInfo(timezone))
        month = self.texts["language.months"].split(", ")[local.month - 1]
        written = self.texts["language.day"].format(day=local.day, month=month, year=local.year)
        return written.translate(str.maketrans("0123456789", self.texts["language.digits"]))

    def listed(self, parts: list[str]) -> str:
        """The parts in a row."""
        return self.texts["language.list"].join(parts)


@cache
def words_in(language: str) -> Words:
    """The texts of one of `LANGUAGES`, read once."""
    text = files("handbill.operations").joinpath("words", f"{language}.yaml").read_text(encoding="utf-8")
    return Words(language, dict(_flattened("", yaml.safe_load(text))))


def choose_words(project: Project, *wished: str | None, accepted: str = "") -> Words:
    """The words in the first language that we speak of those wished for, of `accepted` ones, and of the project's own.

    `wished` are languages as contacts have them, the strongest wish first; `accepted` is a browser's Accept-Language.
    """
    # The project's own default is the last wish of all, so that it does not end the chain of each.
    languages = Languages(default=_NO_LANGUAGE, fallback=project.languages.fallback)
    for each in (*wished, *_by_weight(accepted), project.languages.default):
        for tag in languages.chain(each):
            if tag in LANGUAGES:
                return words_in(tag)
    return words_in(LANGUAGES[0])


def _by_weight(accepted: str) -> list[str]:
    """The languages of an Accept-Language header, the most wanted first; what cannot be read is left out."""
    found: list[tuple[float, str]] = []
    for part in accepted.split(",")[:_MOST_ACCEPTED]:
        tag, _, weight = part.strip().partition(";q=")
        try:
            share = float(weight) if weight else 1.0
        except ValueError:
            continue
        if share > 0 and tag.replace("-", "").isalnum() and tag.isascii():
            found.append((-share, tag))
    return [tag for _, tag in sorted(found, key=lambda each: each[0])]


def _flattened(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flattened(f"{prefix}{name}.", value)
        else:
            yield prefix + name, value
