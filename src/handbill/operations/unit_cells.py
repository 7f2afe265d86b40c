"""What the cells of a table say as numbers and names, and which of them cannot be used."""

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from handbill.errors import ImportRefused, Problem
from handbill.operations.unit_question import Question
from handbill.operations.unit_table import UnitTable

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int64]

LARGEST_NUMBER = 1e60
"""The sums of cubes of larger numbers would leave the range of floats."""

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass
class BadCells:
    """The first cell of a column that cannot be used, and how many there are."""

    row: int
    text: str
    count: int


@dataclass
class Flaws:
    """Bad cells by column, of all the rows that were read so far."""

    rows: int = 0
    bad: dict[str, BadCells] = field(default_factory=dict)

    def note(self, column: str, bad: Flags, cells: pa.Array) -> None:
        """Takes down which cells of the batch that is being read cannot be used."""
        rows = np.flatnonzero(bad)
        if not rows.size:
            return
        if column in self.bad:
            self.bad[column].count += rows.size
        else:
            cell = cells[int(rows[0])].as_py()
            text = "" if cell is None else str(cell).strip()
            self.bad[column] = BadCells(self.rows + int(rows[0]), text, rows.size)

    def refuse(self, table: UnitTable, question: Question) -> None:
        """Complains about all columns with bad cells, if there are any.

        Raises:
            ImportRefused: there are.
        """
        if self.bad:
            in_order = sorted(self.bad, key=lambda column: self.bad[column].row)
            raise ImportRefused(*(self._problem(table, question, column) for column in in_order))

    def _problem(self, table: UnitTable, question: Question, column: str) -> Problem:
        bad = self.bad[column]
        what = f'{column} is "{bad.text}"' if bad.text else f"{column} is empty"
        mend = "Leave the row out."
        if column in question.covariates:
            what, mend = f"{what}, not a number", "Leave the cell empty where nothing is known."
        elif column not in (question.arm, question.cluster):
            proportion = any(metric.name == column and metric.kind == "proportion" for metric in question.metrics)
            what += ", not 0 or 1" if proportion else ", not a number" if bad.text else ""
            mend = "Write 0 where nothing happened, or leave the row out."
        if bad.count > 1:
            what += f" (the first of {bad.count:,} such rows)"
        if bad.count == self.rows:
            mend = "Name another column."
        return table.problem(bad.row, f"{what}.", mend)


def names_in(column: pa.Array) -> tuple[Places, list[str]]:
    """For each row the place of its name in the list of names, -1 where there is none.

    Raises:
        pyarrow.ArrowException: the cells are no names.
    """
    encoded = pc.cast(_plain(column), pa.string()).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    if "" in names:
        places[places == names.index("")] = -1
    return places, names


def numbers_in(column: pa.Array) -> tuple[Floats, Flags]:
    """A column as floats, 0 where a cell is no finite number, and which cells those are."""
    plain = _plain(column)
    if _is_text(plain):
        text = pc.utf8_trim_whitespace(plain)
        for word, digit in (("true", "1"), ("false", "0")):
            text = pc.if_else(pc.equal(pc.utf8_lower(text), word), digit, text)
        plain = pc.cast(pc.if_else(pc.match_substring_regex(text, NUMBER), text, None), pa.float64())
    elif pa.types.is_boolean(plain.type):
        plain = pc.cast(plain, pa.int8())
    elif not (pa.types.is_integer(plain.type) or pa.types.is_floating(plain.type) or pa.types.is_decimal(plain.type)):
        plain = pa.nulls(len(plain), pa.float64())
    values = pc.cast(plain, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    bad = ~(np.abs(values) <= LARGEST_NUMBER)
    return np.where(bad, 0.0, values), bad


def empty_in(column: pa.Array) -> Flags:
    """Which cells are empty: null, not a number, or blank text."""
    plain = _plain(column)
    if _is_text(plain):
        empty = pc.equal(pc.utf8_trim_whitespace(plain), "")
    elif pa.types.is_floating(plain.type):
        empty = pc.is_nan(plain)
    else:
        empty = pc.is_null(plain)
    return np.asarray(empty.fill_null(True).to_numpy(zero_copy_only=False), dtype=np.bool_)


def _is_text(column: pa.Array) -> bool:
    return bool(pa.types.is_string(column.type) or pa.types.is_large_string(column.type))


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
