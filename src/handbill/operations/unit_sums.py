"""The sums of every metric over every arm of a table, read in batches so that its size does not matter."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from handbill.errors import ImportRefused, Problem
from handbill.operations.unit_cells import Flaws, Floats, Places, empty_in, names_in, numbers_in
from handbill.operations.unit_clusters import ClusterReader, Clusters
from handbill.operations.unit_question import Metric, Question
from handbill.operations.unit_table import UnitTable
from handbill.statistics.grouping import joints, samples
from handbill.statistics.joint import Joint
from handbill.statistics.samples import Proportion, Sample

MOST_ARMS = 100
"""More different values than this, and the column is something else, such as the contact's id."""


@dataclass
class Sums:
    """What the first reading found: units by arm, sums of columns and ratios, and what a second reading needs.

    `products` are, by arm, the sums of products of 1, the covariates (with a flag for each that is not known) and
    the measured columns.
    """

    places: dict[str, int] = field(default_factory=dict)
    units: dict[str, int] = field(default_factory=dict)
    samples: dict[tuple[str, str], Sample] = field(default_factory=dict)
    joints: dict[tuple[str, str], Joint] = field(default_factory=dict)
    beyond_binary: set[str] = field(default_factory=set)
    products: dict[str, Floats] = field(default_factory=dict)
    clusters: Clusters | None = None

    def kind(self, metric: Metric) -> str:
        """What the metric is measured as, now that its cells are known."""
        return metric.kind or ("mean" if metric.name in self.beyond_binary else "proportion")

    def of(self, metric: Metric, arm: str) -> Proportion | Sample | Joint:
        """The metric's sums over the rows of an arm."""
        if metric.kind == "ratio":
            return self.joints.get((metric.name, arm), Joint())
        sample = self.samples.get((metric.name, arm), Sample())
        return Proportion(sample.buyers, of=sample.n) if self.kind(metric) == "proportion" else sample


def first_reading(table: UnitTable, question: Question) -> Sums:
    """One pass over all columns that the question needs.

    Raises:
        ImportRefused: cells that cannot be used, all named; a cluster in two arms; no rows.
    """
    sums, flaws = Sums(), Flaws()
    reader = ClusterReader(table, question.cluster) if question.cluster else None
    columns = dict.fromkeys((question.arm, question.cluster, *question.measured, *question.covariates))
    for batch in table.batches([column for column in columns if column]):
        places = _count_arms(table, sums, flaws, question.arm, batch.column(question.arm))
        if reader:
            cells = batch.column(question.cluster)
            flaws.note(question.cluster, reader.add(cells, places), cells)
        values = {column: _measured(sums, flaws, question, column, batch) for column in question.measured}
        _add(sums, question, places, values)
        if question.covariates:
            _multiply(sums, places, table_of(batch, question, values, flaws))
        flaws.rows += batch.num_rows
    flaws.refuse(table, question)
    if not flaws.rows:
        raise ImportRefused(
            Problem(str(table.path), what="the file has a header but no rows.", mend="Name a file with rows.")
        )
    if reader:
        sums.clusters = reader.clusters(question.cluster, question.arm, list(sums.places))
        sums.units = dict(zip(sums.places, map(int, sums.clusters.units(len(sums.places))), strict=True))
    return sums


def _count_arms(table: UnitTable, sums: Sums, flaws: Flaws, arm: str, cells: pa.Array) -> Places:
    """Adds a batch's rows to the units of each arm; answers the place of each row's arm, -1 for none."""
    mend = "Name the column that says which arm a row was in."
    try:
        local, names = names_in(cells)
    except pa.ArrowException:
        what = f'column "{arm}" does not hold names but {cells.type}.'
        raise ImportRefused(Problem(str(table.path), what=what, mend=mend)) from None
    flaws.note(arm, local < 0, cells)
    for name, count in zip(names, np.bincount(local[local >= 0], minlength=len(names)), strict=True):
        if name:
            sums.places.setdefault(name, len(sums.places))
            sums.units[name] = sums.units.get(name, 0) + int(count)
    if len(sums.units) > MOST_ARMS:
        what = f'column "{arm}" has more than {MOST_ARMS} different values.'
        raise ImportRefused(Problem(str(table.path), what=what, mend=mend))
    everywhere = np.array([sums.places.get(name, -1) for name in names] + [-1], dtype=np.int64)
    return everywhere[local]


def _measured(sums: Sums, flaws: Flaws, question: Question, column: str, batch: pa.RecordBatch) -> Floats:
    cells = batch.column(column)
    values, bad = numbers_in(cells)
    binary = (values == 0) | (values == 1)
    if not binary.all():
        sums.beyond_binary.add(column)
    as_proportion = any(metric.name == column and metric.kind == "proportion" for metric in question.metrics)
    flaws.note(column, bad | ~binary if as_proportion else bad, cells)
    return values


def _add(sums: Sums, question: Question, places: Places, values: Mapping[str, Floats]) -> None:
    kept = places >= 0
    place, length = places[kept], len(sums.places)
    for metric in question.metrics:
        of, per = (values[metric.columns[0]][kept], values[metric.columns[-1]][kept])
        if metric.kind == "ratio":
            for name, joint in zip(sums.places, joints(place, of, per, length), strict=True):
                sums.joints[metric.name, name] = sums.joints.get((metric.name, name), Joint()) + joint
        else:
            for name, sample in zip(sums.places, samples(place, of, length), strict=True):
                sums.samples[metric.name, name] = sums.samples.get((metric.name, name), Sample()) + sample


def table_of(batch: pa.RecordBatch, question: Question, values: Mapping[str, Floats], flaws: Flaws | None) -> Floats:
    """A row each for 1, the covariates (0 where not known), whether each is not known, and the measured columns."""
    known, unknown = [], []
    for column in question.covariates:
        cells = batch.column(column)
        numbers, bad = numbers_in(cells)
        empty = empty_in(cells)
        if flaws is not None:
            flaws.note(column, bad & ~empty, cells)
        known.append(numbers)
        unknown.append(empty.astype(np.float64))
    return np.stack([np.ones(batch.num_rows), *known, *unknown, *(values[column] for column in question.measured)])


def _multiply(sums: Sums, places: Places, table: Floats) -> None:
    for name, place in sums.places.items():
        rows = table[:, places == place]
        before = sums.products.get(name)
        sums.products[name] = rows @ rows.T if before is None else before + rows @ rows.T
