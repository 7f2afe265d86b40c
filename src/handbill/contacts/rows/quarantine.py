"""Which rows were not loaded, or not as they stood, and why: a CSV file that people open in a spreadsheet."""

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HEADER = ("row", "outcome", "column", "value", "reason")
REJECTED, KEPT = "rejected", "kept"
MOST_REASONS = 5
_LONGEST_VALUE = 200
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass
class Reason:
    """Why rows were rejected: the column, the sentence, the first row, and how many rows."""

    column: str
    text: str
    first_row: int
    rows: int = 0


class Quarantine:
    """Collects rows in a file of its own, made at the first of them and readable by its owner only.

    An exception removes the file again: nothing was loaded then, and the message says why.
    """

    def __init__(self, folder: Path, source: Path, kind: str, now: datetime) -> None:
        self.path: Path | None = None
        self.rejected = 0
        self.remarks = 0
        self._folder = folder
        self._name = f"{kind}-{re.sub(r'[^A-Za-z0-9]+', '-', source.stem)[:60]}-{now:%Y%m%dT%H%M%SZ}"
        self._file: TextIOWrapper | None = None
        self._writer: Any = None
        self._rows_rejected: set[int] = set()
        self._reasons: dict[tuple[str, str], Reason] = {}

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The first few different reasons."""
        return tuple(self._reasons.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()
        if kind and self.path:
            self.path.unlink()
            self.path = None

    def reject(self, rows: Sequence[int], column: str, value: Any, reason: str) -> None:
        """Notes why rows are not loaded. A row may have several reasons, and is counted once."""
        self._note(rows, REJECTED, column, value, reason)
        key = (column, reason)
        if key in self._reasons or len(self._reasons) < MOST_REASONS:
            self._reasons.setdefault(key, Reason(column, reason, rows[0])).rows += len(rows)
        # All reasons of a row come while its batch is converted, so a batch's worth of numbers is remembered.
        fresh = [row for row in rows if row not in self._rows_rejected]
        self.rejected += len(fresh)
        self._rows_rejected.update(fresh)

    def keep(self, rows: Sequence[int], column: str, value: Any, reason: str) -> None:
        """Notes what is wrong with rows that are loaded all the same."""
        self._note(rows, KEPT, column, value, reason)
        self.remarks += len(rows)

    def forget_rows(self) -> None:
        """A new batch begins: no more reasons will come for the rows so far."""
        self._rows_rejected.clear()

    def _note(self, rows: Sequence[int], outcome: str, column: str, value: Any, reason: str) -> None:
        if self._writer is None:
            self._file = self._open()
            self._writer = csv.writer(self._file)
            self._writer.writerow(HEADER)
        cells = (outcome, neutral(column), neutral(value), neutral(reason))
        self._writer.writerows((row, *cells) for row in rows)

    def _open(self) -> TextIOWrapper:
        self._folder.mkdir(parents=True, exist_ok=True)
        number = 0
        while True:
            number += 1
            path = self._folder / (f"{self._name}-{number}.csv" if number > 1 else f"{self._name}.csv")
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except FileExistsError:
                continue
            self.path = path
            return os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="")  # with the mark that Excel looks for


def neutral(value: Any) -> str:
    """The value as text that no spreadsheet runs as a formula, cut where it is long."""
    text = "" if value is None else str(value)
    text = text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
