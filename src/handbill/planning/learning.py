"""What an experiment of this size can show: the least effect of each deciding comparison that it would find."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from handbill.definitions.campaign import Campaign, Experiment, Goal
from handbill.definitions.metrics import METRICS, compared_arms
from handbill.planning.cost import ChannelCost
from handbill.planning.headcount import PlannedArm
from handbill.planning.history import History, Sums
from handbill.planning.selection import selection
from handbill.statistics.power import (
    detectable_difference,
    detectable_rate,
    sample_size_for_means,
    sample_size_for_rates,
)


@dataclass(frozen=True)
class Learning:
    """What one comparison can show. Effects are differences in the metric's own unit, rates as fractions.

    `detectable` is the least effect found with the declared power; `wanted` the declared minimum effect, and
    `needed` how many units (control, arm) that takes. Where there is no `detectable`, `reason` says why. The `usual`
    value is that of the planned units in a past window, from `since` to `until`.
    """

    metric: str
    arm: str
    control: str
    units: tuple[int, int]
    power: float
    since: datetime | None = None
    until: datetime | None = None
    usual: float | None = None
    detectable: float | None = None
    wanted: float | None = None
    needed: tuple[int, int] | None = None
    reason: str = ""

    @property
    def is_underpowered(self) -> bool:
        """Whether the effect that is worth finding is smaller than any that would be found."""
        return self.wanted is not None and self.detectable is not None and self.wanted < self.detectable


@dataclass(frozen=True)
class Reading:
    """When the experiment can be read, and what it takes.

    `readable_at` is when the last unit's window has closed, `days` after the first planned contact. `cost` is that of
    all messages in the currency, `held_back` the contacts in holdouts.
    """

    readable_at: datetime
    days: float
    cost: float
    held_back: int


@dataclass(frozen=True)
class _Odds:
    """How sure to be: power, and the chance of a false alarm in each of the comparisons."""

    power: float
    alpha: float


def learnings(campaign: Campaign, units: Mapping[str, int], history: History | None) -> tuple[Learning, ...]:
    """The deciding comparisons of the campaign's experiment, with `units` in each arm.

    Several comparisons share the chance of a false alarm, as their results will.
    """
    declared, goal = campaign.experiment, campaign.goal
    if declared is None or goal is None:
        return ()
    pairs = deciding_pairs(declared)
    odds = _Odds(float(declared.primary.power), (1 - float(declared.primary.confidence)) / len(pairs))
    return tuple(_learning(declared, goal, pair, units, history, odds) for pair in pairs)


def reading_of(
    connection: Connection, campaign: Campaign, arms: Sequence[PlannedArm], costs: Sequence[ChannelCost]
) -> Reading | None:
    """When the experiment of the selection on this connection can be read; None without one, or without people."""
    if campaign.experiment is None or campaign.goal is None:
        return None
    ends = select(func.min(selection.c.origin_at), func.max(selection.c.origin_at))
    first_at, last_at = connection.execute(ends.where(selection.c.reason.is_(None))).one()
    if first_at is None:
        return None
    readable_at = last_at + campaign.goal.within
    held_back = sum(arm.contacts for arm in arms if arm.holdout)
    days = (readable_at - first_at) / timedelta(days=1)
    return Reading(readable_at, days, sum(each.cost for each in costs), held_back)


def deciding_pairs(declared: Experiment) -> list[tuple[str, str]]:
    """The comparisons that the primary metric is decided by: arm and control."""
    if declared.primary.comparison and (pair := compared_arms(declared.primary.comparison)):
        return [pair]
    return [(arm, declared.control) for arm in declared.arms if arm != declared.control]


def _learning(
    declared: Experiment, goal: Goal, pair: tuple[str, str], units: Mapping[str, int], history: History | None,
    odds: _Odds,
) -> Learning:  # fmt: skip
    arm, control = pair
    metric, effect = declared.primary.metric, declared.primary.minimum_effect
    sizes = units.get(control, 0), units.get(arm, 0)
    wanted = effect.difference if effect else None
    base = Learning(metric, arm, control, sizes, odds.power, wanted=wanted)
    reason = _why_unknown(metric, goal, history, sizes)
    if reason or history is None:
        return replace(base, reason=reason)
    base = replace(base, since=history.since, until=history.until)
    if METRICS[metric].kind == "rate":
        return _of_rate(base, history.reached / history.units, odds)
    return _of_amount(base, _amount(metric, goal, history), history.units, odds)


def _why_unknown(metric: str, goal: Goal, history: History | None, sizes: tuple[int, int]) -> str:
    if METRICS[metric].of != "outcome":
        return f"nobody knows the usual {metric} before the first message is sent"
    if min(sizes) < 2:
        return "an arm has fewer than two units"
    if history is None or not history.reached:
        days = goal.within.days
        return f"none of these units has reached the goal in the last {days} days, so there is no usual {metric}"
    if metric == "margin" and goal.margin_rate is None:
        return "the margin of past orders is not declared as margin_rate"
    return ""


def _of_rate(base: Learning, usual: float, odds: _Odds) -> Learning:
    control, arm = base.units
    found = detectable_rate(usual, control, arm, power=odds.power, alpha=odds.alpha)
    detectable = None if found is None else found - usual
    needed = None
    if base.wanted is not None and usual + base.wanted <= 1:
        size = sample_size_for_rates(
            usual, usual + base.wanted, power=odds.power, alpha=odds.alpha, ratio=arm / control
        )
        needed = size.control, size.treatment
    reason = "" if detectable is not None else "not even an arm in which everybody responds would be told apart"
    if usual == 1:
        reason = "every one of them reached the goal anyway, so no arm can do better"
    return replace(base, usual=usual, detectable=detectable, needed=needed, reason=reason)


def _of_amount(base: Learning, sums: Sums, units: int, odds: _Odds) -> Learning:
    control, arm = base.units
    usual = sums.total / units
    sd = math.sqrt(max(sums.squares / units - usual * usual, 0.0) * units / max(units - 1, 1))
    detectable = detectable_difference(sd, control, arm, power=odds.power, alpha=odds.alpha)
    needed = None
    if base.wanted is not None and sd > 0:
        size = sample_size_for_means(base.wanted, sd, power=odds.power, alpha=odds.alpha, ratio=arm / control)
        needed = size.control, size.treatment
    reason = "" if detectable is not None else "all these units did the same in the past, so their spread is not known"
    return replace(base, usual=usual, detectable=detectable, needed=needed, reason=reason)


def _amount(metric: str, goal: Goal, history: History) -> Sums:
    """The sums of an amount; margin as its declared share of what was paid."""
    if metric == "orders":
        return history.times
    rate = float(goal.margin_rate) if metric == "margin" and goal.margin_rate is not None else 1.0
    return Sums(history.revenue.total * rate, history.revenue.squares * rate * rate)
