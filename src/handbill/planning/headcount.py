"""How many are selected, left out by which reason, and planned in which arm; and whether the split is as declared."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from handbill.definitions.campaign import Campaign, Channel
from handbill.planning.audience import Reason
from handbill.planning.selection import selection
from handbill.statistics.balance import check_balance


@dataclass(frozen=True)
class LeftOut:
    """So many selected contacts are left out for this reason; `detail` is the channel, cap or segment, where one is."""

    reason: str
    detail: str | None
    contacts: int


@dataclass(frozen=True)
class PlannedArm:
    """How many contacts and units are in an arm; `expected` is the share of the units that was declared."""

    name: str
    holdout: bool
    channels: tuple[Channel, ...]
    expected: float
    contacts: int
    units: int


@dataclass(frozen=True)
class Split:
    """Whether the units are split as declared; None with a reason where that cannot be said."""

    ok: bool | None
    p_value: float | None
    reason: str = ""


def count_left_out(connection: Connection) -> tuple[LeftOut, ...]:
    """The reasons in the order in which they are tried."""
    keys = (selection.c.reason, selection.c.detail)
    rows = connection.execute(
        select(*keys, func.count()).where(selection.c.reason.is_not(None)).group_by(*keys)
    ).tuples()
    order = list(Reason)
    found = [LeftOut(reason, detail, contacts) for reason, detail, contacts in rows]
    return tuple(sorted(found, key=lambda each: (order.index(Reason(each.reason)), each.detail or "")))


def count_arms(connection: Connection, campaign: Campaign) -> tuple[PlannedArm, ...]:
    """The arms in their declared order, empty ones too."""
    planned = select(selection.c.arm, func.count()).where(selection.c.reason.is_(None)).group_by(selection.c.arm)
    contacts = dict(connection.execute(planned).tuples().all())
    units = contacts if campaign.unit == "contact" else _count_units(connection)
    return tuple(
        PlannedArm(
            name,
            arm.holdout,
            tuple(channel for channel in campaign.channels if getattr(arm, channel)),
            float(arm.share),
            contacts.get(name, 0),
            units.get(name, 0),
        )
        for name, arm in campaign.arms.items()
    )


def split_of(campaign: Campaign, units: Mapping[str, int]) -> Split:
    """The test of the units against the declared shares."""
    if campaign.experiment is None:
        return Split(None, None, "There is one arm only.")
    balance = check_balance(units, {name: float(arm.share) for name, arm in campaign.arms.items()})
    return Split(balance.ok, balance.p_value, " ".join(balance.reasons))


def _count_units(connection: Connection) -> dict[str, int]:
    """Households by arm. Grouped first: counting distinct texts makes PostgreSQL sort all of them."""
    pairs = select(selection.c.arm, selection.c.unit_id).where(selection.c.reason.is_(None)).distinct().subquery()
    counted = select(pairs.c.arm, func.count()).group_by(pairs.c.arm)
    return dict(connection.execute(counted).tuples().all())
