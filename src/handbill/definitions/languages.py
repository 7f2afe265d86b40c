"""Which language a contact reads a message in, and how a text is written in several."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, RootModel, model_validator

from handbill.definitions.definition import Definition
from handbill.definitions.values import Line
from handbill.definitions.words import quoted

DEFAULT = "default"
"""Stands beside languages for everybody whose language has no text of its own."""

_TAG = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")


def language_tag(text: str) -> str:
    """A language as we write it, whatever a contact's record has: `DE_at` → `de-AT`, `zh-hant` → `zh-Hant`."""
    first, *rest = text.strip().replace("_", "-").split("-")
    return "-".join([first.lower(), *(each.title() if len(each) == 4 else each.upper() for each in rest)])


def parse_language(text: Any) -> str:
    """`de` or `de-AT`, as it stands in names of template files too."""
    raw = str(text).strip()
    if not _TAG.fullmatch(raw):
        better = language_tag(raw)
        hint = f" Did you mean {quoted(better)}?" if _TAG.fullmatch(better) else ""
        raise ValueError(f"{quoted(raw)} is not a language. Write it like de or de-AT.{hint}")
    return raw


def _language_or_default(text: Any) -> str:
    return DEFAULT if text == DEFAULT else parse_language(text)


Language = Annotated[str, BeforeValidator(parse_language)]


class Languages(Definition):
    """The languages of the project's texts, and which one stands in for another."""

    default: Language = Field("en", description="The language of texts and templates that name none.")
    fallback: dict[Language, Language] = Field(
        default_factory=dict, description="Read instead, where a text is missing in a language: {nds: de}."
    )

    def chain(self, language: str | None) -> tuple[str, ...]:
        """The languages to try for a contact, best first; the last is always the default.

        `de-AT` tries de-AT, its fallback, de, the fallback of de, and the default.

        >>> Languages(default="en", fallback={"de-AT": "de-CH"}).chain("de-AT")
        ('de-AT', 'de-CH', 'de', 'en')
        """
        return tuple(dict.fromkeys([*_tried(language, self.fallback), self.default]))


class LocalText(RootModel[dict[Annotated[str, BeforeValidator(_language_or_default)], Line]]):
    """One text for everybody, or one for each language beside the default one."""

    model_config = ConfigDict(frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _accept_one_text(cls, written: Any) -> Any:
        return {DEFAULT: written} if isinstance(written, str) else written

    @model_validator(mode="after")
    def _need_a_text_for_everybody_else(self) -> Self:
        if DEFAULT not in self.root:
            raise ValueError("there is no text for all other languages. Add default: and that text.")
        return self

    @property
    def default(self) -> str:
        """The text for everybody whose language has none of its own."""
        return self.root[DEFAULT]

    @property
    def by_language(self) -> Mapping[str, str]:
        """The texts for one language each, without the default one."""
        return {language: text for language, text in self.root.items() if language != DEFAULT}

    def texts(self) -> Iterable[tuple[str | None, str]]:
        """Every text with its language; that of the default one is None."""
        return ((None if language == DEFAULT else language, text) for language, text in self.root.items())

    def in_language(self, language: str | None, fallback: Mapping[str, str]) -> str:
        """The text for a contact's language, tried in the order of `Languages.chain`."""
        tried = (each for each in _tried(language, fallback) if each in self.root)
        return self.root[next(tried, DEFAULT)]


def _tried(language: str | None, fallback: Mapping[str, str]) -> Iterator[str]:
    """A language, shortened part by part, each followed by what stands in for it."""
    parts = language_tag(language).split("-") if language else []
    while parts:
        tag = "-".join(parts)
        yield tag
        if tag in fallback:
            yield fallback[tag]
        parts.pop()
