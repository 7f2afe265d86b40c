"""Whether every character is set in a font that the template names.

WeasyPrint takes whatever font the machine has when the named ones lack a character, and says nothing.
"""

import unicodedata
from collections.abc import Iterator
from typing import Any

from weasyprint import Page
from weasyprint.text.ffi import ffi, pango

from handbill.rendering.layout import text_boxes

Stack = tuple[str, ...]


class FontCheck:
    """Remembers which characters each stack of fonts has, because asking Pango takes as long as setting the text."""

    def __init__(self) -> None:
        self._known: dict[tuple[Any, ...], set[str]] = {}

    def faults(self, page: Page) -> Iterator[tuple[str, str]]:
        """What is wrong and how to mend it, for every character of a page that is not set as the template says."""
        reported = set()
        for box in text_boxes(page):
            style = box.style
            stack = tuple(style["font_family"])
            known = self._known.setdefault((stack, style["font_weight"], style["font_style"]), set())
            if known.issuperset(box.text):
                continue
            strange = dict(_strange(box, stack))
            known.update(set(box.text) - strange.keys())
            for character, family in strange.items():
                if character not in reported:
                    reported.add(character)
                    yield _explain(character, family, stack)


def _strange(box: Any, stack: Stack) -> Iterator[tuple[str, str]]:
    """Characters of a box that no font has (with an empty family), or that are set in a font outside the stack."""
    named = {family.casefold() for family in stack}
    layout = box.pango_layout
    layout.reactivate(box.style)
    text = layout.text.encode()
    line, _ = layout.get_first_line()
    run = line.runs[0]
    while run != ffi.NULL:
        item, glyphs = run.data.item, run.data.glyphs
        written = text[item.offset : item.offset + item.length].decode()
        family = _family(item.analysis.font)
        for glyph in glyphs.glyphs[0 : glyphs.num_glyphs]:
            if _is_unknown(glyph.glyph):
                yield chr(glyph.glyph - pango.PANGO_GLYPH_UNKNOWN_FLAG), ""
        if family.casefold() not in named:
            unknown = {
                chr(each.glyph - pango.PANGO_GLYPH_UNKNOWN_FLAG)
                for each in glyphs.glyphs[0 : glyphs.num_glyphs]
                if _is_unknown(each.glyph)
            }
            yield from ((each, family) for each in written if _is_visible(each) and each not in unknown)
        run = run.next
    layout.deactivate()


def _is_unknown(glyph: int) -> bool:
    return bool(glyph != pango.PANGO_GLYPH_EMPTY and glyph & pango.PANGO_GLYPH_UNKNOWN_FLAG)


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] not in "CZ"


def _family(font: Any) -> str:
    description = ffi.gc(pango.pango_font_describe_with_absolute_size(font), pango.pango_font_description_free)
    return str(ffi.string(pango.pango_font_description_get_family(description)).decode())


def _explain(character: str, family: str, stack: Stack) -> tuple[str, str]:
    shown = f'"{character}" (U+{ord(character):04X})'
    if not family:
        mend = "Install a font that has it, and name it in font-family."
        return f"no font on this machine has the character {shown}.", mend
    what = f'the character {shown} would be set in "{family}", but font-family names only {", ".join(stack)}.'
    return what, "Name that font too, or install the named ones."
