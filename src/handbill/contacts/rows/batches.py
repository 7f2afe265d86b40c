"""Rows of a file on their way in, column by column, whatever format the file has."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

BATCH_ROWS = 10_000
MOST_COLUMNS = 500
LONGEST_LINE = 1_000_000
"""Characters, or bytes of JSON."""

Reject = Callable[[Sequence[int], str, Any, str], None]
"""`reject(row numbers, column, value, reason)`; of a row that cannot be read as one, the value is all that it has."""


@dataclass(frozen=True)
class Batch:
    """Some rows. None is a missing value.

    `rows[i]` are the numbers of the file's rows that position i stands for, usually one; rows are counted as people
    see them: the header of a CSV file is row 1. `share` is how much of the file has been read after this batch.
    """

    rows: Sequence[tuple[int, ...]]
    columns: Mapping[str, list[Any]]
    share: float = 0.0

    def __len__(self) -> int:
        return len(self.rows)


class Source(Protocol):
    """An open file: its columns, and its rows as often as one asks."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns in their order."""

    @property
    def decimal_comma(self) -> bool:
        """Whether numbers are written like 12,50."""

    def batches(self, only: Collection[str], reject: Reject) -> Iterator[Batch]:
        """The rows with only these columns. Rows that cannot be read as rows are rejected on the way."""


def collapsed(batch: Batch) -> Batch:
    """The batch with equal rows as one, which stands for all of them: an order file repeats its customers."""
    names = list(batch.columns)
    twins: dict[tuple[Any, ...], list[tuple[int, ...]]] = {}
    try:
        for values, rows in zip(zip(*batch.columns.values(), strict=True), batch.rows, strict=True):
            twins.setdefault(values, []).append(rows)
    except TypeError:  # a list or an object of JSON, which cannot be compared quickly
        return batch
    if len(twins) == len(batch):
        return batch
    rows_together = [tuple(row for rows in each for row in rows) for each in twins.values()]
    columns = {name: list(values) for name, values in zip(names, zip(*twins, strict=True), strict=True)}
    return Batch(rows_together, columns, batch.share)
