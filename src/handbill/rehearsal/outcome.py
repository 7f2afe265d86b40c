"""What became of each person of a campaign test: planned by the real stages, queued and made as in a run, not sent."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, select

from handbill.contacts.profiles import load_profiles
from handbill.definitions.campaign import Campaign, Channel, email_of, mail_of
from handbill.definitions.project import Project
from handbill.operations.run import seal_and_queue
from handbill.planning.audience import leave_out_unreachable, select_audience
from handbill.planning.plan import make_plan, occasion_of
from handbill.planning.selection import Occasion, selection
from handbill.planning.timezones import zone_of
from handbill.rehearsal.earlier import remember
from handbill.rehearsal.messages import Made, make_messages
from handbill.rehearsal.personas import introduce
from handbill.rehearsal.reading import Rehearsal
from handbill.rehearsal.refusals import refusals, refusing_gates
from handbill.rehearsal.stage import Stage
from handbill.store.connection import writing
from handbill.store.tables import contact, enrollment


@dataclass(frozen=True)
class Outcome:
    """What became of one persona.

    `reason` and `detail` say why a selected one is left out; `refusals` are the gates or clauses that refuse, with what
    the persona has. `due_at` is when the first message leaves, `zone` the clock that the recipient lives by. `made` are
    the messages by channel.
    """

    contact_id: int
    zone: ZoneInfo
    is_selected: bool = False
    reason: str | None = None
    detail: str | None = None
    arm: str | None = None
    due_at: datetime | None = None
    reachable_by: tuple[Channel, ...] = ()
    refusals: tuple[str, ...] = ()
    made: Mapping[Channel, Made] = field(default_factory=dict)


def perform(stage: Stage, project: Project, rehearsal: Rehearsal) -> dict[str, Outcome]:
    """The outcome of every persona, in a store that holds nobody else.

    Raises:
        ProjectInvalid: values of the test that no import would take, or a template with mistakes.
        RunRefused: the campaign's schedule never comes round.
    """
    with stage.empty_store() as (settings, engine):
        ids = introduce(engine, settings, project, rehearsal)
        with writing(engine) as connection:
            remember(connection, project, rehearsal, ids)
        with writing(engine) as connection:
            occasion = occasion_of(project, rehearsal.campaign.name, now=rehearsal.now)
            reachable = _reachable(connection, occasion)
            found = _planned(connection, occasion, ids)
            made = make_messages(connection, project, settings, rehearsal, ids)
            profiles = load_profiles(connection, project, list(ids.values()))
            return {
                name: replace(
                    found.get(contact_id) or _not_selected(connection, occasion, contact_id, profiles[contact_id]),
                    reachable_by=tuple(channel for channel, people in reachable.items() if contact_id in people),
                    made=made.get(contact_id, {}),
                )
                for name, contact_id in ids.items()
            }


def _planned(connection: Connection, occasion: Occasion, ids: Mapping[str, int]) -> dict[int, Outcome]:
    """Plans, and seals the run with its messages unless it is too late for everybody; the selected by contact."""
    plan = make_plan(connection, occasion.project, occasion.campaign.name, now=occasion.now)
    people = connection.execute(select(contact).join(selection, selection.c.contact_id == contact.c.id)
                                .where(selection.c.reason.is_not(None))).all()  # fmt: skip
    gates = {person.id: tuple(refusing_gates(connection, occasion, person)) for person in people}
    if not occasion.wave.is_over(occasion.now):
        seal_and_queue(connection, occasion, plan)
    profiles = load_profiles(connection, occasion.project, list(ids.values()))
    enrolled = select(enrollment.c.contact_id, enrollment.c.due_at).where(enrollment.c.key == plan.wave)
    leaves = dict(connection.execute(enrolled).tuples().all())
    rows = connection.execute(select(selection)).all()
    return {
        row.contact_id: replace(
            _outcome(occasion, row, profiles[row.contact_id], leaves), refusals=gates.get(row.contact_id, ())
        )
        for row in rows
    }


def _outcome(
    occasion: Occasion, row: Row[Any], profile: Mapping[str, Any], leaves: Mapping[int, datetime | None]
) -> Outcome:
    return Outcome(
        row.contact_id,
        zone_of(profile["timezone"], _home(occasion)),
        is_selected=True,
        reason=row.reason,
        detail=row.detail,
        arm=None if row.reason else row.arm,
        due_at=leaves.get(row.contact_id) or row.due_at,
    )


def _not_selected(connection: Connection, occasion: Occasion, contact_id: int, profile: Mapping[str, Any]) -> Outcome:
    said = refusals(connection, occasion, contact_id)
    return Outcome(contact_id, zone_of(profile["timezone"], _home(occasion)), refusals=tuple(said))


def _home(occasion: Occasion) -> ZoneInfo:
    return ZoneInfo(occasion.project.timezone)


def _reachable(connection: Connection, occasion: Occasion) -> dict[Channel, set[int]]:
    """Who may and can be reached over each channel of the campaign, if it were its only one."""
    found: dict[Channel, set[int]] = {}
    for channel in occasion.campaign.channels:
        alone = replace(occasion, campaign=_only(occasion.campaign, channel))
        select_audience(connection, alone)
        leave_out_unreachable(connection, alone)
        still_in = select(selection.c.contact_id).where(selection.c.reason.is_(None))
        found[channel] = set(connection.scalars(still_in))
    return found


def _only(campaign: Campaign, channel: Channel) -> Campaign:
    """The campaign as if it had one arm, which sends over one channel."""
    content_of = email_of if channel == "email" else mail_of
    contents = (content_of(campaign, arm) for arm in campaign.arms.values())
    content = next(each for each in contents if each)
    other: Channel = "direct_mail" if channel == "email" else "email"
    return campaign.model_copy(update={"experiment": None, channel: content, other: None})
