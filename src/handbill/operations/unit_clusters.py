"""Which rows of a table belong together, and that all rows of a group are in one arm."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from handbill.errors import ImportRefused
from handbill.operations.unit_table import UnitTable


@dataclass(frozen=True)
class Clusters:
    """Each row's cluster as a number from 0, and each cluster's arm as its place."""

    of_row: NDArray[np.int32]
    arms: NDArray[np.int16]

    def units(self, arms: int) -> NDArray[np.int64]:
        """How many clusters each arm has."""
        return np.bincount(self.arms, minlength=arms)


class ClusterReader:
    """Takes the cluster column batch by batch: four bytes a row stay, and each cluster's name once."""

    def __init__(self, table: UnitTable, column: str) -> None:
        self._table = table
        self._column = column
        self._encoded: list[pa.DictionaryArray] = []
        self._arms: list[NDArray[np.int16]] = []

    def add(self, cells: pa.Array, arms: NDArray[np.int64]) -> NDArray[np.bool_]:
        """The clusters of the next rows, and the places of their arms; answers which cells are empty."""
        plain = cells.dictionary_decode() if pa.types.is_dictionary(cells.type) else cells
        try:
            text = pc.cast(plain, pa.string()) if not pa.types.is_integer(plain.type) else plain
        except pa.ArrowException:
            what = f'column "{self._column}" does not hold names but {plain.type}.'
            raise ImportRefused(
                self._table.problem(0, what, "Name the column that says which rows belong together.")
            ) from None
        self._encoded.append(text.dictionary_encode())
        self._arms.append(arms.astype(np.int16))
        empty = pc.is_null(text) if pa.types.is_integer(text.type) else pc.equal(pc.fill_null(text, ""), "")
        return np.asarray(empty.to_numpy(zero_copy_only=False), dtype=np.bool_)

    def clusters(self, column: str, arm: str, names: list[str]) -> Clusters:
        """All rows' clusters.

        Raises:
            ImportRefused: rows of one cluster are in different arms.
        """
        chunks = pa.chunked_array(self._encoded).unify_dictionaries().chunks
        of_row = np.concatenate([chunk.indices.to_numpy(zero_copy_only=False).astype(np.int32) for chunk in chunks])
        arms = np.concatenate(self._arms)
        first = np.full(len(chunks[0].dictionary), -1, dtype=np.int16)
        first[of_row[::-1]] = arms[::-1]
        strays = np.flatnonzero(first[of_row] != arms)
        if strays.size:
            row = int(strays[0])
            name = chunks[0].dictionary[int(of_row[row])].as_py()
            pair = f'both "{names[first[of_row[row]]]}" and "{names[arms[row]]}"'
            more = f" (the first of {strays.size:,} such rows)" if strays.size > 1 else ""
            what = f'{column} "{name}" has {pair} as {arm}{more}.'
            mend = "All rows of a cluster must be in the arm that was drawn for it."
            raise ImportRefused(self._table.problem(row, what, mend))
        return Clusters(of_row, first)
