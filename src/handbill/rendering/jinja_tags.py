"""Where Jinja stands in a text, and whether what it opens is closed."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Kind = Literal["expression", "statement", "comment", "raw"]

_START = re.compile(r"\{\{|\{%|\{#")
# Strings are taken whole, so that "}}" may stand in one.
_STRINGS = r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'"
_REST: dict[str, tuple[Kind, re.Pattern[str]]] = {
    "{{": ("expression", re.compile(rf"\{{\{{(?:{_STRINGS}|(?!\}}\}})[^\"'])*\}}\}}", re.DOTALL)),
    "{%": ("statement", re.compile(rf"\{{%(?:{_STRINGS}|(?!%\}})[^\"'])*%\}}", re.DOTALL)),
    "{#": ("comment", re.compile(r"\{#.*?#\}", re.DOTALL)),
}
_CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}
_END_OF_RAW = re.compile(r"\{%[-+]?\s*endraw\s*[-+]?%\}")
_KEYWORD = re.compile(r"\{%[-+]?\s*(\w+)")

BLOCKS = frozenset({"if", "for", "macro", "call", "filter", "block", "with", "set"})
"""Statements that must be closed by `end…`; `set` only when it has no `=`."""
MIDDLES = {"elif": ("if",), "else": ("if", "for")}
"""Statements that divide a block, and the blocks that they can divide."""


@dataclass(frozen=True)
class Tag:
    """One piece of Jinja: `{{ … }}`, `{% … %}`, `{# … #}`, or everything from `{% raw %}` to `{% endraw %}`."""

    start: int
    end: int
    kind: Kind
    text: str

    @property
    def keyword(self) -> str:
        """The first word of a statement, else nothing."""
        found = _KEYWORD.match(self.text) if self.kind == "statement" else None
        return found[1] if found else ""

    @property
    def opens(self) -> str:
        """The block that this tag opens, else nothing."""
        if self.keyword == "set" and "=" in self.text:
            return ""
        return self.keyword if self.keyword in BLOCKS else ""

    @property
    def closes(self) -> str:
        """The block that this tag closes, else nothing."""
        return self.keyword[3:] if self.keyword.startswith("end") else ""

    @property
    def shown(self) -> str:
        """How a message quotes it: on one line, and not too long."""
        text = " ".join(self.text.split())
        return text if len(text) <= 50 else f"{text[:47]}…"


@dataclass(frozen=True)
class Fault:
    """What is wrong with the Jinja at an offset of a text."""

    offset: int
    what: str
    mend: str


def find_tags(text: str) -> tuple[list[Tag], list[Fault]]:
    """All Jinja in a text in its order, and what opens without being closed."""
    tags: list[Tag] = []
    faults: list[Fault] = []
    position = 0
    while start := _START.search(text, position):
        opener = start[0]
        kind, pattern = _REST[opener]
        found = pattern.match(text, start.start())
        if not found:
            closer = _CLOSERS[opener]
            what = f"the {opener} that opens here is never closed."
            faults.append(Fault(start.start(), what, f"Close it with {closer}, and every quotation mark inside it."))
            break
        tag = Tag(found.start(), found.end(), kind, found[0])
        if tag.keyword == "raw":
            end = _END_OF_RAW.search(text, found.end())
            if not end:
                faults.append(Fault(tag.start, "the {% raw %} that opens here is never closed.", _closing("raw")))
                break
            tag = Tag(tag.start, end.end(), "raw", text[tag.start : end.end()])
        tags.append(tag)
        position = tag.end
    return tags, faults


def unbalanced(tags: list[Tag]) -> Iterator[Fault]:
    """Blocks that are not closed, and what closes or divides a block that is not open."""
    opened: list[Tag] = []
    for tag in tags:
        if tag.opens:
            opened.append(tag)
        elif tag.keyword in MIDDLES and not (opened and opened[-1].opens in MIDDLES[tag.keyword]):
            wanted = " or ".join(f"{{% {name} %}}" for name in MIDDLES[tag.keyword])
            yield Fault(tag.start, f"{tag.shown} divides nothing.", f"Write it between {wanted} and its end.")
        elif tag.closes and not (opened and opened[-1].opens == tag.closes):
            what = f"{tag.shown} closes nothing."
            if opened:
                yield Fault(tag.start, what, f"{opened[-1].shown} is open here: {_lower(_closing(opened[-1].opens))}")
            else:
                yield Fault(tag.start, what, "Remove it, or open its block before it.")
            return  # what follows would only repeat the same mistake
        elif tag.closes:
            opened.pop()
    for tag in opened:
        yield Fault(tag.start, f"the {tag.shown} that opens here is never closed.", _closing(tag.opens))


def _closing(block: str) -> str:
    return f"Close it with {{% end{block} %}}."


def _lower(sentence: str) -> str:
    return sentence[0].lower() + sentence[1:]
