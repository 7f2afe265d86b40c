"""What a campaign costs by channel, what is left of the budgets, and how many must respond for it to pay."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from handbill.definitions.campaign import Arm, Campaign, Channel
from handbill.definitions.project import Project
from handbill.definitions.values import MILLIONTHS
from handbill.planning.history import UsualOrder
from handbill.planning.pressure import PRESSING
from handbill.store.tables import outbox


@dataclass(frozen=True)
class ChannelCost:
    """What a channel's messages cost, in the currency.

    `committed` is what all runs have spent on the channel or are about to; `left` what the budget still holds after
    this campaign, below zero when it does not suffice. All three are None without a budget.
    """

    channel: Channel
    messages: int
    cost: float
    budget: float | None = None
    committed: float | None = None
    left: float | None = None


@dataclass(frozen=True)
class BreakEven:
    """The share of an arm's recipients who must order because of the message for it to pay; None with a `reason`.

    Money is in the currency. A discount that people get who would have ordered anyway comes on top.
    """

    arm: str
    cost_each: float
    margin_per_order: float | None = None
    response_rate: float | None = None
    reason: str = ""


def channel_costs(
    connection: Connection, project: Project, campaign: Campaign, contacts: Mapping[str, int]
) -> tuple[ChannelCost, ...]:
    """The cost by channel of so many contacts in each arm."""
    return tuple(_channel_cost(connection, project, campaign, channel, contacts) for channel in campaign.channels)


def break_even(project: Project, campaign: Campaign, usual: UsualOrder | None) -> tuple[BreakEven, ...]:
    """For each arm that costs something, how many must respond; empty when the goal is not an order."""
    if campaign.goal is None or campaign.goal.event != "order":
        return ()
    costs = {name: cost_each(project, arm) / MILLIONTHS for name, arm in campaign.arms.items()}
    return tuple(
        _break_even(campaign, name, campaign.arms[name], each, usual) for name, each in costs.items() if each > 0
    )


def cost_each(project: Project, arm: Arm) -> int:
    """What one recipient of the arm costs, in millionths of the currency."""
    return sum(_price(project, channel) for channel in ("email", "direct_mail") if getattr(arm, channel))


def _channel_cost(
    connection: Connection, project: Project, campaign: Campaign, channel: Channel, contacts: Mapping[str, int]
) -> ChannelCost:
    messages = sum(contacts.get(name, 0) for name, arm in campaign.arms.items() if getattr(arm, channel))
    cost = messages * _price(project, channel)
    budget = getattr(getattr(project.channels, channel), "budget", None)
    if budget is None:
        return ChannelCost(channel, messages, cost / MILLIONTHS)
    spent = select(func.coalesce(func.sum(outbox.c.cost), 0))
    committed = int(connection.scalar(spent.where(outbox.c.channel == channel, outbox.c.state.in_(PRESSING))) or 0)
    money = (cost, budget, committed, budget - committed - cost)
    return ChannelCost(channel, messages, *(each / MILLIONTHS for each in money))


def _price(project: Project, channel: str) -> int:
    return int(getattr(getattr(project.channels, channel), "cost", 0))


def _break_even(campaign: Campaign, name: str, arm: Arm, each: float, usual: UsualOrder | None) -> BreakEven:
    if usual is None:
        return BreakEven(name, each, reason="none of these contacts has ordered in the last 365 days")
    margin, reason = _margin_per_order(campaign, arm, usual)
    if margin is None:
        return BreakEven(name, each, reason=reason)
    if margin <= 0:
        return BreakEven(name, each, margin, reason="the discount is higher than the margin, so no response pays")
    return BreakEven(name, each, margin, each / margin)


def _margin_per_order(campaign: Campaign, arm: Arm, usual: UsualOrder) -> tuple[float | None, str]:
    """The margin that a usual order leaves after the arm's discount."""
    goal = campaign.goal
    discount = usual.price * float(arm.offer.discount) if arm.offer else 0.0
    if goal is not None and goal.margin_rate is not None:
        return usual.price * float(goal.margin_rate) - discount, ""
    if usual.cost is not None and usual.paid_with_cost is not None:
        return usual.paid_with_cost - usual.cost - discount, ""
    return None, "neither a margin_rate nor the cost of past orders is known"
