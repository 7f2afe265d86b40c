"""Which rows were not loaded, or not as they stood, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

REJECTED, KEPT = "rejected", "kept"
MOST_REASONS = 5


@dataclass
class Reason:
    """Why rows were rejected: the column, the sentence, the first row, and how many rows."""

    column: str
    text: str
    first_row: int
    rows: int = 0


@dataclass(frozen=True)
class Note:
    """What is wrong with one row: `outcome` is REJECTED or KEPT."""

    row: int
    outcome: str
    column: str
    value: Any
    reason: str


class Quarantine:
    """Collects rows in memory, for a few of them; see `QuarantineFile` for files of millions."""

    def __init__(self) -> None:
        self.rejected = 0
        self.remarks = 0
        self.notes: list[Note] = []
        self._rows_rejected = bytearray()  # a bit a row
        self._reasons: dict[tuple[str, str], Reason] = {}

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The first few different reasons."""
        return tuple(self._reasons.values())

    def reject(self, rows: Sequence[int], column: str, value: Any, reason: str) -> None:
        """Notes why rows are not loaded. A row may have several reasons, and is counted once."""
        self._note(rows, REJECTED, column, value, reason)
        key = (column, reason)
        if key in self._reasons or len(self._reasons) < MOST_REASONS:
            self._reasons.setdefault(key, Reason(column, reason, rows[0])).rows += len(rows)
        for row in rows:
            if not self.has_rejected(row):
                self.rejected += 1
                self._remember(row)

    def keep(self, rows: Sequence[int], column: str, value: Any, reason: str) -> None:
        """Notes what is wrong with rows that are loaded all the same."""
        self._note(rows, KEPT, column, value, reason)
        self.remarks += len(rows)

    def has_rejected(self, row: int) -> bool:
        """Whether a row was rejected."""
        place, bit = divmod(row, 8)
        return place < len(self._rows_rejected) and bool(self._rows_rejected[place] >> bit & 1)

    def _remember(self, row: int) -> None:
        place, bit = divmod(row, 8)
        if place >= len(self._rows_rejected):
            self._rows_rejected.extend(bytes(place + 1 - len(self._rows_rejected) + (1 << 12)))
        self._rows_rejected[place] |= 1 << bit

    def _note(self, rows: Sequence[int], outcome: str, column: str, value: Any, reason: str) -> None:
        self.notes += (Note(row, outcome, column, value, reason) for row in rows)
