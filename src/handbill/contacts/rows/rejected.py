"""The rows of a file that were rejected, as they stand in it, in a file that can be mended and imported."""

import csv
import json
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, TextIO

from handbill.contacts.rows.batches import Source
from handbill.contacts.rows.json_file import JsonLinesFile


def copy_rows(file: Source, wanted: Callable[[int], bool], copy: TextIO) -> None:
    """Writes the wanted rows with every column, in the file's order: JSON Lines as such, anything else as CSV.

    Values stay exact, so none is made harmless for spreadsheets.
    """
    as_json = isinstance(file, JsonLinesFile)
    writer = csv.writer(copy)
    if not as_json:
        writer.writerow(file.columns)
    odd: list[Any] = []

    def take(_rows: Sequence[int], _column: str, value: Any, _reason: str) -> None:
        odd.append(value)

    for batch in file.batches(file.columns, take):
        for at, rows in enumerate(batch.rows):
            if any(map(wanted, rows)):
                values = {name: column[at] for name, column in batch.columns.items()}
                if as_json:
                    copy.write(
                        json.dumps({k: v for k, v in values.items() if v is not None}, ensure_ascii=False) + "\n"
                    )
                else:
                    writer.writerow(map(_cell, values.values()))
        for value in odd:
            if as_json:
                copy.write(f"{value}\n")
            else:
                writer.writerow(value)
        odd.clear()


def _cell(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, date) else value
