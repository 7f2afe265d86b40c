"""What finished experiments showed, kept so that later ones need not begin from nothing."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, insert

from handbill.planning.earlier_experiments import earlier_effects
from handbill.reports.believed import is_believed
from handbill.reports.money import contrast_of
from handbill.reports.registered import Registered
from handbill.reports.wording import Range
from handbill.statistics.contrasts import Aggregate, error_of
from handbill.statistics.heterogeneity import Effect
from handbill.statistics.priors import FEWEST, prior_of, without_winners_curse
from handbill.statistics.results import Contrast, Results, mean_of
from handbill.store.tables import experiment_result


@dataclass(frozen=True)
class Remembered:
    """An effect of the primary metric in the light of `experiments` earlier ones of this sort."""

    arm: str
    control: str
    effect: Range
    usual: float
    experiments: int


def remember(connection: Connection, registered: Registered, results: Results, now: datetime) -> None:
    """Keeps the comparisons of the registered metrics, in place of what was kept of this experiment before."""
    kept = experiment_result.c.experiment_id == registered.experiment_id
    connection.execute(delete(experiment_result).where(kept))
    means = {(arm.name, metric): mean_of(sums) for arm in results.arms for metric, sums in arm.metrics.items()}
    rows = []
    for one in results.comparisons:
        error, difference = _error(results, one), _difference(registered, results, one)
        if one.metric in (registered.primary, *registered.secondary) and difference is not None and error:
            rows.append(
                {
                    "experiment_id": registered.experiment_id,
                    "metric": one.metric,
                    "arm": one.arm,
                    "control": one.control,
                    "channels": "+".join(sorted(registered.arm(one.arm).channels)),
                    "against": "+".join(sorted(registered.arm(one.control).channels)),
                    "is_primary": one.metric == registered.primary,
                    "difference": difference,
                    "standard_error": error,
                    "control_mean": means.get((one.control, one.metric)),
                    "p_value_adjusted": one.result.p_value_adjusted,
                    "within_seconds": int(registered.within.total_seconds()),
                    "kept_at": now,
                }
            )
    if rows:
        connection.execute(insert(experiment_result), rows)


def in_their_light(connection: Connection, registered: Registered, results: Results) -> tuple[Remembered, ...]:
    """The deciding comparisons without the winner's curse, where there are enough earlier experiments."""
    found = []
    for arm, control in registered.deciding:
        contrast = contrast_of(results, registered.primary, arm, control)
        channels, against = ("+".join(sorted(registered.arm(name).channels)) for name in (arm, control))
        earlier = earlier_effects(connection, registered.primary, channels, against, besides=registered.experiment_id)
        if contrast is None or len(earlier) < FEWEST:
            continue
        error, difference = _error(results, contrast), _difference(registered, results, contrast)
        if error and difference is not None:
            prior = prior_of(earlier)
            seen = Effect(difference, error)
            effect = Range(*without_winners_curse(seen, prior, confidence=registered.confidence))
            found.append(Remembered(arm, control, effect, prior[0], len(earlier)))
    return tuple(found)


def _difference(registered: Registered, results: Results, one: Contrast) -> float | None:
    """What was seen. A posterior's difference holds a prior as well, which would count twice."""
    if not is_believed(registered, one.metric):
        return one.result.difference
    control, arm = (mean_of(_sums(results, one.metric)[name]) for name in (one.control, one.arm))
    return None if control is None or arm is None else arm - control


def _error(results: Results, one: Contrast) -> float | None:
    """Of the comparison by itself: the intervals of several may be wider, to hold together."""
    sums = _sums(results, one.metric)
    return error_of(sums[one.control], sums[one.arm])


def _sums(results: Results, metric: str) -> dict[str, Aggregate]:
    return {arm.name: arm.metrics[metric] for arm in results.arms if metric in arm.metrics}
