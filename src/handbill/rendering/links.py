"""Whether the links and pictures of an e-mail lead anywhere once it lies in an inbox."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from handbill.errors import Problem
from handbill.rendering.jinja_tags import Tag
from handbill.rendering.markup import Attribute, Opening
from handbill.rendering.mjml import Parsed

_LINK_SCHEMES = ("https:", "http:", "mailto:", "tel:", "sms:")
_PICTURE_SCHEMES = ("https:", "http:", "cid:")
_SCHEMES: Mapping[str, tuple[str, ...]] = {
    "href": _LINK_SCHEMES,
    "src": _PICTURE_SCHEMES,
    "thumbnails-src": _PICTURE_SCHEMES,
    "background": _PICTURE_SCHEMES,
    "background-url": _PICTURE_SCHEMES,
}
"""Attributes that hold an address, and how it may begin."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_NAME = re.compile(r"\{\{[-+]?\s*([A-Za-z_]\w*(?:\.\w+)?)")
_TRUSTED = ("brand.website", "links.unsubscribe", "links.preferences", "links.view_online")


@dataclass(frozen=True)
class _Start:
    """How a link begins: with words, or with a value."""

    offset: int
    words: str
    tag: Tag | None = None


def check_links(parsed: Parsed, given: Mapping[str, str]) -> list[Problem]:
    """Links that are relative, of a scheme that mail programs do not open, or that start with a contact's value.

    `given` holds the values that the arm gives by name.
    """
    return sorted(set(_wrong_links(parsed, given)))


def _wrong_links(parsed: Parsed, given: Mapping[str, str]) -> Iterator[Problem]:
    for token in parsed.tokens:
        if not isinstance(token, Opening):
            continue
        for attribute in token.attributes:
            # A style sheet's or a font's address is the mail program's business, not the reader's.
            if attribute.name in _SCHEMES and token.name not in {"mj-font", "link"}:
                for start in _starts(parsed, attribute):
                    if fault := _fault(start, attribute.name, given):
                        yield parsed.source.problem(start.offset, *fault)


def _starts(parsed: Parsed, attribute: Attribute) -> Iterator[_Start]:
    """The ways in which a value can begin: one, unless it begins with {% if %}."""
    position, waiting, seen_branch = attribute.value_start, True, False
    tags = [tag for tag in parsed.tags if attribute.value_start <= tag.start < attribute.end and tag.kind != "comment"]
    for tag in tags:
        words = parsed.source.text[position : tag.start]
        if waiting and (words.strip() or tag.kind != "statement"):
            yield _Start(position, words.strip(), None if words.strip() else tag)
            waiting = False
        if tag.kind == "statement" and (seen_branch or waiting):
            seen_branch = True
            waiting = tag.keyword in {"if", "elif", "else"} or (waiting and tag.keyword == "set")
        position = tag.end
    rest = parsed.source.text[position : attribute.end]
    if waiting:
        yield _Start(position, rest.strip())


def _fault(start: _Start, name: str, given: Mapping[str, str]) -> tuple[str, str] | None:
    schemes = _SCHEMES[name]
    if start.tag is None:
        return _fault_of_words(start.words, schemes)
    found = _NAME.match(start.tag.text)
    source = found[1] if found else ""
    if source.startswith("contact."):
        what = f"this link starts with {source}, so that whoever fills that field decides where it leads."
        return what, "Start it with {{ brand.website }} or a full address."
    if source in given and (fault := _fault_of_words(given[source].strip(), schemes)):
        return f"{source} is put here, and {fault[0]}", fault[1]
    return None


def _fault_of_words(words: str, schemes: tuple[str, ...]) -> tuple[str, str] | None:
    shown = words if len(words) <= 40 else f"{words[:40]}…"
    scheme = _SCHEME.match(words)
    if not words:
        return "the address is empty.", "Write a full address, such as {{ brand.website }}."
    if scheme is None:
        path = f"/{shown.lstrip('/')}" if not shown.startswith("#") else ""
        return f'"{shown}" is no full address, and a mail is read outside your website.', (
            f"Write {{{{ brand.website }}}}{path}."
        )
    if scheme[0].lower() not in schemes:
        return f'mail programs do not open "{shown}".', f"Use an address that starts with {schemes[0]}//."
    return None
