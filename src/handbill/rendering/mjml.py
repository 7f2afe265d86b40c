"""How a template in MJML becomes HTML in which Jinja stands where it stood.

The compiler knows nothing of Jinja, so each tag travels through it as a word that it leaves alone.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from mjml import mjml2html

from handbill.errors import Problem
from handbill.rendering.jinja_tags import Fault, Tag, find_tags
from handbill.rendering.markup import Comment, Opening, Token, masked, read_markup
from handbill.rendering.source import Place, Source
from handbill.rendering.structure import Travel, examine

_POSITION = re.compile(r"^(.*?)(?: in root template)?(?: at position (\d+):\d+)?$")
_STEM = "hbjinja"
"""How the words begin that stand for tags; nobody writes that."""
_CARRIER = re.compile(rf"{_STEM}(\d{{5}})z")
_COMMENTED = re.compile(rf"<!--({_CARRIER.pattern})-->")
# mj-social puts each of its children into a cell, and with it the comment in which a tag travels.
_CELL = re.compile(
    rf"<!--\[if mso \| IE\]><td><!\[endif\]--><table[^>]*><tbody>({_COMMENTED.pattern})</tbody></table>"
    r"<!--\[if mso \| IE\]></td><!\[endif\]-->"
)


@dataclass(frozen=True)
class Parsed:
    """A template that was read and found right, ready to be compiled."""

    source: Source
    tags: tuple[Tag, ...]
    tokens: tuple[Token, ...]
    travel: Mapping[int, Travel]


@dataclass(frozen=True)
class Carried:
    """Markup or text in which words stand for tags of Jinja; `front` holds tags that come before everything."""

    text: str
    front: tuple[Tag, ...]
    tags: tuple[Tag, ...]


@dataclass(frozen=True)
class JinjaText:
    """A template for Jinja, and where each of its lines with Jinja was written."""

    text: str
    places: Mapping[int, Place]


def parse_mjml(source: Source) -> tuple[Parsed | None, list[Problem]]:
    """Reads a template; None and every problem where elements, attributes or control flow are wrong."""
    tags, faults = find_tags(source.text)
    faults += own_words(source.text)
    mask = masked(source.text, tags)
    tokens, wrong = read_markup(mask)
    structure = examine(mask, tokens, tags)
    problems = _problems(source, [*faults, *wrong, *structure.faults])
    return (None if problems else Parsed(source, tuple(tags), tuple(tokens), structure.travel)), problems


def compile_mjml(parsed: Parsed) -> tuple[Carried | None, list[Problem]]:
    """The HTML of a template, once for all recipients; None and the problems where the compiler refuses it."""
    written, offsets = _with_carriers(parsed)
    try:
        # No fonts by default: an inbox that fetches one tells its host that the mail was opened.
        html = mjml2html(written, fonts={})
    except ValueError as error:
        return None, [_explained(str(error), written, offsets, parsed.source)]
    html = _COMMENTED.sub(r"\1", _CELL.sub(r"\1", html))
    kept = {int(number) for number in _CARRIER.findall(html)}
    lost = [tag for number, tag in enumerate(parsed.tags) if number not in kept and _travels(parsed, tag)]
    if lost:
        return None, [_lost(parsed, tag) for tag in lost]
    front = tuple(tag for tag in parsed.tags if parsed.travel[tag.start] is Travel.FRONT)
    return Carried(html, front, parsed.tags), []


def own_words(text: str) -> list[Fault]:
    """Words that we put in place of tags, and that nobody else may write."""
    what = "this word is one that Handbill uses itself."
    return [Fault(found.start(), what, "Write another one.") for found in _CARRIER.finditer(text)]


def as_carried(source: Source) -> Carried:
    """A text that is no markup, in the form in which `restore` takes it."""
    tags, _ = find_tags(source.text)
    edits = [(tag.start, tag.end, carrier(number)) for number, tag in enumerate(tags)]
    return Carried(_edited(source.text, edits)[0], (), tuple(tags))


def restore(carried: Carried, place: Callable[[int], Place]) -> JinjaText:
    """Puts Jinja back, each tag on a line of its own, so that an error's line says which tag it was.

    The line break goes inside the tag, where Jinja ignores it: what is written into the mail stays the same.
    """
    parts: list[str] = []
    places: dict[int, Place] = {}
    line = 1

    def put(tag: Tag) -> None:
        nonlocal line
        text = tag.text
        if tag.kind != "raw":
            mark = 3 if text[2] in "-+" else 2
            text = f"{text[:mark]}\n{text[mark:]}"
        for number in range(line + 1, line + text.count("\n") + 1):
            places[number] = place(tag.start)
        line += text.count("\n")
        parts.append(text)

    for tag in carried.front:
        put(tag)
    position = 0
    for found in _CARRIER.finditer(carried.text):
        between = carried.text[position : found.start()]
        parts.append(between)
        line += between.count("\n")
        put(carried.tags[int(found[1])])
        position = found.end()
    parts.append(carried.text[position:])
    return JinjaText("".join(parts), places)


def carrier(number: int) -> str:
    """The word that stands for the tag of this number."""
    return f"{_STEM}{number:05d}z"


def carriers(text: str) -> list[tuple[str, int]]:
    """The words of a text that stand for tags, each with the number of its tag."""
    return [(found[0], int(found[1])) for found in _CARRIER.finditer(text)]


def _with_carriers(parsed: Parsed) -> tuple[str, list[tuple[int, int]]]:
    """The template with carriers instead of tags and without comments; pairs of offsets, there and in the source."""
    edits = [(tag.start, tag.end, _written(number, parsed.travel[tag.start])) for number, tag in enumerate(parsed.tags)]
    notes = [each for each in parsed.tokens if isinstance(each, Comment) and not each.conditional]
    edits = [edit for edit in edits if not any(note.start < edit[0] < note.end for note in notes)]
    edits += [(note.start, note.end, "") for note in notes]
    return _edited(parsed.source.text, edits)


def _edited(text: str, edits: list[tuple[int, int, str]]) -> tuple[str, list[tuple[int, int]]]:
    """The text with other words between some offsets; and pairs of offsets, in the new and in the old text."""
    parts: list[str] = []
    offsets: list[tuple[int, int]] = []
    position = length = 0
    for start, end, replacement in sorted(edits):
        offsets.append((length, position))
        parts += [text[position:start], replacement]
        length += start - position + len(replacement)
        position = end
    offsets.append((length, position))
    return "".join([*parts, text[position:]]), offsets


def _written(number: int, way: Travel) -> str:
    word = carrier(number)
    match way:
        case Travel.INLINE:
            return word
        case Travel.BETWEEN:
            return f"<mj-raw>{word}</mj-raw>"
        case Travel.COMMENTED:
            return f"<!--{word}-->"
        case _:
            return ""


def _travels(parsed: Parsed, tag: Tag) -> bool:
    return parsed.travel[tag.start] not in {Travel.FRONT, Travel.NOWHERE}


def _lost(parsed: Parsed, tag: Tag) -> Problem:
    for token in parsed.tokens:
        if isinstance(token, Opening):
            for attribute in token.attributes:
                if attribute.value_start <= tag.start < attribute.end:
                    what = f"{tag.shown} cannot stand in {attribute.name}, which is used before there is a recipient."
                    return parsed.source.problem(tag.start, what, "Write a fixed value.")
    return parsed.source.problem(tag.start, f"{tag.shown} stands where MJML leaves it out.", "Move it into mj-text.")


def _problems(source: Source, faults: Iterable[Fault]) -> list[Problem]:
    return sorted({source.problem(fault.offset, fault.what, fault.mend) for fault in faults})


def _explained(message: str, written: str, offsets: list[tuple[int, int]], source: Source) -> Problem:
    """What the compiler says, at the place of the source that it speaks of."""
    found = _POSITION.match(message)
    what = f"MJML cannot be compiled here: {found[1] if found else message}."
    if not found or not found[2]:
        label = source.pieces[0].file.label
        return Problem(
            label, what=f"MJML cannot be compiled: {found[1] if found else message}.", mend="Check its tags."
        )
    position = len(written.encode()[: int(found[2])].decode(errors="ignore"))
    there, here = max(pair for pair in offsets if pair[0] <= position)
    return source.problem(min(here + position - there, len(source.text)), what, "Check this tag.")
