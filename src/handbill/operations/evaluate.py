"""What the arms of an experiment say, from any table that has one row a unit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from handbill.errors import ImportRefused, Problem
from handbill.operations.unit_table import UnitTable, open_table
from handbill.statistics.results import Arm, Contrast, Results, as_json, compare_arms, kind_of, mean_of
from handbill.statistics.samples import Proportion, Sample

__all__ = ["Arm", "Contrast", "Results", "as_json", "evaluate_table", "kind_of", "mean_of"]

MOST_ARMS = 100
"""More different values than this, and the column is something else, such as the contact's id."""

LARGEST_NUMBER = 1e60
"""The sums of cubes of larger numbers would leave the range of floats."""

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
USUAL_CONTROLS = ("control", "holdout")


@dataclass(frozen=True)
class Metric:
    """A column that is measured, and as what: "proportion", "mean", or "" to find out."""

    column: str
    kind: str = ""


@dataclass
class _BadCells:
    """The first cell of a column that cannot be used, and how many there are."""

    row: int
    text: str
    count: int


@dataclass
class _Sums:
    """What has been read so far."""

    rows: int = 0
    units: dict[str, int] = field(default_factory=dict)
    samples: dict[str, dict[str, Sample]] = field(default_factory=dict)
    beyond_binary: set[str] = field(default_factory=set)
    bad: dict[str, _BadCells] = field(default_factory=dict)


def evaluate_table(
    path: Path,
    arm: str,
    control: str | None = None,
    metrics: Sequence[str] = (),
    *,
    shares: Mapping[str, float] | None = None,
    confidence: float = 0.95,
) -> Results:
    """Compare the arms named in column `arm` with the `control` arm, in every metric.

    A metric is a column's name, which is a proportion if it holds only 0 and 1 and else a mean, or
    `column:proportion` or `column:mean`. Without a `control` an arm called "control" or "holdout" is taken.
    `shares` are the declared shares by arm, adding up to 1; equal ones unless given.

    Raises:
        ImportRefused: the file, a column, a cell, the control or a share is not as it must be; all are named.
    """
    table = open_table(path)
    wanted = _metrics(table, arm, metrics)
    sums = _read(table, arm, wanted)
    names = _arm_names(table, arm, control, sums.units)
    declared = _shares(table, names, shares)
    arms = [
        Arm(name, sums.units.get(name, 0), {metric.column: _aggregate(sums, metric, name) for metric in wanted})
        for name in names + [extra for extra in declared or () if extra not in names]
    ]
    return compare_arms(arms, names[0], shares=declared, confidence=confidence)


def _metrics(table: UnitTable, arm: str, names: Sequence[str]) -> list[Metric]:
    """The metrics asked for; complains about all columns that are not there."""
    metrics, problems = [], _missing(table, [arm])
    for name in names:
        column, _, kind = name.rpartition(":")
        if name in table.columns or not column:
            metrics.append(Metric(name))
        elif kind in ("proportion", "mean"):
            metrics.append(Metric(column, kind))
        else:
            what = f'"{name}": a metric cannot be measured as "{kind}".'
            problems.append(Problem(str(table.path), what=what, mend=f"Use {column}:proportion or {column}:mean."))
    columns = [metric.column for metric in metrics]
    problems += _missing(table, columns)
    for column in dict.fromkeys(columns):
        if column == arm:
            problems.append(_problem(table, f'column "{column}" is the arm.', "Name another column as the metric."))
        elif columns.count(column) > 1:
            problems.append(_problem(table, f'metric "{column}" is named twice.', "Name it once."))
    if problems:
        raise ImportRefused(*problems)
    return metrics


def _missing(table: UnitTable, columns: Sequence[str]) -> list[Problem]:
    return [
        _problem(table, f'there is no column "{column}".', _suggest(column, table.columns, "The columns are"))
        for column in dict.fromkeys(columns)
        if column not in table.columns
    ]


def _read(table: UnitTable, arm: str, metrics: Sequence[Metric]) -> _Sums:
    """One pass over the table; complains about all columns with cells that cannot be used."""
    sums = _Sums()
    for batch in table.batches([arm, *(metric.column for metric in metrics)]):
        places, names = _count_arms(table, sums, arm, batch.column(arm))
        for metric in metrics:
            cells = batch.column(metric.column)
            values, bad = numbers_in(cells)
            binary = (values == 0) | (values == 1)
            if not binary.all():
                sums.beyond_binary.add(metric.column)
            _note_bad(sums, metric.column, bad | ~binary if metric.kind == "proportion" else bad, cells)
            _add(sums.samples.setdefault(metric.column, {}), names, places, values)
        sums.rows += batch.num_rows
    if sums.bad:
        in_order = sorted(sums.bad, key=lambda column: sums.bad[column].row)
        raise ImportRefused(*(_bad_cells(table, sums, arm, metrics, column) for column in in_order))
    if not sums.rows:
        raise ImportRefused(_problem(table, "the file has a header but no rows.", "Name a file with rows."))
    return sums


def _count_arms(table: UnitTable, sums: _Sums, arm: str, cells: pa.Array) -> tuple[NDArray[np.int64], list[str]]:
    """Adds a batch's rows to the units of each arm; answers `_arms_of` the batch."""
    mend = "Name the column that says which arm a row was in."
    try:
        places, names = _arms_of(cells)
    except pa.ArrowException:
        what = f'column "{arm}" does not hold names but {cells.type}.'
        raise ImportRefused(_problem(table, what, mend)) from None
    _note_bad(sums, arm, places < 0, cells)
    for name, count in zip(names, np.bincount(places[places >= 0], minlength=len(names)), strict=True):
        sums.units[name] = sums.units.get(name, 0) + int(count)
    if len(sums.units) > MOST_ARMS:
        raise ImportRefused(_problem(table, f'column "{arm}" has more than {MOST_ARMS} different values.', mend))
    return places, names


def _arms_of(column: pa.Array) -> tuple[NDArray[np.int64], list[str]]:
    """For each row the place of its arm in the list of names, -1 where there is none."""
    encoded = pc.cast(_plain(column), pa.string()).dictionary_encode()
    names = encoded.dictionary.to_pylist()
    places = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    if "" in names:
        places[places == names.index("")] = -1
    return places, names


def numbers_in(column: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """A column as floats, 0 where a cell is no finite number, and which cells those are."""
    plain = _plain(column)
    if pa.types.is_string(plain.type) or pa.types.is_large_string(plain.type):
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


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _add(
    samples: dict[str, Sample], names: Sequence[str], places: NDArray[np.int64], values: NDArray[np.float64]
) -> None:
    kept = places >= 0
    place, x = places[kept], values[kept]
    counts = np.bincount(place, minlength=len(names))
    powers = [np.bincount(place, weights=weights, minlength=len(names)) for weights in (x, x * x, x * x * x, x != 0)]
    for at, name in enumerate(names):
        total, squares, cubes, buyers = (float(sums[at]) for sums in powers)
        samples[name] = samples.get(name, Sample()) + Sample(int(counts[at]), total, squares, cubes, int(buyers))


def _aggregate(sums: _Sums, metric: Metric, arm: str) -> Proportion | Sample:
    sample = sums.samples[metric.column].get(arm, Sample())
    if metric.kind == "mean" or metric.column in sums.beyond_binary:
        return sample
    return Proportion(sample.buyers, of=sample.n)


def _note_bad(sums: _Sums, column: str, bad: NDArray[np.bool_], cells: pa.Array) -> None:
    rows = np.flatnonzero(bad)
    if not rows.size:
        return
    if column in sums.bad:
        sums.bad[column].count += rows.size
    else:
        cell = cells[int(rows[0])].as_py()
        sums.bad[column] = _BadCells(sums.rows + int(rows[0]), "" if cell is None else str(cell).strip(), rows.size)


def _bad_cells(table: UnitTable, sums: _Sums, arm: str, metrics: Sequence[Metric], column: str) -> Problem:
    bad = sums.bad[column]
    what = f'{column} is "{bad.text}"' if bad.text else f"{column} is empty"
    mend = "Leave the row out."
    if column != arm:
        proportion = Metric(column, "proportion") in metrics
        what += ", not 0 or 1" if proportion else ", not a number" if bad.text else ""
        mend = "Write 0 where nothing happened, or leave the row out."
    if bad.count > 1:
        what += f" (the first of {bad.count:,} such rows)"
    if bad.count == sums.rows:
        mend = "Name another column."
    return table.problem(bad.row, f"{what}.", mend)


def _arm_names(table: UnitTable, arm: str, control: str | None, units: Mapping[str, int]) -> list[str]:
    """The arms, the control first; complains where there is nothing to compare."""
    names = sorted(name for name, count in units.items() if count)
    if control is None:
        usual = [name for name in names if name.casefold() in USUAL_CONTROLS]
        if len(usual) != 1:
            listed = _listed(names)
            raise ImportRefused(
                _problem(table, "it is not said which arm is the control.", f"--control is one of {listed}.")
            )
        control = usual[0]
    if control not in names:
        mend = _suggest(control, names, "The arms are")
        raise ImportRefused(_problem(table, f'no row has "{control}" in column "{arm}".', mend))
    if len(names) == 1:
        what = f'every row has "{control}" in column "{arm}".'
        raise ImportRefused(_problem(table, what, "A comparison needs a second arm."))
    return [control, *(name for name in names if name != control)]


def _shares(table: UnitTable, names: Sequence[str], shares: Mapping[str, float] | None) -> dict[str, float] | None:
    """The declared shares; complains unless every arm has one and they add up."""
    if not shares:
        return None
    problems = [
        _problem(table, f'the share of "{name}" is {share:g}.', "Give a share from 0 to 1.")
        for name, share in shares.items()
        if not 0 <= share <= 1
    ]
    problems += [
        _problem(table, f'arm "{name}" has no share.', f'Add --share "{name}=…".')
        for name in names
        if name not in shares
    ]
    total = sum(shares.values())
    if not problems and abs(total - 1) > 0.01:
        problems = [_problem(table, f"the shares add up to {total:g}.", "Make them add up to 1.")]
    if problems:
        raise ImportRefused(*problems)
    return dict(shares)


def _problem(table: UnitTable, what: str, mend: str) -> Problem:
    return Problem(str(table.path), what=what, mend=mend)


def _suggest(wrong: str, known: Sequence[str], introduction: str) -> str:
    close = get_close_matches(wrong, known, n=1)
    hint = f' Did you mean "{close[0]}"?' if close else ""
    return f"{introduction} {_listed(known)}.{hint}"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")
