"""Which campaigns go first, and whom they are about to reach, so that a lower one leaves these people to them."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, Integer, Text, insert, literal, select

from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project
from handbill.errors import RunRefused
from handbill.planning.caps import reserved, weights
from handbill.planning.gates import GATES
from handbill.planning.schedule import Wave, next_wave, wave_of
from handbill.planning.selection import Occasion, count_rows, leaves_at, make_anew, selection
from handbill.store.tables import contact, run

_SPREAD = timedelta(days=2)
"""A wave in recipients' time zones lasts 26 hours, and quiet hours may add some."""


def reserve(connection: Connection, occasion: Occasion) -> None:
    """Notes the messages that campaigns which go first are about to send within the period of a common cap.

    Each of them is walked through the same gates as any plan, now, the first one first: so whoever is capped, or left
    to one that goes before it, or in its holdout, is not reserved. Leaves no selection behind.
    """
    make_anew(connection, reserved)
    for turn, rival in enumerate(rivals(connection, occasion), start=1):
        for gate in GATES:
            gate(connection, rival)
        _note(connection, rival, turn)
        count_rows(connection, reserved)


def rivals(connection: Connection, occasion: Occasion) -> list[Occasion]:
    """The campaigns that go first, each on its next wave that no run has yet, in the order in which they go.

    First goes the higher priority, of equal ones the earlier time, of these the name. Only marketing that a cap
    counts together with this campaign, and whose wave lies within that cap's period of this one, is looked at.
    """
    if occasion.campaign.kind != "marketing":
        return []
    own = _rank(occasion.campaign, occasion.wave)
    found = []
    for campaign in occasion.project.campaigns.values():
        period = _common_period(occasion.project, occasion.campaign, campaign)
        if campaign.name == occasion.campaign.name or period is None or campaign.kind != "marketing":
            continue
        wave = _next_unsealed(connection, occasion.project, campaign, occasion.now)
        if wave is not None and _rank(campaign, wave) < own and _are_near(wave, occasion.wave, period):
            found.append(Occasion(occasion.project, campaign, wave, occasion.now))
    return sorted(found, key=lambda each: _rank(each.campaign, each.wave))


def _rank(campaign: Campaign, wave: Wave) -> tuple[int, datetime, str]:
    return -campaign.priority, wave.scheduled_at, campaign.name


def _common_period(project: Project, one: Campaign, other: Campaign) -> timedelta | None:
    """The longest period of a cap that counts messages of both; None when no cap does."""
    periods = [
        cap.per
        for cap in project.policies.caps
        if set(weights(cap)) & set(one.channels) and set(weights(cap)) & set(other.channels)
    ]
    return max(periods, default=None)


def _next_unsealed(connection: Connection, project: Project, campaign: Campaign, now: datetime) -> Wave | None:
    """The wave that is due, or the next one where that has a run; None where the schedule never comes round."""
    known = set(connection.scalars(select(run.c.wave).where(run.c.campaign == campaign.name)))
    try:
        waves = (wave_of(project, campaign, now), next_wave(project, campaign, now))
    except RunRefused:
        return None
    return next((wave for wave in waves if wave and wave.name not in known and not wave.is_over(now)), None)


def _are_near(one: Wave, other: Wave, period: timedelta) -> bool:
    """Whether messages of both may fall into one period; who exactly, the cap itself says."""
    longest = max(one.longest_lead, other.longest_lead)
    return abs(one.scheduled_at - other.scheduled_at) < period + longest + _SPREAD


def _note(connection: Connection, rival: Occasion, turn: int) -> None:
    """Keeps what the selection of a campaign that goes first would send; its holdout gets nothing."""
    by_household = any(cap.unit == "household" for cap in rival.project.policies.caps)
    for channel in rival.campaign.channels:
        arms = [name for name, arm in rival.campaign.arms.items() if getattr(arm, channel)]
        household = contact.c.household_key if by_household else literal(None, Text)
        columns = (selection.c.contact_id, household, literal(channel, Text), leaves_at(rival, channel),
                   literal(rival.campaign.name, Text), literal(turn, Integer))  # fmt: skip
        sends = select(*columns).where(selection.c.reason.is_(None), selection.c.arm.in_(arms))
        if by_household:
            sends = sends.join_from(selection, contact, contact.c.id == selection.c.contact_id)
        names = ["contact_id", "household_key", "channel", "at", "campaign", "turn"]
        connection.execute(insert(reserved).from_select(names, sends))
