"""Every comparison of an experiment: each arm with the control, and the pairs declared beside."""

from dataclasses import replace

from handbill.reports.maturity import Maturity
from handbill.reports.measure import Measured
from handbill.reports.metrics import MESSAGES
from handbill.reports.registered import Registered
from handbill.statistics.multiplicity import holm
from handbill.statistics.results import Arm, Contrast, Gap, Results, compare_arms


def compare(registered: Registered, measured: Measured) -> Results:
    """All comparisons; p-values are adjusted by Holm over all comparisons of a metric, declared pairs included."""
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
    return Results(base.arms, base.balance, tuple(_adjusted(contrasts)), (*kept, *_silent_arms(registered)))


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


def _adjusted(contrasts: list[Contrast]) -> list[Contrast]:
    """By Holm over all comparisons of a metric, in the order of a report."""
    adjusted = []
    for metric in dict.fromkeys(one.metric for one in contrasts):
        family = [one for one in contrasts if one.metric == metric]
        for one, p in zip(family, holm([one.result.p_value for one in family]), strict=True):
            adjusted.append(replace(one, result=replace(one.result, p_value_adjusted=p)))
    return adjusted


def _expected(gap: Gap, registered: Registered) -> bool:
    """An arm that gets no message has no openers: one sentence for all of that is enough."""
    return gap.metric in MESSAGES and bool(gap.arm) and not registered.arm(gap.arm).channels


def _silent_arms(registered: Registered) -> list[Gap]:
    return [
        Gap("This arm is sent nothing, so nothing about messages can be compared with it.", arm=arm.name)
        for arm in registered.arms
        if not arm.channels
    ]
