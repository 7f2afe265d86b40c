"""Rows of a CSV file: delimiter and encoding are found out, every row must fit the header."""

import csv
import re
from collections.abc import Collection, Iterator
from io import StringIO, TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from handbill.contacts.rows.batches import BATCH_ROWS, LONGEST_LINE, MOST_COLUMNS, Batch, Reject
from handbill.contacts.rows.encoding import encoding_of
from handbill.contacts.rows.signatures import refuse_what_is_no_text
from handbill.errors import ImportRefused, Problem

DELIMITERS = (",", ";", "\t", "|")
_HEADER_ROW = 1
_PIECE = 1 << 18
_NOT_DECODED = re.compile("[\udc80-\udcff\ufffd]")


class CsvFile:
    """A CSV file that was found readable as far as its header.

    Raises:
        ImportRefused: the file is empty, its header has gaps or repeats, or its quotes or letters are broken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        refuse_what_is_no_text(path)
        self._encoding = encoding_of(path)
        self._delimiter = _delimiter(self._header_line())
        self._header: list[str] = []
        with path.open("rb") as raw, self._decoded(raw) as file:
            next(self._chunks(file), None)
        self.columns = tuple(name.strip() for name in self._header)
        self._require_usable_header()

    @property
    def decimal_comma(self) -> bool:
        """Where semicolons part the values, a comma parts a number."""
        return self._delimiter == ";"

    def batches(self, only: Collection[str], reject: Reject) -> Iterator[Batch]:
        """The rows with only these columns, as text; an empty cell is missing."""
        places = {name: self.columns.index(name) for name in only}
        size = max(self._path.stat().st_size, 1)
        with self._path.open("rb") as raw, self._decoded(raw) as file:
            for first, chunk in self._chunks(file):
                fitting, rows = self._fitting(chunk, first, reject)
                whole = list(zip(*fitting, strict=True)) or [()] * len(self.columns)
                columns: dict[str, list[Any]] = {
                    name: [value or None for value in map(str.strip, whole[place])] for name, place in places.items()
                }
                yield Batch(rows, columns, min(1.0, raw.tell() / size))

    def _fitting(
        self, chunk: list[list[str]], first: int, reject: Reject
    ) -> tuple[list[list[str]], list[tuple[int, ...]]]:
        """The records that fit the header, with their numbers; blank lines are passed over."""
        width = len(self.columns)
        numbers: list[tuple[int, ...]] = list(zip(range(first, first + len(chunk))))
        if set(map(len, chunk)) == {width} and self._header not in chunk:
            return chunk, numbers
        for number, record in zip(numbers, chunk, strict=True):
            if len(record) not in {0, width}:
                found = f"{len(record)} value{'s' * (len(record) != 1)}"
                reject(number, "", record, f"the row has {found}, the header has {width}. Quote values with commas.")
            elif record == self._header:
                reject(number, "", record, "the row is the header once more. Leave it out.")
        good = [at for at, record in enumerate(chunk) if len(record) == width and record != self._header]
        return [chunk[at] for at in good], [numbers[at] for at in good]

    def _chunks(self, file: TextIO) -> Iterator[tuple[int, list[list[str]]]]:
        """The records below the header, many at a time, with the number of the first; blank lines are empty ones."""
        number = _HEADER_ROW
        reader = csv.reader(self._lines(file), delimiter=self._delimiter, strict=True)
        chunk: list[list[str]] = []
        try:
            self._header = next(reader, [])
            number += 1
            while True:
                chunk = []
                chunk.extend(islice(reader, BATCH_ROWS))  # what came before an error stays in the list
                if not chunk:
                    return
                yield number, chunk
                number += len(chunk)
        except UnicodeDecodeError:
            raise ImportRefused(self._bad_letter()) from None
        except csv.Error as error:
            raise ImportRefused(self._broken(number + len(chunk), str(error))) from None

    def _lines(self, file: TextIO) -> Iterator[str]:
        """The lines with their ends, taken from large pieces: quicker than asking for one at a time."""
        rest = ""
        while piece := file.read(_PIECE):
            text = rest + piece
            end = max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1  # a \r at the very end may be half of a line's end
            if not end and len(text) >= LONGEST_LINE:
                raise csv.Error("line too long")
            yield from StringIO(text[:end], newline="")
            rest = text[end:]
        yield from StringIO(rest, newline="")

    def _broken(self, row: int, error: str) -> Problem:
        if "too long" in error or "field limit" in error or "field larger" in error:
            what = f"a value is longer than {csv.field_size_limit():,} characters, or a line than {LONGEST_LINE:,}."
            return Problem(str(self._path), row, what=what, mend="Close its quotation mark, or shorten it.")
        what = "a quotation mark is not closed, or stands inside a quoted value."
        return Problem(str(self._path), row, what=what, mend='Close it, or double it: "".')

    def _bad_letter(self) -> Problem:
        """Where the first byte stands that is no letter of the encoding."""
        name = "UTF-16" if self._encoding.startswith("utf-16") else self._encoding.removesuffix("-sig").upper()
        mend = "Save the file as UTF-8."
        errors = "replace" if name == "UTF-16" else "surrogateescape"
        names: list[str] = []
        with self._path.open(encoding=self._encoding, errors=errors, newline="") as file:
            for number, record in enumerate(csv.reader(file, delimiter=self._delimiter), start=_HEADER_ROW):
                names = names or record
                place = next((place for place, value in enumerate(record) if _NOT_DECODED.search(value)), None)
                if place is not None:
                    known = number > _HEADER_ROW and place < len(names)
                    where = f'column "{names[place]}"' if known else f"column {place + 1}"
                    return Problem(
                        str(self._path), number, what=f"a byte in {where} is no letter of {name}.", mend=mend
                    )
        return Problem(str(self._path), what=f"the file is not written in {name}.", mend=mend)

    def _require_usable_header(self) -> None:
        problems = []
        if not any(self.columns):
            raise ImportRefused(Problem(str(self._path), what="the file is empty.", mend="Name its columns in row 1."))
        if len(self.columns) > MOST_COLUMNS:
            what = f"the header has {len(self.columns):,} columns."
            raise ImportRefused(Problem(str(self._path), 1, what=what, mend=f"At most {MOST_COLUMNS} can be read."))
        for place, name in enumerate(self.columns, start=1):
            if not name:
                problems.append(f"column {place} has no name.")
            elif self.columns.index(name) + 1 < place:
                problems.append(f'column {place} has the name "{name}", as column {self.columns.index(name) + 1} has.')
        if problems:
            mend = "Give every column a name of its own."
            raise ImportRefused(*(Problem(str(self._path), 1, what=what, mend=mend) for what in problems))

    def _decoded(self, raw: BinaryIO) -> TextIOWrapper:
        return TextIOWrapper(raw, encoding=self._encoding, newline="")

    def _header_line(self) -> str:
        with self._path.open(encoding=self._encoding, errors="replace", newline="") as file:
            return file.readline(LONGEST_LINE)


def _delimiter(header: str) -> str:
    """What parts the header into most columns; a comma when nothing does."""
    return max(DELIMITERS, key=lambda each: _columns(header, each))


def _columns(header: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([header], delimiter=delimiter), []))
    except csv.Error:  # too long, where only another delimiter parts it
        return 0
