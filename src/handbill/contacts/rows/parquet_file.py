"""Rows of a Parquet file, with the types that it declares."""

from collections.abc import Collection, Iterator
from datetime import UTC
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from handbill.contacts.rows.batches import BATCH_ROWS, MOST_COLUMNS, Batch, Reject
from handbill.errors import ImportRefused, Problem


class ParquetFile:
    """A Parquet file.

    Raises:
        ImportRefused: it is not one, is damaged, or has too many columns.
    """

    decimal_comma = False

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with pq.ParquetFile(path) as file:
                self.columns = tuple(file.schema_arrow.names)
                self._rows = max(file.metadata.num_rows, 1)
        except (pa.ArrowException, OSError) as error:
            raise ImportRefused(self._unreadable(error)) from None
        if len(self.columns) > MOST_COLUMNS:
            what = f"the file has {len(self.columns):,} columns."
            raise ImportRefused(Problem(str(path), what=what, mend=f"At most {MOST_COLUMNS} can be read."))

    def batches(self, only: Collection[str], reject: Reject) -> Iterator[Batch]:  # noqa: ARG002 - rows always fit here
        """The rows with only these columns; null, NaN and an empty text are missing."""
        first = 1
        try:
            with pq.ParquetFile(self._path) as file:
                for part in _parts(file, list(only)):
                    rows: list[tuple[int, ...]] = list(zip(range(first, first + part.num_rows)))
                    first += part.num_rows
                    columns = {name: _values(part.column(name)) for name in only}
                    yield Batch(rows, columns, (first - 1) / self._rows)
        except (pa.ArrowException, OSError) as error:
            raise ImportRefused(self._unreadable(error)) from None

    def _unreadable(self, error: Exception) -> Problem:
        reason = str(error).splitlines()[0].rstrip(".")
        return Problem(str(self._path), what=f"the file cannot be read as Parquet: {reason}.", mend="Export it again.")


def _parts(file: pq.ParquetFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    """Row group by row group: asked for all of them, pyarrow keeps what it has read until the end."""
    for group in range(file.metadata.num_row_groups):
        yield from file.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns)


def _values(column: Any) -> list[Any]:
    """Python values. Whole numbers in a column of floats are integers: pandas makes floats of ids with gaps."""
    kind = column.type
    if pa.types.is_timestamp(kind):
        return _moments(column)
    if pa.types.is_floating(kind):
        return _numbers(column)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [value.strip() or None if value else None for value in _quickly(column)]
    if pa.types.is_integer(kind) and not column.null_count:
        return _quickly(column)
    values: list[Any] = column.to_pylist()
    return values


def _moments(column: Any) -> list[Any]:
    """Python's times have microseconds; what is finer is cut."""
    zone = column.type.tz
    micros = column.cast(pa.timestamp("us", zone), safe=False)
    if zone != "UTC" or column.null_count:
        return list(micros.to_pylist())
    return [moment.replace(tzinfo=UTC) for moment in _quickly(micros.cast(pa.timestamp("us")))]


def _quickly(column: Any) -> list[Any]:
    """Through numpy, which takes a tenth of the time of `to_pylist`."""
    return list(column.to_numpy(zero_copy_only=False).tolist())


def _numbers(column: Any) -> list[float | int | None]:
    present = pc.if_else(pc.is_nan(column), None, column)
    try:
        whole: list[float | int | None] = present.cast(pa.int64()).to_pylist()  # refuses to cut anything off
    except pa.ArrowInvalid:
        return [int(each) if each is not None and each.is_integer() else each for each in present.to_pylist()]
    return whole
