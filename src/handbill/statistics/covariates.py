"""Whether a metric differs once several things known before the assignment are taken out of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from handbill.statistics.cuped import CUPED, CUPED_SOURCE, LIN, LIN_SOURCE
from handbill.statistics.joint import Clustered
from handbill.statistics.means import FEWEST_BUYERS, LARGEST_SAFE_RATIO, SMALLEST_VARIANCE, compare_means, welch
from handbill.statistics.ratios import compare_ratios, delta
from handbill.statistics.samples import Comparison, Proportion, Sample

Floats = NDArray[np.float64]

FEWEST_CONVERTERS = 20
"""Of an arm, and of those who did not convert: with fewer, a rate is compared by its own tests, without covariates."""


@dataclass(frozen=True)
class Regressed:
    """A metric of an arm as it is, and what is left of it once the covariates are taken out.

    `own_slopes` says that each arm has slopes of its own.
    """

    plain: Proportion | Sample | Clustered
    rest: Sample | Clustered
    own_slopes: bool = False


def own_slopes(units: Sequence[int]) -> bool:
    """Whether each arm needs slopes of its own: where one is more than 1.5 times another."""
    drawn = [each for each in units if each]
    return len(drawn) > 1 and max(drawn) > LARGEST_SAFE_RATIO * min(drawn)


def slopes(sums: Floats, covariates: int) -> Floats:
    """How much each metric rises with each covariate, all at once (least squares): a row a covariate.

    `sums` are the sums of products of 1, the covariates and the metrics with each other, in this order. Covariates
    that do not vary, or only together with others, share what they explain.

    >>> ones, x, y = np.ones(3), np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])
    >>> table = np.stack([ones, x, y])
    >>> slopes(table @ table.T, 1).tolist()
    [[2.0]]
    """
    n = sums[0, 0]
    if n < 2:
        return np.zeros((covariates, len(sums) - 1 - covariates))
    among = sums[1:, 1:] - np.outer(sums[0, 1:], sums[0, 1:]) / n
    squares = np.diag(sums)[1 : covariates + 1]
    spread = np.diag(among)[:covariates]
    varies = spread > SMALLEST_VARIANCE * squares
    scale = np.sqrt(np.where(varies, spread, 1.0))
    inner = among[:covariates, :covariates] * np.outer(varies / scale, varies / scale)
    outer = among[:covariates, covariates:] * (varies / scale)[:, None]
    return np.asarray(np.linalg.lstsq(inner, outer, rcond=1e-10)[0] * (varies / scale)[:, None])


def compare_regressed(control: Regressed, treatment: Regressed, plain: Comparison) -> Comparison:
    """The difference with the covariates taken out; `plain` is the same comparison without them, and goes with it.

    One pooled slope for each covariate where the arms are of similar size, slopes for each arm otherwise. What is
    left of the metric then goes through `compare_means`, or `compare_ratios` where arms were drawn for groups.
    """
    if plain.difference is None or _too_few(control, treatment):
        few = f"With under {FEWEST_CONVERTERS} converters in an arm, covariates are not taken out."
        return replace(plain, reasons=(*plain.reasons, *((few,) if plain.difference is not None else ())))
    base, rest = control.rest, treatment.rest
    if isinstance(base, Sample) and isinstance(rest, Sample):
        fewest = 0 if isinstance(control.plain, Proportion) else FEWEST_BUYERS
        result = compare_means(base, rest, confidence=plain.confidence, fewest_buyers=fewest)
        after = welch(base, rest).standard_error if result.low is not None else None
    elif isinstance(base, Clustered) and isinstance(rest, Clustered):
        result = compare_ratios(base.groups, rest.groups, confidence=plain.confidence)
        after = delta(base.groups, rest.groups).standard_error if result.low is not None else None
    else:
        raise TypeError("the metric was summed over rows in one arm and over groups in the other")
    before = standard_error(control.plain, treatment.plain)
    name, source = (LIN, f"{CUPED_SOURCE}; {LIN_SOURCE}") if control.own_slopes else (CUPED, CUPED_SOURCE)
    return replace(
        result,
        method=f"{name}; {result.method}",
        source=f"{source}; {result.source}",
        unadjusted=plain,
        variance_reduction=1 - (after / before) ** 2 if after is not None and before else None,
    )


def standard_error(
    control: Proportion | Sample | Clustered, treatment: Proportion | Sample | Clustered
) -> float | None:
    """Of the difference, as it is; None where nothing varies or nothing is known about it."""
    if isinstance(control, Clustered) and isinstance(treatment, Clustered):
        known = compare_ratios(control.groups, treatment.groups).low is not None
        return delta(control.groups, treatment.groups).standard_error if known else None
    samples = [_as_sample(arm) for arm in (control, treatment)]
    known = compare_means(*samples).low is not None
    return welch(*samples).standard_error if known else None


def _as_sample(arm: Proportion | Sample | Clustered) -> Sample:
    if isinstance(arm, Sample):
        return arm
    if isinstance(arm, Proportion):
        return Sample(arm.of, arm.successes, arm.successes, arm.successes, arm.successes)
    raise TypeError("groups have no sample of single rows")


def _too_few(control: Regressed, treatment: Regressed) -> bool:
    rates = [arm.plain for arm in (control, treatment) if isinstance(arm.plain, Proportion)]
    return any(min(arm.successes, arm.of - arm.successes) < FEWEST_CONVERTERS for arm in rates)
