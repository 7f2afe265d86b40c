"""Which rows of a file were not loaded, and why: a CSV file that people open in a spreadsheet.

The rejected rows themselves stand in a second file, as they came.
"""

import csv
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from handbill.contacts.rows.batches import Source
from handbill.contacts.rows.json_file import JsonLinesFile
from handbill.contacts.rows.quarantine import Quarantine
from handbill.contacts.rows.query import Query
from handbill.contacts.rows.rejected import copy_rows

HEADER = ("row", "outcome", "column", "value", "reason")
_LONGEST_VALUE = 200
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class QuarantineFile(Quarantine):
    """Collects rows in a file of its own, made at the first of them and readable by its owner only.

    An exception removes the file again: nothing was loaded then, and the message says why.
    """

    def __init__(self, folder: Path, source: Path | Query, kind: str, now: datetime) -> None:
        super().__init__()
        self.path: Path | None = None
        self.rows_path: Path | None = None
        self._folder = folder
        self._name = f"{kind}-{re.sub(r'[^A-Za-z0-9]+', '-', source.stem)[:60]}-{now:%Y%m%dT%H%M%SZ}"
        self._file: TextIOWrapper | None = None
        self._writer: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file:
            self._file.close()
        if kind:
            for path in filter(None, (self.path, self.rows_path)):
                path.unlink()
            self.path = self.rows_path = None

    def keep_rows(self, file: Source) -> None:
        """Copies the rejected rows as they stand in the file, to be mended and imported again."""
        if self.path and self.rejected:
            with self._made(f"{self.path.stem}-rows", ".jsonl" if isinstance(file, JsonLinesFile) else ".csv") as copy:
                self.rows_path = Path(copy.name)
                copy_rows(file, self.has_rejected, copy)

    def _note(self, rows: Sequence[int], outcome: str, column: str, value: Any, reason: str) -> None:
        if self._writer is None:
            self._file = self._made(self._name, ".csv")
            self.path = Path(self._file.name)
            self._writer = csv.writer(self._file)
            self._writer.writerow(HEADER)
        shown = "" if not column and isinstance(value, list) else value  # a whole row stands in the other file
        cells = (outcome, neutral(column), neutral(shown), neutral(reason))
        self._writer.writerows((row, *cells) for row in rows)

    def _made(self, name: str, ending: str) -> TextIOWrapper:
        """A new file for its owner only, under this name or the next that is free."""
        self._folder.mkdir(parents=True, exist_ok=True)
        number = 0
        while True:
            number += 1
            path = self._folder / (f"{name}-{number}{ending}" if number > 1 else f"{name}{ending}")
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                # With the mark that Excel looks for; JSON has none.
                return path.open("w", encoding="utf-8" if ending == ".jsonl" else "utf-8-sig", newline="")


def neutral(value: Any) -> str:
    """The value as text that no spreadsheet runs as a formula, cut where it is long."""
    text = "" if value is None else str(value)
    text = text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
