"""What a campaign would do now: who, in which arm, when, at what cost, and what it could show."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select

from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.project import Project
from handbill.definitions.words import unknown
from handbill.errors import Problem, RunRefused
from handbill.planning import audience, pressure
from handbill.planning.assignment import assign
from handbill.planning.audience import Reason
from handbill.planning.cost import BreakEven, ChannelCost, break_even, channel_costs
from handbill.planning.definition import definition_of, digest_of
from handbill.planning.fingerprint import take_fingerprint
from handbill.planning.history import history_of, usual_order
from handbill.planning.learning import Learning, learnings
from handbill.planning.remarks import remarks_of
from handbill.planning.schedule import wave_of
from handbill.planning.selection import Occasion, selection
from handbill.planning.timing import Departure, departures
from handbill.statistics.balance import check_balance

Stage = Callable[[Connection, Occasion], None]

STAGES: tuple[Stage, ...] = (
    audience.select_audience,
    audience.leave_out_unreachable,
    audience.set_times,
    pressure.leave_out_capped,
    pressure.leave_out_global_holdout,
    audience.leave_out_duplicates,
    audience.leave_out_enrolled,
    assign,
)
"""From a rule to people in arms. A plan and a run walk this one list, so that neither can drift from the other."""


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


@dataclass(frozen=True)
class Plan:
    """Everything that a plan answers. selected = the sum of `left_out` + planned, always.

    `digest` stands for the definitions, the templates, the audience with its consent state, and the arms; it does
    not depend on when the plan was made. `definition` and `fingerprint` are what it was made from.
    """

    campaign: str
    wave: str
    is_extra_wave: bool
    unit: str
    currency: str
    made_at: datetime
    scheduled_at: datetime
    latest_at: datetime | None
    selected: int
    left_out: tuple[LeftOut, ...]
    planned: int
    arms: tuple[PlannedArm, ...]
    split: Split
    departures: tuple[Departure, ...]
    costs: tuple[ChannelCost, ...]
    break_even: tuple[BreakEven, ...]
    learnings: tuple[Learning, ...]
    remarks: tuple[str, ...]
    max_drift: float
    definition_digest: str
    audience_digest: str
    digest: str
    definition: dict[str, Any] = field(repr=False, compare=False)
    fingerprint: bytes = field(repr=False, compare=False)

    @property
    def sends(self) -> int:
        """Messages over all channels."""
        return sum(each.messages for each in self.costs)

    def as_json(self) -> dict[str, Any]:
        """What the plan answers, as plain values; without the list of contacts and the definitions."""
        found: dict[str, Any] = _PLAN.dump_python(self, mode="json", exclude={"definition", "fingerprint"})
        return found


_PLAN = TypeAdapter(Plan)


def make_plan(
    connection: Connection, project: Project, campaign_name: str, *, now: datetime, wave: str | None = None
) -> Plan:
    """Walks the stages for a campaign at `now` and sums up. `wave` names an extra wave.

    The selection stays on the connection, in its transaction: `seal_run` makes a run of it. Nothing else is written.

    Raises:
        RunRefused: there is no such campaign, or its schedule never comes round.
    """
    occasion = occasion_of(project, campaign_name, now=now, wave=wave)
    walk_stages(connection, occasion)
    return sum_up(connection, occasion)


def occasion_of(project: Project, campaign_name: str, *, now: datetime, wave: str | None = None) -> Occasion:
    """The campaign on the wave that is due at `now`, or on an extra one.

    Raises:
        RunRefused: there is no such campaign, or its schedule never comes round.
    """
    campaign = campaign_named(project, campaign_name)
    return Occasion(project, campaign, wave_of(project, campaign, now, wave), now)


def walk_stages(connection: Connection, occasion: Occasion) -> None:
    """Makes the selection."""
    for stage in STAGES:
        stage(connection, occasion)


def campaign_named(project: Project, name: str) -> Campaign:
    """The campaign of this name.

    Raises:
        RunRefused: there is none.
    """
    if name not in project.campaigns:
        what, mend = unknown("campaign", name, project.campaigns)
        raise RunRefused(Problem("campaigns.yaml", what=what, mend=mend))
    return project.campaigns[name]


def sum_up(connection: Connection, occasion: Occasion) -> Plan:
    """The plan that the selection on this connection amounts to."""
    project, campaign, wave = occasion.project, occasion.campaign, occasion.wave
    left_out = _left_out(connection)
    arms = _arms(connection, campaign)
    contacts = {arm.name: arm.contacts for arm in arms}
    units = {arm.name: arm.units for arm in arms}
    history = history_of(connection, occasion, campaign.goal) if campaign.goal and campaign.experiment else None
    usual = usual_order(connection, occasion) if campaign.goal else None
    definition, fingerprint = definition_of(project, campaign), take_fingerprint(connection)
    costs = channel_costs(connection, project, campaign, contacts)
    shown = learnings(campaign, units, history)
    planned = sum(contacts.values())
    digests = (digest_of(definition), fingerprint.digest)
    return Plan(
        campaign=campaign.name,
        wave=wave.name,
        is_extra_wave=wave.is_extra,
        unit=campaign.unit,
        currency=project.currency,
        made_at=occasion.now,
        scheduled_at=wave.scheduled_at,
        latest_at=wave.latest_at,
        selected=planned + sum(each.contacts for each in left_out),
        left_out=left_out,
        planned=planned,
        arms=arms,
        split=_split(campaign, units),
        departures=departures(connection, occasion),
        costs=costs,
        break_even=break_even(project, campaign, usual),
        learnings=shown,
        remarks=tuple(remarks_of(connection, occasion, units, costs, shown)),
        max_drift=float(project.policies.max_drift),
        definition_digest=digests[0],
        audience_digest=digests[1],
        digest=digest_of([campaign.name, wave.name, *digests]),
        definition=definition,
        fingerprint=fingerprint.contacts,
    )


def _left_out(connection: Connection) -> tuple[LeftOut, ...]:
    """The reasons in the order in which they are tried."""
    keys = (selection.c.reason, selection.c.detail)
    rows = connection.execute(
        select(*keys, func.count()).where(selection.c.reason.is_not(None)).group_by(*keys)
    ).tuples()
    order = list(Reason)
    found = [LeftOut(reason, detail, contacts) for reason, detail, contacts in rows]
    return tuple(sorted(found, key=lambda each: (order.index(Reason(each.reason)), each.detail or "")))


def _arms(connection: Connection, campaign: Campaign) -> tuple[PlannedArm, ...]:
    counts = (func.count(), func.count(selection.c.unit_id.distinct()))
    planned = select(selection.c.arm, *counts).where(selection.c.reason.is_(None)).group_by(selection.c.arm)
    found = {arm: (contacts, units) for arm, contacts, units in connection.execute(planned).tuples()}
    return tuple(
        PlannedArm(
            name, arm.holdout, tuple(channel for channel in campaign.channels if getattr(arm, channel)),
            float(arm.share), *found.get(name, (0, 0)),
        )
        for name, arm in campaign.arms.items()
    )  # fmt: skip


def _split(campaign: Campaign, units: Mapping[str, int]) -> Split:
    if campaign.experiment is None:
        return Split(None, None, "There is one arm only.")
    balance = check_balance(units, {name: float(arm.share) for name, arm in campaign.arms.items()})
    return Split(balance.ok, balance.p_value, " ".join(balance.reasons))
