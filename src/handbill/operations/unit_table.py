"""A file with one row a unit, CSV or Parquet, read in batches so that its size does not matter."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from handbill.errors import ImportRefused, Problem

DELIMITERS = (",", ";", "\t", "|")
BATCH_ROWS = 65_536
BLOCK_BYTES = 4 << 20

FOREIGN = {
    b"PK\x03\x04": ("is an Excel workbook or another zip file.", 'Save the table as "CSV UTF-8" first.'),
    b"\x1f\x8b": ("is compressed.", "Unpack it first."),
    b"\xff\xfe": ("is UTF-16 text.", 'Save it as "CSV UTF-8".'),
    b"\xfe\xff": ("is UTF-16 text.", 'Save it as "CSV UTF-8".'),
}
"""How files begin that people take for CSV, and what to do about them."""


@dataclass(frozen=True)
class UnitTable:
    """A table on disk: its columns' names, and for CSV what separates them (empty for Parquet)."""

    path: Path
    columns: tuple[str, ...]
    delimiter: str

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """These columns, some ten thousand rows at a time; the cells of a CSV file come as text.

        Raises:
            ImportRefused: rows have too many or too few cells, the text is not UTF-8, or the file is damaged.
        """
        return _csv_batches(self, columns) if self.delimiter else _parquet_batches(self, columns)

    def problem(self, row: int, what: str, mend: str) -> Problem:
        """A problem in a row (counted from 0), placed by its line in a CSV file and by its number in Parquet."""
        if self.delimiter:
            return Problem(str(self.path), line=_line_of(self, row), what=what, mend=mend)
        return Problem(str(self.path), what=f"row {row + 1}: {what}", mend=mend)


def open_table(path: Path) -> UnitTable:
    """The table in this file, CSV (comma, semicolon, tab or bar) or Parquet.

    Raises:
        ImportRefused: there is no such file, it is empty, it is neither, or two columns have the same name.
    """
    try:
        with path.open("rb") as file:
            start = file.read(4096)
    except OSError as error:
        what = "there is no such file." if isinstance(error, FileNotFoundError) else f"{error.strerror}."
        raise ImportRefused(Problem(str(path), what=what, mend="Name a CSV or Parquet file.")) from None
    if not start:
        raise ImportRefused(Problem(str(path), what="the file is empty.", mend="Name a file with a header and rows."))
    table = _parquet(path) if start.startswith(b"PAR1") else _csv(path, start)
    twice = [name for name in dict.fromkeys(table.columns) if table.columns.count(name) > 1]
    if twice:
        raise ImportRefused(
            *(Problem(str(path), what=f'two columns are called "{name}".', mend="Rename one.") for name in twice)
        )
    return table


def _parquet(path: Path) -> UnitTable:
    try:
        names = pyarrow.parquet.read_schema(path).names
    except (pa.ArrowException, OSError) as error:
        raise ImportRefused(_damaged(path, error)) from None
    return UnitTable(path, tuple(names), delimiter="")


def _csv(path: Path, start: bytes) -> UnitTable:
    for magic, (what, mend) in FOREIGN.items():
        if start.startswith(magic):
            raise ImportRefused(Problem(str(path), what=f"the file {what}", mend=mend))
    if b"\x00" in start:
        raise ImportRefused(
            Problem(str(path), what="the file is neither CSV nor Parquet.", mend="Name a CSV or Parquet file.")
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            delimiter = max(DELIMITERS, key=first.count)
            file.seek(0)
            header = next((cells for cells in csv.reader(file, delimiter=delimiter) if cells), [])
    except UnicodeDecodeError:
        raise ImportRefused(_not_utf8(path)) from None
    except csv.Error as error:
        raise ImportRefused(_damaged(path, error)) from None
    return UnitTable(path, tuple(header), delimiter)


def _csv_batches(table: UnitTable, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    ragged: list[Any] = []

    def note(row: Any) -> str:
        ragged.append(row)
        return "skip"

    options = {
        "read_options": pa.csv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
        "parse_options": pa.csv.ParseOptions(
            delimiter=table.delimiter, newlines_in_values=True, invalid_row_handler=note
        ),
        "convert_options": pa.csv.ConvertOptions(
            include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string()), strings_can_be_null=False
        ),
    }
    try:
        yield from pa.csv.open_csv(table.path, **options)
    except pa.ArrowInvalid as error:
        raise ImportRefused(_not_utf8(table.path) if "UTF8" in str(error) else _damaged(table.path, error)) from None
    if ragged:
        what = f"the row's number of cells is {ragged[0].actual_columns}, the header's {ragged[0].expected_columns}"
        what += f" (the first of {len(ragged):,} such rows)." if len(ragged) > 1 else "."
        mend = "Put quotes around cells that hold the separator."
        raise ImportRefused(table.problem(ragged[0].number - 2, what, mend))


def _parquet_batches(table: UnitTable, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    try:
        with pyarrow.parquet.ParquetFile(table.path) as file:
            yield from file.iter_batches(batch_size=BATCH_ROWS, columns=list(columns))
    except (pa.ArrowException, OSError) as error:
        raise ImportRefused(_damaged(table.path, error)) from None


def _line_of(table: UnitTable, row: int) -> int:
    """The line on which a row of a CSV file ends: blank lines and line breaks within quotes shift it from row + 2."""
    with table.path.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        reader = csv.reader(file, delimiter=table.delimiter)
        filled = -1
        for cells in reader:
            filled += bool(cells)
            if filled == row + 1:
                break
        return reader.line_num


def _not_utf8(path: Path) -> Problem:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                what = f"the text is not UTF-8 (byte 0x{line[error.start]:02x})."
                return Problem(str(path), line=number, what=what, mend='Save the file as "CSV UTF-8".')
    raise AssertionError("the file changed while it was read")


def _damaged(path: Path, error: Exception) -> Problem:
    first_line = str(error).splitlines()[0].rstrip(".")
    return Problem(str(path), what=f"the file cannot be read: {first_line}.", mend="Export it again.")
