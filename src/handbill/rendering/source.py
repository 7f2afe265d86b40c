"""The whole text of a template, and in which file, line and column each character of it was written."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from handbill.errors import Problem

Place = tuple[str, int, int]
"""File, line and column, the latter two from 1."""


@dataclass(frozen=True)
class TemplateFile:
    """One file below templates/. `name` is its path there, `label` its path as messages show it.

    `line` and `column` say where the text begins, for one that is a value in another file.
    """

    name: str
    label: str
    text: str
    line: int = 1
    column: int = 1

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def place(self, offset: int) -> Place:
        """Where the character at an offset stands."""
        line = bisect_right(self._line_starts, offset)
        column = offset - self._line_starts[line - 1] + 1
        return self.label, self.line + line - 1, column + (self.column - 1 if line == 1 else 0)

    def problem(self, offset: int, what: str, mend: str) -> Problem:
        """What is wrong at an offset."""
        return Problem(*self.place(offset), what=what, mend=mend)


@dataclass(frozen=True)
class Piece:
    """A stretch of one file."""

    file: TemplateFile
    start: int
    end: int


@dataclass(frozen=True)
class Source:
    """A template's whole text: pieces of its file and of those that it includes and extends."""

    name: str
    pieces: tuple[Piece, ...]

    @cached_property
    def text(self) -> str:
        """The text in which `include`, `extends`, `block` and `mj-include` are carried out."""
        return "".join(piece.file.text[piece.start : piece.end] for piece in self.pieces)

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        for piece in self.pieces:
            starts.append(starts[-1] + piece.end - piece.start)
        return starts

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0, *(found.end() for found in re.finditer("\n", self.text))]

    def place(self, offset: int) -> Place:
        """In which file, line and column the character at an offset of the text was written."""
        number = min(bisect_right(self._starts, offset), len(self.pieces)) - 1
        piece = self.pieces[number]
        return piece.file.place(min(piece.start + offset - self._starts[number], piece.end))

    def line_bounds(self, line: int) -> tuple[int, int]:
        """Offsets at which a line of the text (from 1) starts and ends."""
        start = self._line_starts[min(line, len(self._line_starts)) - 1]
        end = self.text.find("\n", start)
        return start, len(self.text) if end < 0 else end

    def problem(self, offset: int, what: str, mend: str) -> Problem:
        """What is wrong at an offset of the text."""
        return Problem(*self.place(offset), what=what, mend=mend)


def single(file: TemplateFile) -> Source:
    """A text that includes nothing."""
    return Source(file.name, (Piece(file, 0, len(file.text)),))
