"""An experiment whose shares changed from wave to wave: compared within waves, where everybody had the same chance."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, func, select

from handbill.reports.families import families_of
from handbill.reports.registered import Registered
from handbill.statistics.multiplicity import holm
from handbill.statistics.results import Contrast, Gap, Results
from handbill.statistics.samples import Proportion
from handbill.statistics.strata import Stratum, compare_learned
from handbill.store.tables import assignment

ONLY_WITHIN_WAVES = "The arms' shares changed from wave to wave, so only {} are compared, within each wave."

Counts = dict[int, dict[str, Proportion]]
"""Units and those who did it, by run and by arm."""


def as_drawn(connection: Connection, registered: Registered) -> Registered:
    """The same experiment with the shares that its units were drawn by on average; the split is checked by them."""
    expected: dict[str, float] = dict.fromkeys((arm.name for arm in registered.arms), 0.0)
    sizes: dict[int, int] = {}
    shares: dict[int, dict[str, float]] = {}
    rows = connection.execute(
        select(assignment.c.run_id, assignment.c.arm, func.count(), func.max(assignment.c.propensity))
        .where(registered.units.chosen)
        .group_by(assignment.c.run_id, assignment.c.arm)
    )
    for run_id, arm, units, propensity in rows.tuples():
        sizes[run_id] = sizes.get(run_id, 0) + units
        shares.setdefault(run_id, {})[arm] = propensity
    for run_id, of_run in shares.items():
        for arm, share in of_run.items():
            expected[arm] += share * sizes[run_id]
    whole = sum(expected.values())
    if not whole:
        return registered
    return replace(registered, arms=tuple(replace(arm, share=expected[arm.name] / whole) for arm in registered.arms))


def within_waves(connection: Connection, registered: Registered, currency: str, results: Results) -> Results:
    """The results with the primary metric compared within waves; of the others nothing can be told from time."""
    counts = _by_run(connection, registered, currency)
    sizes = [sum(arm.of for arm in of_run.values()) for of_run in counts.values()]
    contrasts = [
        Contrast(registered.primary, "proportion", control, arm,
                 compare_learned(_strata(counts, arm, control), sizes, confidence=registered.confidence))
        for arm, control in registered.pairs
    ]  # fmt: skip
    adjusted = holm([one.result.p_value for one in contrasts])
    found = tuple(
        replace(one, result=replace(one.result, p_value_adjusted=p)) for one, p in zip(contrasts, adjusted, strict=True)
    )
    gaps = [Gap(ONLY_WITHIN_WAVES.format(registered.primary))]
    gaps += [Gap(reason, one.metric, one.arm) for one in contrasts for reason in one.result.reasons]
    return replace(results, comparisons=found, problems=(*gaps, *results.problems))


def _by_run(connection: Connection, registered: Registered, currency: str) -> Counts:
    found: Counts = {}
    units = (
        select(assignment.c.run_id, assignment.c.arm, func.count())
        .where(registered.units.chosen)
        .group_by(assignment.c.run_id, assignment.c.arm)
    )
    for run_id, arm, size in connection.execute(units).tuples():
        found.setdefault(run_id, {})[arm] = Proportion(0, of=size)
    answers = next((each for each in families_of(connection, registered, currency) if each.name == "answers"), None)
    if answers is None:
        return found
    rows = answers.rows.subquery()
    did = (
        select(assignment.c.run_id, rows.c.arm, func.count())
        .join(rows, rows.c.unit == assignment.c.id)
        .where(rows.c[registered.primary] > 0)
        .group_by(assignment.c.run_id, rows.c.arm)
    )
    for run_id, arm, reached in connection.execute(did).tuples():
        found[run_id][arm] = Proportion(reached, of=found[run_id][arm].of)
    return found


def _strata(counts: Counts, arm: str, control: str) -> Sequence[Stratum]:
    nobody = Proportion()
    return [Stratum(of_run.get(control, nobody), of_run.get(arm, nobody)) for of_run in counts.values()]
