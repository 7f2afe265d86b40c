"""Whether a template's elements, attributes and control flow fit together, and how each tag of Jinja can travel."""

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from handbill.definitions.words import either, nearest
from handbill.rendering.elements import (
    ATTRIBUTES,
    CHILDREN,
    DROPPED,
    HOLD_HTML,
    HOLD_JINJA,
    VOID_HTML,
)
from handbill.rendering.jinja_tags import Fault, Tag, unbalanced
from handbill.rendering.markup import JINJA, Closing, Comment, Opening, Token, Words

DEEPEST = 200
"""Elements that may stand in each other. The compiler of MJML ends the whole process at some thousands."""

_MACRO = re.compile(r"\{%[-+]?\s*macro\s+(\w+)")
_CALL = re.compile(r"\{\{[-+]?\s*(\w+)\s*\(")
_NO_HOMES = {"", "mj-attributes"}
_IN_HTML = "cannot stand in HTML."


class Travel(Enum):
    """How a tag of Jinja passes through the compiler of MJML."""

    INLINE = "as a word in a text or a value"
    BETWEEN = "in an mj-raw of its own between elements"
    COMMENTED = "in a comment between elements that take no mj-raw"
    FRONT = "before the whole document"
    NOWHERE = "not at all: it is a comment"


@dataclass
class Structure:
    """What came out: a way to travel for each tag (by its offset), and what is wrong."""

    travel: dict[int, Travel] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def examine(text: str, tokens: list[Token], tags: list[Tag]) -> Structure:
    """Walks through a masked template; `tags` are in their order."""
    walk = _Walk(text, tags)
    walk.structure.faults.extend(unbalanced(tags))
    walk.balanced = not walk.structure.faults
    for token in tokens:
        walk.take(token)
    walk.finish()
    return walk.structure


@dataclass(frozen=True)
class _OpenElement:
    token: Opening
    holds_html: bool


_Level = _OpenElement | Tag
"""An element, or a block of Jinja, that is open."""


class _Walk:
    """What is open at this point of the template."""

    def __init__(self, text: str, tags: list[Tag]) -> None:
        self.text = text
        self.tags = tags
        self.starts = [tag.start for tag in tags]
        self.macros = {found[1] for tag in tags if (found := _MACRO.match(tag.text))}
        self.stack: list[_Level] = []
        self.structure = Structure()
        self.balanced = True
        self.seen: set[str] = set()
        self.forgiven: list[str] = []

    def take(self, token: Token) -> None:
        if isinstance(token, Opening):
            self._opening(token)
        elif isinstance(token, Closing):
            self._closing(token)
        elif isinstance(token, Comment):
            self._comment(token)
        else:
            self._words(token)

    def finish(self) -> None:
        for level in self.stack:
            if isinstance(level, _OpenElement):
                self._never_closed(level)
        if "mjml" not in self.seen:
            self._fault(0, "there is no <mjml> around the template.", "Write <mjml><mj-body>…</mj-body></mjml>.")
        elif "mj-body" not in self.seen:
            self._fault(0, "there is no <mj-body> in the template.", "Write <mjml><mj-body>…</mj-body></mjml>.")

    @property
    def _parent(self) -> _OpenElement | None:
        return next((level for level in reversed(self.stack) if isinstance(level, _OpenElement)), None)

    @property
    def _parent_name(self) -> str:
        return self._parent.token.name if self._parent else ""

    @property
    def _in_html(self) -> bool:
        return self._parent is not None and self._parent.holds_html

    def _within(self, start: int, end: int) -> list[Tag]:
        return self.tags[bisect_left(self.starts, start) : bisect_left(self.starts, end)]

    # -- elements

    def _opening(self, token: Opening) -> None:
        self.seen.add(token.name)
        for fault in self._element_faults(token):
            self.structure.faults.append(fault)
        for attribute in token.attributes:
            self._value(self._within(attribute.value_start, attribute.end))
        if self._in_html:
            if token.name in VOID_HTML:
                return
            if token.closed:
                self._fault(
                    token.start, f"<{token.name} /> is not closed in HTML.", f"Write <{token.name}></{token.name}>."
                )
                return
        if not token.closed:
            is_html = token.name in HOLD_HTML or not token.name.startswith("mj")
            self.stack.append(_OpenElement(token, self._in_html or is_html))
            if len(self.stack) == DEEPEST:
                what = f"this is the {DEEPEST}th element that stands in another."
                self._fault(token.start, what, "Nest them less deeply.")

    def _element_faults(self, token: Opening) -> Iterator[Fault]:
        name, parent = token.name, self._parent_name
        if self._in_html:
            if name.startswith("mj"):
                yield Fault(token.start, f"<{name}> {_IN_HTML}", "Close the element around it first.")
            return
        if name not in ATTRIBUTES:
            yield self._unknown_element(token)
            return
        if name not in CHILDREN.get(parent, frozenset()) and (not parent or parent in ATTRIBUTES):
            homes = [home for home, children in CHILDREN.items() if name in children and home not in _NO_HOMES]
            where = f"in <{parent}>" if parent else "outside <mjml>"
            yield Fault(
                token.start, f"<{name}> cannot stand {where}.", f"It belongs in {either(homes)}." if homes else ""
            )
        for attribute in token.attributes:
            if (name, attribute.name) in DROPPED:
                what = f'{name} has no use for "{attribute.name}".'
                yield Fault(attribute.start, what, DROPPED[name, attribute.name])
            elif attribute.name not in ATTRIBUTES[name]:
                near = nearest(attribute.name, sorted(ATTRIBUTES[name]))
                mend = f"Did you mean {near}?" if near else "Remove it."
                yield Fault(attribute.start, f'{name} has no attribute "{attribute.name}".', mend)

    def _unknown_element(self, token: Opening) -> Fault:
        if not token.name.startswith("mj"):
            return Fault(
                token.start, f"<{token.name}> stands between elements of MJML.", "Put it into mj-text or mj-raw."
            )
        near = nearest(token.name, sorted(ATTRIBUTES))
        mend = f"Did you mean {near}?" if near else "Use the elements of MJML 4."
        return Fault(token.start, f"<{token.name}> is no element of MJML.", mend)

    def _closing(self, token: Closing) -> None:
        while self.stack:
            top = self.stack[-1]
            if isinstance(top, Tag):
                if not self._is_open(token.name):
                    break
                what = f"{top.shown} opens in <{token.name}> and does not end in it."
                self._fault(top.start, what, f"Write {{% end{top.opens} %}} before </{token.name}>.")
            elif top.token.name == token.name:
                self.stack.pop()
                return
            elif self._is_open(token.name):
                self._never_closed(top)
            else:
                break
            self.stack.pop()
        if token.name in self.forgiven:
            self.forgiven.remove(token.name)
            return
        self._fault(token.start, f"</{token.name}> closes nothing.", "Remove it, or open its element before it.")

    def _is_open(self, name: str) -> bool:
        return any(isinstance(level, _OpenElement) and level.token.name == name for level in self.stack)

    def _never_closed(self, element: _OpenElement) -> None:
        name, start = element.token.name, element.token.start
        if element.holds_html:  # what follows stands in it by mistake only, and one mistake is reported once
            self.structure.faults = [fault for fault in self.structure.faults if not _is_in_html_after(start, fault)]
        self._fault(start, f"the <{name}> that opens here is never closed.", f"Close it with </{name}>.")

    # -- Jinja

    def _value(self, tags: list[Tag]) -> None:
        for tag in tags:
            self._send(tag, Travel.INLINE)
        if self.balanced and any(unbalanced(tags)):
            what = f"{tags[0].shown} opens or ends outside the value in which it stands."
            self._fault(tags[0].start, what, "Open and end it within the same value.")

    def _comment(self, token: Comment) -> None:
        for tag in self._within(token.start, token.end):
            self._send(tag, Travel.INLINE)
            if not token.conditional and tag.kind != "comment":
                what = f"{tag.shown} stands in a comment, where Jinja would still carry it out."
                self._fault(tag.start, what, "Move it out of <!-- -->, or comment it out with {# #}.")

    def _words(self, token: Words) -> None:
        position = token.start
        for tag in self._within(token.start, token.end):
            self._text(position, tag.start)
            position = tag.end
            self._send(tag, Travel.INLINE if self._in_html else self._way_between(tag))
            if self.balanced and tag.kind == "statement":
                self._follow(tag)
        self._text(position, token.end)

    def _text(self, start: int, end: int) -> None:
        written = self.text[start:end]
        in_unknown = self._parent is not None and self._parent_name not in ATTRIBUTES  # which is reported already
        if not self._in_html and not in_unknown and written.strip():
            offset = start + len(written) - len(written.lstrip())
            shown = " ".join(written.split())[:30].replace(JINJA, "")
            self._fault(offset, f'the text "{shown}" stands between elements.', "Put it into mj-text.")

    def _way_between(self, tag: Tag) -> Travel:
        """How a tag travels that stands between elements of MJML."""
        parent = self._parent_name
        if tag.kind == "comment":
            return Travel.NOWHERE
        if tag.kind == "expression" and parent in HOLD_JINJA and self._calls_a_macro(tag):
            return Travel.BETWEEN
        if tag.kind != "statement":
            self._fault(tag.start, f"{tag.shown} stands between elements.", "Put it into mj-text.")
        elif parent in {"mj-navbar", "mj-social"}:
            return Travel.COMMENTED
        elif parent in HOLD_JINJA:
            return Travel.BETWEEN
        elif tag.keyword == "set" and not tag.opens and parent in {"", "mjml", "mj-head"}:
            return Travel.FRONT
        elif parent == "mj-head":
            what = f"{tag.shown} stands between elements of mj-head, which end up elsewhere."
            self._fault(tag.start, what, "Put it into mj-style, mj-title, mj-preview or mj-raw.")
        elif parent in {"", "mjml"}:
            self._fault(tag.start, f"{tag.shown} stands outside mj-body.", "Move it into mj-body.")
        else:
            what = f"{tag.shown} stands between elements of {parent}, which cannot carry it."
            self._fault(tag.start, what, f"Put it around the whole {parent}.")
        return Travel.NOWHERE

    def _calls_a_macro(self, tag: Tag) -> bool:
        """Whether an expression writes the elements of a macro of this template, or those that call it."""
        found = _CALL.match(tag.text)
        return found is not None and found[1] in {*self.macros, "caller"}

    def _follow(self, tag: Tag) -> None:
        """Keeps the stack, so that blocks and elements are seen to be nested in each other."""
        if tag.opens:
            self.stack.append(tag)
        elif (tag.closes or tag.keyword in {"else", "elif"}) and any(isinstance(level, Tag) for level in self.stack):
            self._leave_elements(tag)
            if tag.closes:
                self.stack.pop()

    def _leave_elements(self, tag: Tag) -> None:
        """Elements that were opened inside a block have to be closed before it ends or divides."""
        while self.stack:
            top = self.stack[-1]
            if isinstance(top, Tag):
                return
            self.stack.pop()
            name = top.token.name
            self.forgiven.append(name)  # it is probably closed further down, and the mistake is reported once
            what = f"the <{name}> that opens here is not closed before {tag.shown}."
            self._fault(top.token.start, what, f"Write </{name}> before {tag.shown}.")

    def _send(self, tag: Tag, way: Travel) -> None:
        self.structure.travel[tag.start] = Travel.NOWHERE if tag.kind == "comment" else way

    def _fault(self, offset: int, what: str, mend: str) -> None:
        self.structure.faults.append(Fault(offset, what, mend))


def _is_in_html_after(offset: int, fault: Fault) -> bool:
    return fault.offset > offset and fault.what.endswith(_IN_HTML)
