"""What the arms of an experiment say, from any table that has one row a unit."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from handbill.errors import ImportRefused, Problem
from handbill.operations.unit_question import ask, listed, suggest
from handbill.operations.unit_rest import second_reading
from handbill.operations.unit_sums import first_reading
from handbill.operations.unit_table import UnitTable, open_table
from handbill.statistics.contrasts import METHODS, Method
from handbill.statistics.results import Arm, Contrast, Gap, Results, as_json, compare_arms, kind_of, mean_of

__all__ = ["METHODS", "Arm", "Contrast", "Results", "as_json", "evaluate_table", "kind_of", "mean_of"]

USUAL_CONTROLS = ("control", "holdout")
AS_IT_IS = "Covariates are not taken out of a ratio: this is the comparison without them."


def evaluate_table(  # noqa: PLR0913 - each is an option of the command
    path: Path,
    arm: str,
    control: str | None = None,
    metrics: Sequence[str] = (),
    *,
    cluster: str | None = None,
    covariates: Sequence[str] = (),
    shares: Mapping[str, float] | None = None,
    method: Method | None = None,
    confidence: float = 0.95,
) -> Results:
    """Compare the arms named in column `arm` with the `control` arm, in every metric.

    A metric is a column's name, which is a proportion if it holds only 0 and 1 and else a mean; `column:proportion`
    or `column:mean`; or `name:ratio=numerator/denominator`, the ratio of two columns' sums. Without a `control` an
    arm called "control" or "holdout" is taken. `shares` are the declared shares by arm, adding up to 1; equal ones
    unless given. Rows with the same value in column `cluster` were drawn together, and so a cluster is a unit.
    `covariates` are columns of what was known before the draw, empty where it was not; they are taken out of
    proportions and means, and left in ratios, which is said.

    Raises:
        ImportRefused: the file, a column, a cell, the control or a share is not as it must be; all are named.
    """
    table = open_table(path)
    question = ask(table, arm, metrics, cluster=cluster, covariates=covariates)
    sums = first_reading(table, question)
    names = _arm_names(table, arm, control, sums.units)
    declared = _shares(table, names, shares)
    found = second_reading(table, question, sums) if cluster or covariates else {}
    arms = [
        Arm(
            name,
            sums.units.get(name, 0),
            {each.name: found.get((each.name, name)) or sums.of(each, name) for each in question.metrics},
        )
        for name in names + [extra for extra in declared or () if extra not in names]
    ]
    results = compare_arms(arms, names[0], shares=declared, confidence=confidence, method=method)
    plain = [Gap(AS_IT_IS, each.name) for each in question.metrics if covariates and each.kind == "ratio"]
    return replace(results, problems=(*results.problems, *plain))


def _arm_names(table: UnitTable, arm: str, control: str | None, units: Mapping[str, int]) -> list[str]:
    """The arms, the control first; complains where there is nothing to compare."""
    names = sorted(name for name, count in units.items() if count)
    if control is None:
        usual = [name for name in names if name.casefold() in USUAL_CONTROLS]
        if len(usual) != 1:
            mend = f"--control is one of {listed(names)}."
            raise ImportRefused(_problem(table, "it is not said which arm is the control.", mend))
        control = usual[0]
    if control not in names:
        mend = suggest(control, names, "The arms are")
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
