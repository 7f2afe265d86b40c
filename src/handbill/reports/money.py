"""What an arm earned over its control: extra buyers, what each of them cost, and the margin after all costs."""

from dataclasses import dataclass

from handbill.reports.funnel import Funnel
from handbill.reports.registered import Registered
from handbill.reports.wording import Range
from handbill.statistics.economics import CostEach, cost_per_extra
from handbill.statistics.results import Contrast, Results


@dataclass(frozen=True)
class Gain:
    """One arm against its control, over all `units` of the arm. Money is in the currency.

    `extra` are incremental buyers or orders, `extra_of` says which. `cost` is what the arm's messages cost beyond
    the control's. `cost_each` has its interval only when both bounds of `extra` are positive; otherwise
    `cost_at_least` is the least that fits, and there is no upper bound. Neither is given where nothing was gained
    at all. `margin` is after all costs, `rough` where too few bought to test it; without it, `no_margin` says why.
    """

    arm: str
    control: str
    units: int
    cost: float
    extra: Range | None = None
    extra_of: str = ""
    cost_each: Range | None = None
    cost_at_least: float | None = None
    margin: Range | None = None
    rough: bool = False
    no_margin: str = ""


def gains(registered: Registered, results: Results, funnel: Funnel) -> tuple[Gain, ...]:
    """The economics of every comparison."""
    units = {arm.name: arm.units for arm in results.arms}
    return tuple(
        _gain(results, arm, control, units[arm], _extra_cost(funnel, arm, control, units), registered.primary)
        for arm, control in registered.pairs
        if units[arm] and units[control]
    )


def contrast_of(results: Results, metric: str, arm: str, control: str) -> Contrast | None:
    """The comparison of two arms in one metric, where it was made."""
    same = (one for one in results.comparisons if (one.metric, one.arm, one.control) == (metric, arm, control))
    return next(same, None)


def range_of(contrast: Contrast | None) -> Range | None:
    """The difference per unit with its interval, where both can be given."""
    if contrast is None:
        return None
    result = contrast.result
    if result.difference is None or result.low is None or result.high is None:
        return None
    return Range(result.difference, result.low, result.high)


def _gain(results: Results, arm: str, control: str, units: int, cost: float, primary: str) -> Gain:
    counted = "orders" if primary == "orders" else "conversion"
    brought = contrast_of(results, counted, arm, control)
    extra = range_of(brought)
    each = cost_per_extra(cost, units, brought.result) if brought else None
    margin = contrast_of(results, "margin", arm, control)
    per_unit = range_of(margin)
    return Gain(
        arm=arm,
        control=control,
        units=units,
        cost=cost,
        extra=extra.times(units) if extra else None,
        extra_of=counted if extra else "",
        cost_each=_bounded(each) if each else None,
        cost_at_least=each.low if each and each.high is None else None,
        margin=per_unit.times(units).plus(-cost) if per_unit else None,
        rough=margin is not None and margin.result.p_value is None,
        no_margin="" if per_unit else _why_no_margin(results, margin),
    )


def _bounded(each: CostEach) -> Range | None:
    if each.estimate is None or each.low is None or each.high is None:
        return None
    return Range(each.estimate, each.low, each.high)


def _extra_cost(funnel: Funnel, arm: str, control: str, units: dict[str, int]) -> float:
    """The arm's cost, less what as many units of the control cost."""
    return funnel.cost_of(arm) - funnel.cost_of(control) * units[arm] / units[control]


def _why_no_margin(results: Results, margin: Contrast | None) -> str:
    reasons = [gap.reason for gap in results.problems if gap.metric == "margin" and not gap.arm]
    if margin is not None and not reasons:
        reasons = list(margin.result.reasons)
    return reasons[0] if reasons else "Margin was not measured."
