"""What a campaign would do now: who, in which arm, when, at what cost, and what it could show."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection

from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project
from handbill.definitions.words import unknown
from handbill.errors import Problem, RunRefused
from handbill.planning import priorities, timing
from handbill.planning.cost import BreakEven, ChannelCost, break_even, channel_costs
from handbill.planning.definition import definition_digest, definition_of, digest_of
from handbill.planning.differences import Differences, differences_since
from handbill.planning.fingerprint import take_fingerprint
from handbill.planning.gates import GATES, Stage
from handbill.planning.headcount import LeftOut, PlannedArm, Split, count_arms, count_left_out, split_of
from handbill.planning.history import history_of, usual_order
from handbill.planning.learned_shares import learned
from handbill.planning.learning import Learning, Reading, learnings, reading_of
from handbill.planning.moves import Earlier
from handbill.planning.remarks import remarks_of
from handbill.planning.rollout import rolled_out, winner_of
from handbill.planning.schedule import wave_of
from handbill.planning.selection import Occasion
from handbill.planning.timing import Departure, departures

Told = Callable[[str], None]
"""Is told in words what is done next."""
STAGES: tuple[Stage, ...] = (priorities.reserve, *GATES, timing.set_turns)
"""From a rule to people in arms. A plan and a run walk this one list, so that neither can drift from the other."""


@dataclass(frozen=True)
class Plan:
    """Everything that a plan answers. selected = the sum of `left_out` + planned, always.

    `digest` stands for the definitions, the templates, the audience with its consent state, and the arms; it does
    not depend on when the plan was made. `definition` and `fingerprint` are what it was made from. `seeds` counts the
    project's own mailboxes that get a copy of each arm's e-mail beside.
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
    seeds: int
    learnings: tuple[Learning, ...]
    reading: Reading | None
    remarks: tuple[str, ...]
    max_drift: float
    definition_digest: str
    audience_digest: str
    digest: str
    differences: Differences | None
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
    connection: Connection,
    project: Project,
    campaign_name: str,
    *,
    now: datetime,
    wave: str | None = None,
    earlier: Earlier | None = None,
    told: Told = lambda _: None,
) -> Plan:
    """Walks the stages for a campaign at `now` and sums up. `wave` names an extra wave.

    With an `earlier` plan it says what has moved since. The selection stays on the connection, in its transaction:
    `seal_run` makes a run of it. Nothing else is written.

    Raises:
        RunRefused: there is no such campaign, or its schedule never comes round.
    """
    occasion = learned(connection, occasion_of(project, campaign_name, now=now, wave=wave))
    walk_stages(connection, occasion, told)
    return sum_up(connection, occasion, earlier, told)


def occasion_of(project: Project, campaign_name: str, *, now: datetime, wave: str | None = None) -> Occasion:
    """The campaign on the wave that is due at `now`, or on an extra one; the winner of a test on its roll-out.

    Raises:
        RunRefused: there is no such campaign, or its schedule never comes round.
    """
    campaign = campaign_named(project, campaign_name)
    found = wave_of(project, campaign, now, wave)
    winner = winner_of(campaign, found.name)
    return Occasion(project, campaign if winner is None else rolled_out(campaign, winner), found, now)


def walk_stages(connection: Connection, occasion: Occasion, told: Told = lambda _: None) -> None:
    """Makes the selection."""
    for stage in STAGES:
        told(stage.__name__.replace("_", " "))
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


def sum_up(
    connection: Connection, occasion: Occasion, earlier: Earlier | None = None, told: Told = lambda _: None
) -> Plan:
    """The plan that the selection on this connection amounts to."""
    project, campaign, wave = occasion.project, occasion.campaign, occasion.wave
    told("count arms and reasons")
    left_out, arms = count_left_out(connection), count_arms(connection, campaign)
    contacts = {arm.name: arm.contacts for arm in arms}
    units = {arm.name: arm.units for arm in arms}
    told("look at past orders")
    history = history_of(connection, occasion, campaign.goal) if campaign.goal and campaign.experiment else None
    usual = usual_order(connection, occasion) if campaign.goal else None
    told("work out times and costs")
    leaving = departures(connection, occasion)
    costs = channel_costs(connection, project, campaign, contacts)
    shown = learnings(campaign, units, history)
    told("take the fingerprint")
    definition, fingerprint = definition_of(project, campaign), take_fingerprint(connection, campaign.unit)
    told("compare with the last plan")
    differences = differences_since(connection, occasion, earlier, definition, fingerprint) if earlier else None
    planned = sum(contacts.values())
    digests = (definition_digest(definition), fingerprint.digest)
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
        split=split_of(campaign, units),
        departures=leaving,
        costs=costs,
        break_even=break_even(project, campaign, usual),
        seeds=len(project.channels.email.seeds) if project.channels.email and "email" in campaign.channels else 0,
        learnings=shown,
        reading=reading_of(connection, campaign, arms, costs),
        remarks=tuple(remarks_of(connection, occasion, units, costs, shown)),
        max_drift=float(project.policies.max_drift),
        definition_digest=digests[0],
        audience_digest=digests[1],
        digest=digest_of([campaign.name, wave.name, *digests]),
        differences=differences,
        definition=definition,
        fingerprint=fingerprint.contacts,
    )
