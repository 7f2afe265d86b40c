"""Rows of a CSV file: delimiter and encoding are found out, every row must fit the header."""

import csv
import re
from collections.abc import Collection, Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from handbill.contacts.rows.batches import BATCH_ROWS, LONGEST_LINE, MOST_COLUMNS, Batch, Reject
from handbill.contacts.rows.encoding import encoding_of
from handbill.errors import ImportRefused, Problem

DELIMITERS = (",", ";", "\t", "|")
_HEADER_ROW = 1
_NOT_DECODED = re.compile("[\udc80-\udcff\ufffd]")


class CsvFile:
    """A CSV file that was found readable as far as its header.

    Raises:
        ImportRefused: the file is empty, its header has gaps or repeats, or its quotes or letters are broken.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoding = encoding_of(path)
        self._delimiter = _delimiter(self._header_line())
        self.columns: tuple[str, ...] = ()
        with path.open("rb") as raw, self._decoded(raw) as file:
            header = next(self._records(file), (0, []))[1]
        self.columns = tuple(name.strip() for name in header)
        self._require_usable_header()

    def batches(self, only: Collection[str], reject: Reject) -> Iterator[Batch]:
        """The rows with only these columns, as text; an empty cell is missing."""
        places = {name: self.columns.index(name) for name in only}
        size = max(self._path.stat().st_size, 1)
        with self._path.open("rb") as raw, self._decoded(raw) as file:
            records = self._records(file)
            next(records)
            while chunk := list(islice(records, BATCH_ROWS)):
                fitting = self._fitting(chunk, reject)
                rows = [(number,) for number, _ in fitting]
                columns: dict[str, list[Any]] = {
                    name: [record[place].strip() or None for _, record in fitting] for name, place in places.items()
                }
                yield Batch(rows, columns, min(1.0, raw.tell() / size))

    def _fitting(self, chunk: list[tuple[int, list[str]]], reject: Reject) -> list[tuple[int, list[str]]]:
        width = len(self.columns)
        if all(len(record) == width for _, record in chunk):
            return chunk
        for number, record in chunk:
            if len(record) not in {0, width}:
                found = f"{len(record)} value{'s' * (len(record) != 1)}"
                reject((number,), "", "", f"the row has {found}, the header has {width}. Quote values with commas.")
        return [(number, record) for number, record in chunk if len(record) == width]

    def _records(self, file: TextIO) -> Iterator[tuple[int, list[str]]]:
        """Every record with its number; blank lines count and are empty."""
        number = 0
        reader = csv.reader(self._lines(file), delimiter=self._delimiter, strict=True)
        try:
            for number, record in enumerate(reader, start=_HEADER_ROW):
                yield number, record
        except UnicodeDecodeError:
            raise ImportRefused(self._bad_letter()) from None
        except csv.Error as error:
            raise ImportRefused(self._broken(number + 1, str(error))) from None

    def _lines(self, file: TextIO) -> Iterator[str]:
        while line := file.readline(LONGEST_LINE):
            if len(line) == LONGEST_LINE:
                raise csv.Error("line too long")
            yield line

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
    return max(DELIMITERS, key=lambda each: len(next(csv.reader([header], delimiter=each), [])))
