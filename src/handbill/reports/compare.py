"""Every comparison of an experiment: each arm with the control, and the pairs declared beside."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from handbill.reports.maturity import Maturity
from handbill.reports.measure import Measured
from handbill.reports.metrics import MESSAGES
from handbill.reports.registered import Registered
from handbill.statistics.contrasts import Aggregate, compare_aggregates
from handbill.statistics.means import variance_of_mean
from handbill.statistics.multiplicity import benjamini_hochberg, holm
from handbill.statistics.results import Arm, Contrast, Gap, Results, compare_arms
from handbill.statistics.samples import Proportion, Sample
from handbill.statistics.simultaneous import SOURCE as DUNNETT
from handbill.statistics.simultaneous import adjust_together, confidence_of_each

FALSE_SHARE = 0.10
"""Of the claims about secondary metrics and segments this share may be false (Benjamini and Hochberg)."""


def compare(registered: Registered, measured: Measured) -> Results:
    """All comparisons. Those of the primary metric hold together, intervals and p-values alike (Dunnett).

    p-values of secondary metrics keep the share of false claims (Benjamini and Hochberg), those of metrics that
    nobody registered as well, by themselves.
    """
    shares = {arm.name: arm.share for arm in registered.arms}
    base = compare_arms(measured.arms, registered.control, shares=shares, confidence=registered.confidence)
    by_name = {arm.name: arm for arm in measured.arms}
    beside = [
        _pair(by_name[arm], by_name[control], registered.confidence)
        for arm, control in registered.pairs
        if control != registered.control
    ]
    contrasts = [*base.comparisons, *(one for pair in beside for one in pair.comparisons)]
    gaps = [*measured.gaps, *(gap for results in (base, *beside) for gap in results.problems)]
    kept = dict.fromkeys(gap for gap in gaps if not _expected(gap, registered))
    adjusted = _adjusted(registered, by_name, contrasts)
    return Results(base.arms, base.balance, tuple(adjusted), (*kept, *_silent_arms(registered)))


def immature(registered: Registered, maturity: Maturity) -> Results:
    """The arms with their sizes, whether they were split as declared, and why nothing is compared."""
    arms = tuple(Arm(arm.name, maturity.by_arm.get(arm.name, 0), {}) for arm in registered.arms)
    shares = {arm.name: arm.share for arm in registered.arms}
    results = compare_arms(arms, registered.control, shares=shares, confidence=registered.confidence)
    early = Gap("Not every window has closed, or the orders up to then are not known: there is no result yet.")
    return replace(results, problems=(*results.problems, early))


def _pair(arm: Arm, control: Arm, confidence: float) -> Results:
    results = compare_arms([control, arm], control.name, confidence=confidence)
    # Their balance is part of the whole split's, which is checked once.
    return replace(results, problems=tuple(gap for gap in results.problems if gap.metric))


def _adjusted(registered: Registered, arms: Mapping[str, Arm], contrasts: list[Contrast]) -> list[Contrast]:
    """Metric by metric in the order of a report."""
    metrics = dict.fromkeys(one.metric for one in contrasts)
    ordered = [one for metric in metrics for one in contrasts if one.metric == metric]
    secondary = [one for one in ordered if one.metric in registered.secondary]
    exploratory = [one for one in ordered if one.metric not in (registered.primary, *registered.secondary)]
    primary = [one for one in ordered if one.metric == registered.primary]
    found = {
        (one.metric, one.arm, one.control): one
        for family in (_together(registered, arms, primary), _few_false(secondary), _few_false(exploratory))
        for one in family
    }
    return [found[one.metric, one.arm, one.control] for one in ordered]


def _together(registered: Registered, arms: Mapping[str, Arm], family: Sequence[Contrast]) -> list[Contrast]:
    """Intervals and p-values that hold for all comparisons of the primary metric at once.

    Where an arm's variance cannot be had, p-values are Holm's and each interval holds by itself.
    """
    p_values = [one.result.p_value for one in family]
    variances = {name: _variance(arm.metrics.get(registered.primary)) for name, arm in arms.items()}
    pairs = [(one.arm, one.control) for one in family]
    known = {name: value for name, value in variances.items() if value}
    if len(family) < 2 or not {name for pair in pairs for name in pair} <= known.keys():
        return [_with_p(one, p) for one, p in zip(family, holm(p_values), strict=True)]
    each = confidence_of_each(pairs, known, registered.confidence)
    adjusted = adjust_together(p_values, pairs, known)
    return [_with_p(_widened(one, arms, each), p) for one, p in zip(family, adjusted, strict=True)]


def _widened(one: Contrast, arms: Mapping[str, Arm], each: float) -> Contrast:
    """The same comparison with the bounds of a confidence that leaves all of them right together."""
    control, arm = arms[one.control].metrics[one.metric], arms[one.arm].metrics[one.metric]
    wide, result = compare_aggregates(control, arm, confidence=each), one.result
    bounds = {name: getattr(wide, name) for name in ("low", "high", "relative_low", "relative_high")}
    method, source = f"{result.method}; all comparisons together by Dunnett", f"{result.source}; {DUNNETT}"
    return replace(one, result=replace(result, **bounds, method=method, source=source))


def _few_false(family: Sequence[Contrast]) -> list[Contrast]:
    adjusted = benjamini_hochberg([one.result.p_value for one in family])
    return [_with_p(one, p) for one, p in zip(family, adjusted, strict=True)]


def _with_p(one: Contrast, p_value: float | None) -> Contrast:
    return replace(one, result=replace(one.result, p_value_adjusted=p_value))


def _variance(aggregate: Aggregate | None) -> float:
    """Of the arm's rate or mean; 0 where it cannot be had."""
    if isinstance(aggregate, Proportion) and aggregate.of:
        return aggregate.rate * (1 - aggregate.rate) / aggregate.of
    if isinstance(aggregate, Sample) and aggregate.n > 1:
        return variance_of_mean(aggregate)
    return 0.0


def _expected(gap: Gap, registered: Registered) -> bool:
    """An arm that gets no message has no openers: one sentence for all of that is enough."""
    return gap.metric in MESSAGES and bool(gap.arm) and not registered.arm(gap.arm).channels


def _silent_arms(registered: Registered) -> list[Gap]:
    return [
        Gap("This arm is sent nothing, so nothing about messages can be compared with it.", arm=arm.name)
        for arm in registered.arms
        if not arm.channels
    ]
