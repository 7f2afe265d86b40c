"""Rows of a JSON Lines file: one object a line, whose keys are the columns."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, NoReturn

from handbill.contacts.rows.batches import BATCH_ROWS, LONGEST_LINE, MOST_COLUMNS, Batch, Reject
from handbill.contacts.rows.signatures import refuse_what_is_no_text
from handbill.errors import ImportRefused, Problem

_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Unreadable:
    """A line that holds no object, and why."""

    line: str
    reason: str


class JsonLinesFile:
    """A JSON Lines file. Lines may have different keys, so it is read once to learn them all.

    Raises:
        ImportRefused: no line holds an object, there are too many keys, or a line is longer than 1 MB.
    """

    decimal_comma = False

    def __init__(self, path: Path) -> None:
        self._path = path
        refuse_what_is_no_text(path)
        names: dict[str, None] = {}
        for _, _, record in self._records():
            if isinstance(record, dict):
                names.update(dict.fromkeys(record))
            if len(names) > MOST_COLUMNS:
                what = f"the objects have more than {MOST_COLUMNS} different keys."
                raise ImportRefused(Problem(str(path), what=what, mend="Leave the others out."))
        if not names:
            raise ImportRefused(
                Problem(str(path), what="no line holds a JSON object.", mend="Write one object a line.")
            )
        self.columns = tuple(names)

    def batches(self, only: Collection[str], reject: Reject) -> Iterator[Batch]:
        """The rows with only these keys; null, an empty text and an absent key are missing."""
        size = max(self._path.stat().st_size, 1)
        records = self._records()
        while chunk := list(islice(records, BATCH_ROWS)):
            for number, _, record in chunk:
                if isinstance(record, Unreadable):
                    reject((number,), "", record.line, record.reason)
            fitting = [(number, record) for number, _, record in chunk if not isinstance(record, Unreadable)]
            columns = {name: [_present(record.get(name)) for _, record in fitting] for name in only}
            yield Batch([(number,) for number, _ in fitting], columns, min(1.0, chunk[-1][1] / size))

    def _records(self) -> Iterator[tuple[int, int, dict[str, Any] | Unreadable]]:
        """The number of each line, the bytes read so far, and its object or why it is none."""
        done = 0
        with self._path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE), b""), start=1):
                if len(line) == LONGEST_LINE:
                    what = f"the line is longer than {LONGEST_LINE:,} bytes."
                    raise ImportRefused(Problem(str(self._path), number, what=what, mend="Write one object a line."))
                done += len(line)
                text = line.removeprefix(_BOM) if number == 1 else line
                if text.strip():
                    yield number, done, _record(text)


def _record(line: bytes) -> dict[str, Any] | Unreadable:
    try:
        record = json.loads(line.decode(), parse_constant=_refuse_constant)
        if isinstance(record, dict):
            return record
        reason = "the line is no JSON object. Write one object a line."
    except UnicodeDecodeError:
        reason = "the line is not written in UTF-8. Save the file as UTF-8."
    except (ValueError, RecursionError):
        reason = "the line is not JSON. Write one object a line."
    return Unreadable(line.decode(errors="replace").strip(), reason)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _present(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip() or None
    return value
