"""The sums of a table's metrics over clusters, and of what is left of them once the covariates are taken out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from handbill.operations.unit_cells import Floats, Places, names_in, numbers_in
from handbill.operations.unit_question import Metric, Question
from handbill.operations.unit_sums import Sums, table_of
from handbill.operations.unit_table import UnitTable
from handbill.statistics.contrasts import Aggregate
from handbill.statistics.covariates import Regressed, own_slopes, slopes
from handbill.statistics.grouping import samples
from handbill.statistics.joint import Clustered, Joint
from handbill.statistics.samples import Proportion, Sample


def second_reading(table: UnitTable, question: Question, sums: Sums) -> dict[tuple[str, str], Aggregate]:
    """The sums of every metric by metric and arm: over clusters, with the covariates taken out, or both."""
    fit = _fit(question, sums)
    totals = _Totals(question, sums)
    for batch in table.batches([question.arm, *question.measured, *question.covariates]):
        places = _places_again(sums, batch.column(question.arm))
        values = {column: numbers_in(batch.column(column))[0] for column in question.measured}
        rest = _rest(question, fit, places, table_of(batch, question, values, None)) if fit else {}
        totals.add(places, values, rest)
    return totals.aggregates(own=fit.own if fit else None)


@dataclass(frozen=True)
class _Fit:
    """How each arm's covariates are taken out: slopes (a row a regressor, a column a measured column) and means."""

    slopes: Mapping[int, Floats]
    means: Floats
    own: bool


def _fit(question: Question, sums: Sums) -> _Fit | None:
    """One slope for all arms, or one for each where arms are unequal; means over all arms together."""
    if not question.covariates:
        return None
    regressors = 2 * len(question.covariates)
    all_arms = np.sum(list(sums.products.values()), axis=0)
    rows = {name: int(products[0, 0]) for name, products in sums.products.items()}
    own = own_slopes(list(rows.values()))
    pooled = slopes(all_arms, regressors)
    by_arm = {place: slopes(sums.products[name], regressors) if own else pooled for name, place in sums.places.items()}
    return _Fit(by_arm, all_arms[0, 1 : regressors + 1] / all_arms[0, 0], own)


def _places_again(sums: Sums, cells: pa.Array) -> Places:
    local, names = names_in(cells)
    return np.array([sums.places[name] for name in names], dtype=np.int64)[local]


def _rest(question: Question, fit: _Fit, places: Places, table: Floats) -> dict[str, Floats]:
    """Each measured column less what its row's covariates explain."""
    regressors = len(fit.means)
    centred = table[1 : regressors + 1] - fit.means[:, None]
    explained = np.empty((len(question.measured), table.shape[1]))
    for place, by in fit.slopes.items():
        rows = places == place
        explained[:, rows] = by.T @ centred[:, rows]
    return dict(zip(question.measured, table[regressors + 1 :] - explained, strict=True))


class _Totals:
    """Sums of rows by arm, or by cluster and then by arm."""

    def __init__(self, question: Question, sums: Sums) -> None:
        self._question, self._sums = question, sums
        self._names = list(sums.places)
        self._row = 0
        self._by_cluster: dict[tuple[str, bool], Floats] = {}
        self._rest: dict[tuple[str, str], Sample] = {}

    def add(self, places: Places, values: Mapping[str, Floats], rest: Mapping[str, Floats]) -> None:
        """The next rows: their columns, and what is left of them."""
        clusters = self._sums.clusters
        for adjusted, columns in ((False, values), (True, rest)):
            for column, numbers in columns.items():
                if clusters is not None:
                    self._add_up((column, adjusted), numbers)
                elif adjusted:
                    # Whoever has a value counts as a buyer by that value, not by what is left of it.
                    bought = values[column] != 0
                    for name, sample in zip(self._names, samples(places, numbers, len(self._names)), strict=True):
                        buyers = int(np.count_nonzero(bought & (places == self._sums.places[name])))
                        plain = Sample(sample.n, sample.total, sample.squares, sample.cubes, buyers)
                        self._rest[column, name] = self._rest.get((column, name), Sample()) + plain
        if clusters is not None:
            self._add_up(("", False), np.ones(len(places)))
            self._row += len(places)

    def _add_up(self, key: tuple[str, bool], numbers: Floats) -> None:
        clusters = self._sums.clusters
        if clusters is not None:
            sums = self._by_cluster.setdefault(key, np.zeros(len(clusters.arms)))
            np.add.at(sums, clusters.of_row[self._row : self._row + len(numbers)], numbers)

    def aggregates(self, *, own: bool | None) -> dict[tuple[str, str], Aggregate]:
        """The sums by metric and arm. `own` says how the covariates were fitted; None where there are none."""
        found: dict[tuple[str, str], Aggregate] = {}
        for metric in self._question.metrics:
            rates = self._sums.kind(metric) == "proportion"
            for place, name in enumerate(self._names):
                before: Aggregate = self._sums.of(metric, name)
                if self._sums.clusters is not None:
                    sums = self._joint(metric, place, adjusted=False)
                    before = sums if metric.kind == "ratio" else Clustered(sums, rates)
                found[metric.name, name] = before
                if own is not None and isinstance(before, (Proportion, Sample, Clustered)):
                    rest: Sample | Clustered = self._rest.get((metric.name, name), Sample())
                    if isinstance(before, Clustered):
                        rest = Clustered(self._joint(metric, place, adjusted=True), rates)
                    found[metric.name, name] = Regressed(before, rest, own)
        return found

    def _joint(self, metric: Metric, place: int, *, adjusted: bool) -> Joint:
        clusters = self._sums.clusters
        assert clusters is not None  # noqa: S101 - asked for only where there are clusters
        mine = clusters.arms == place
        y = self._by_cluster[metric.columns[0], adjusted][mine]
        x = self._by_cluster[metric.per if metric.kind == "ratio" else "", False][mine]
        return Joint.from_values(y, x)
