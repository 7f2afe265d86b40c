"""Why somebody gets a campaign or does not, and all that is known of somebody, in the order in which it happened."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, Row, select

from handbill.definitions.project import Project
from handbill.operations.people import contact_called
from handbill.operations.timeline import Timeline, timeline_of
from handbill.planning.explanation import Explanation, explain_segment
from handbill.planning.gate_verdicts import Standing, standing_of
from handbill.planning.learned_shares import learned
from handbill.planning.plan import occasion_of, walk_stages
from handbill.store.connection import reading
from handbill.store.tables import outbox, run


@dataclass(frozen=True)
class SegmentVerdict:
    """A segment of the campaign's audience, clause by clause; `excludes` when its members are left out."""

    slug: str
    excludes: bool
    explanation: Explanation


@dataclass(frozen=True)
class SentMessage:
    """A message of the campaign to the contact, and where it stands."""

    wave: str
    channel: str
    arm: str
    state: str
    reason: str | None
    message_id: str
    at: datetime


@dataclass(frozen=True)
class CampaignExplanation:
    """Why a contact gets a campaign or does not: rules, gates, arm, and what was sent already."""

    contact: str
    campaign: str
    wave: str
    now: datetime
    segments: tuple[SegmentVerdict, ...]
    standing: Standing
    messages: tuple[SentMessage, ...]


def explain_campaign(
    engine: Engine, project: Project, name: str, campaign: str, *, now: datetime
) -> CampaignExplanation:
    """Walks the stages of a plan and reads what became of one contact; nothing is kept.

    Raises:
        ProjectInvalid: there is no such contact.
        RunRefused: there is no such campaign, or its schedule never comes round.
    """
    with reading(engine) as connection:
        occasion = learned(connection, occasion_of(project, campaign, now=now))
        person = contact_called(connection, name)
        walk_stages(connection, occasion)
        return CampaignExplanation(
            person.external_id, campaign, occasion.wave.name, now,
            tuple(_segments(connection, project, campaign, person, now)),
            standing_of(connection, occasion, person),
            tuple(_messages(connection, campaign, person)),
        )  # fmt: skip


def explain_contact(engine: Engine, project: Project, name: str, *, now: datetime) -> Timeline:
    """All that is known of a contact up to `now`: profile, household, consents, orders, events, messages.

    Raises:
        ProjectInvalid: there is no such contact.
    """
    with reading(engine) as connection:
        return timeline_of(connection, project, contact_called(connection, name), now)


def _segments(
    connection: Connection, project: Project, campaign: str, person: Row[tuple[object, ...]], now: datetime
) -> list[SegmentVerdict]:
    audience = project.campaigns[campaign].audience
    named = [*((slug, False) for slug in audience.include), *((slug, True) for slug in audience.exclude)]
    return [
        SegmentVerdict(slug, excludes, explain_segment(connection, project, project.segments[slug], person.id, now))
        for slug, excludes in named
    ]


def _messages(connection: Connection, campaign: str, person: Row[tuple[object, ...]]) -> list[SentMessage]:
    """The campaign's messages to the contact, the oldest first."""
    columns = (outbox.c.accepted_at, outbox.c.not_before, outbox.c.channel, outbox.c.arm, outbox.c.state,
               outbox.c.reason, outbox.c.message_id)  # fmt: skip
    rows = connection.execute(
        select(run.c.wave, *columns)
        .join_from(outbox, run, run.c.id == outbox.c.run_id)
        .where(run.c.campaign == campaign, outbox.c.contact_id == person.id)
        .order_by(outbox.c.id)
    )
    return [
        SentMessage(each.wave, each.channel, each.arm, each.state, each.reason, each.message_id,
                    each.accepted_at or each.not_before)
        for each in rows
    ]  # fmt: skip
