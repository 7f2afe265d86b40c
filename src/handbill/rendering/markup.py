"""Which elements, attributes and texts a piece of markup is made of, each with its offset."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from handbill.rendering.jinja_tags import Fault, Tag

JINJA = "\ue000"
"""Stands for every character of Jinja in a masked text: a private letter, of no meaning to markup."""

_OPEN = re.compile(r"<([A-Za-z][\w:-]*)")
_CLOSE = re.compile(r"</\s*([A-Za-z][\w:-]*)\s*>")
_COMMENT = re.compile(r"<!--(.*?)-->", re.DOTALL)
_ATTRIBUTE = re.compile(r"""\s*([^\s=/>"'<]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+))?""")
_END_OF_OPEN = re.compile(r"\s*(/?)>")
_NEXT = re.compile(r"<")
_DOCTYPE = re.compile(r"<[!?][^>]*>")


@dataclass(frozen=True)
class Attribute:
    """An attribute with its value; `value_start` is the offset of the value's first character."""

    name: str
    start: int
    value: str
    value_start: int

    @property
    def end(self) -> int:
        """Offset after the value."""
        return self.value_start + len(self.value)


@dataclass(frozen=True)
class Opening:
    """`<name …>`, or `<name … />`."""

    name: str
    start: int
    end: int
    attributes: tuple[Attribute, ...]
    closed: bool


@dataclass(frozen=True)
class Closing:
    """`</name>`."""

    name: str
    start: int
    end: int


@dataclass(frozen=True)
class Words:
    """Text between tags."""

    start: int
    end: int


@dataclass(frozen=True)
class Comment:
    """`<!-- … -->`. A conditional one is read by Outlook."""

    start: int
    end: int
    conditional: bool


Token = Opening | Closing | Words | Comment


def masked(text: str, tags: list[Tag]) -> str:
    """The text with every character of Jinja replaced, at unchanged offsets. Jinja's own comments become blank."""
    parts = []
    position = 0
    for tag in tags:
        filler = " " if tag.kind == "comment" else JINJA
        parts += [text[position : tag.start], filler * (tag.end - tag.start)]
        position = tag.end
    return "".join([*parts, text[position:]])


def read_markup(text: str) -> tuple[list[Token], list[Fault]]:
    """The tokens of a masked text in their order, and what is no markup."""
    reader = _Reader(text)
    return list(reader.tokens()), reader.faults


class _Reader:
    """Reads tokens one by one; collects faults."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.faults: list[Fault] = []

    def tokens(self) -> Iterator[Token]:
        position = 0
        while position < len(self.text):
            found = _NEXT.search(self.text, position)
            start = found.start() if found else len(self.text)
            if start > position:
                yield Words(position, start)
            if found is None:
                return
            token = self._at(start)
            position = token.end if token else start + 1
            if token:
                yield token

    def _at(self, start: int) -> Token | None:
        if comment := _COMMENT.match(self.text, start):
            conditional = comment[1].lstrip().startswith("[if") or "<![endif]" in comment[1]
            return Comment(start, comment.end(), conditional)
        if opening := _OPEN.match(self.text, start):
            return self._opening(opening)
        if closing := _CLOSE.match(self.text, start):
            return Closing(closing[1], start, closing.end())
        if self.text.startswith("<!--", start):
            self._fault(start, "the comment that opens here is never closed.", "Close it with -->.")
            return Comment(start, len(self.text), conditional=False)
        if doctype := _DOCTYPE.match(self.text, start):
            self._fault(start, f"{doctype[0][:20]} has no place in a template.", "Remove it.")
            return Comment(start, doctype.end(), conditional=False)
        self._fault(start, "a < stands here that opens no tag.", "Write it as &lt;.")
        return None

    def _opening(self, name: re.Match[str]) -> Opening:
        attributes: list[Attribute] = []
        position = name.end()
        while found := _ATTRIBUTE.match(self.text, position):
            position = found.end()
            attributes += self._attribute(found, attributes, name.start())
        end = _END_OF_OPEN.match(self.text, position)
        if end is None:
            self._fault(name.start(), f"the tag <{name[1]} is not ended.", 'End it with >, and every value with ".')
            after = self.text.find(">", position)
            return Opening(name[1], name.start(), after + 1 if after >= 0 else len(self.text), tuple(attributes), False)
        return Opening(name[1], name.start(), end.end(), tuple(attributes), closed=bool(end[1]))

    def _attribute(self, found: re.Match[str], earlier: list[Attribute], tag: int) -> list[Attribute]:
        name, value, start = found[1], found[2] or "", found.start(1)
        if JINJA in name:
            what = "Jinja cannot stand between attributes."
            if not any(fault.offset > tag and fault.what == what for fault in self.faults):
                self._fault(start, what, "Put it into the value of an attribute, or around the whole element.")
            return []
        if value and value[0] not in "\"'":
            self._fault(start, f"the value of {name} has no quotation marks.", f'Write {name}="…".')
            return []
        if any(other.name == name for other in earlier):
            self._fault(start, f"{name} stands twice in this tag.", "Remove one.")
        return [Attribute(name, start, value[1:-1], found.start(2) + 1 if value else found.end())]

    def _fault(self, offset: int, what: str, mend: str) -> None:
        self.faults.append(Fault(offset, what, mend))
