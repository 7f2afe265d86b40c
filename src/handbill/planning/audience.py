"""Who receives a campaign now, and why each of the others does not.

A contact is planned only when every channel that any arm uses may and can reach them: were it otherwise, the arms
would hold different kinds of people. Reasons are tried in the order of `Reason`; the first one that holds counts.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    MetaData,
    Select,
    Table,
    Text,
    and_,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from handbill.contacts.consent import granted
from handbill.contacts.suppressions import hash_column
from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.values import zone
from handbill.planning.comparisons import Position
from handbill.planning.conditions import compile_segment
from handbill.planning.quiet_hours import end_of_quiet, quiet_hours_of
from handbill.planning.schedule import Wave
from handbill.planning.selection import (
    Gate,
    Occasion,
    begin_selection,
    count_rows,
    leave_out,
    leave_out_rows,
    make_anew,
    planned_contacts,
    selection,
)
from handbill.planning.timezones import zone_of
from handbill.store.tables import contact, enrollment, suppression
from handbill.store.types import UtcTime


class Reason(StrEnum):
    """Why a selected contact is left out, in the order in which the reasons are tried."""

    EXCLUDED_SEGMENT = "excluded_segment"
    NO_CONSENT = "no_consent"
    SUPPRESSED = "suppressed"
    BOUNCED = "bounced"
    NO_EMAIL_ADDRESS = "no_email_address"
    NO_POSTAL_ADDRESS = "no_postal_address"
    UNDELIVERABLE_ADDRESS = "undeliverable_address"
    OTHER_EXPERIMENT = "other_experiment"
    WAITS_FOR_WINNER = "waits_for_winner"
    WAS_IN_TEST = "was_in_test"
    TOO_LATE = "too_late"
    QUIET = "quiet"
    PAUSED = "paused"
    CAPPED = "capped"
    RESERVED = "reserved"
    GLOBAL_HOLDOUT = "global_holdout"
    DUPLICATE_ADDRESS = "duplicate_address"
    HOUSEHOLD_ALREADY_MAILED = "household_already_mailed"
    ALREADY_ENROLLED = "already_enrolled"
    NOT_IN_PLAN = "not_in_plan"

    @property
    def sentence(self) -> str:
        """The reason in words, as plans and reports print it."""
        return _SENTENCES[self]


_SENTENCES: Mapping[Reason, str] = {
    Reason.EXCLUDED_SEGMENT: "in a segment that the campaign excludes",
    Reason.NO_CONSENT: "no consent",
    Reason.SUPPRESSED: "on the suppression list",
    Reason.BOUNCED: "mail to them came back",
    Reason.NO_EMAIL_ADDRESS: "no e-mail address",
    Reason.NO_POSTAL_ADDRESS: "no postal address",
    Reason.UNDELIVERABLE_ADDRESS: "post cannot be delivered to the address",
    Reason.OTHER_EXPERIMENT: "in another experiment",
    Reason.WAITS_FOR_WINNER: "wait for the winner of the test",
    Reason.WAS_IN_TEST: "were in the test",
    Reason.TOO_LATE: "too late in their time zone",
    Reason.QUIET: "too late when their quiet hours end",
    Reason.PAUSED: "asked for a pause",
    Reason.CAPPED: "had as many messages as a cap allows",
    Reason.RESERVED: "kept for a campaign of higher priority",
    Reason.GLOBAL_HOLDOUT: "in the global holdout",
    Reason.DUPLICATE_ADDRESS: "another contact has the same address",
    Reason.HOUSEHOLD_ALREADY_MAILED: "somebody else in the household is the recipient",
    Reason.ALREADY_ENROLLED: "already in this wave",
    Reason.NOT_IN_PLAN: "selected only after the approved plan was made",
}

CAME_BACK = ("bounce", "returned")
"""A suppression whose reason holds one of these words comes from mail that could not be delivered."""

moments = Table(
    "moment",
    MetaData(),
    Column("timezone", Text, primary_key=True),
    Column("due_at", UtcTime),
    Column("origin_at", UtcTime),
    Column("reason", Text),
    prefixes=["TEMPORARY"],
)
"""The planned contact in each time zone that a selection holds: there are few, so Python works them out."""


def select_audience(connection: Connection, occasion: Occasion) -> None:
    """Begins the selection: everybody in an included segment; those in an excluded one are left out."""
    begin_selection(connection)
    campaign = occasion.campaign
    unit = contact.c.household_key if campaign.unit == "household" else contact.c.external_id
    included = or_(*(_in_segment(occasion, slug) for slug in campaign.audience.include))
    columns = (contact.c.id, unit, func.coalesce(contact.c.timezone, ""))
    people = select(*columns).where(included).order_by(contact.c.id)
    connection.execute(insert(selection).from_select(["contact_id", "unit_id", "timezone"], people))
    count_rows(connection)
    excluded = [Gate(Reason.EXCLUDED_SEGMENT, _in_segment(occasion, slug), slug) for slug in campaign.audience.exclude]
    leave_out(connection, excluded)


def leave_out_unreachable(connection: Connection, occasion: Occasion) -> None:
    """Leaves out whom some channel of the campaign must not or cannot reach."""
    leave_out(connection, list(_gates(occasion.campaign)))


def set_times(connection: Connection, occasion: Occasion) -> None:
    """Gives everybody the moment of their planned contact, and leaves out those for whom it is too late.

    The planned contact is that of the schedule, or now where that is past, or the end of the quiet hours that it
    falls into. It is the origin of every arm, of those that send nothing or only post as well.
    """
    make_anew(connection, moments)
    if names := connection.scalars(select(selection.c.timezone).distinct()).all():
        connection.execute(insert(moments), [_moment(occasion, name) for name in names])
        count_rows(connection, moments)
    here = selection.c.timezone == moments.c.timezone
    columns = {name: moments.c[name] for name in ("due_at", "origin_at", "reason")}
    connection.execute(update(selection).where(here, selection.c.reason.is_(None)).values(columns))


def leave_out_duplicates(connection: Connection, occasion: Occasion) -> None:
    """One message an inbox, one piece a household: the contact who came first is the recipient."""
    if "email" in occasion.campaign.channels:
        _keep_first(connection, contact.c.email_key, Reason.DUPLICATE_ADDRESS)
    if "direct_mail" in occasion.campaign.channels:
        _keep_first(connection, contact.c.household_key, Reason.HOUSEHOLD_ALREADY_MAILED)


def leave_out_enrolled(connection: Connection, occasion: Occasion) -> None:
    """Leaves out whom an earlier start of this very wave enrolled."""
    here = (enrollment.c.campaign == occasion.campaign.name, enrollment.c.key == occasion.wave.name)
    enrolled = select(enrollment.c.contact_id).where(*here)
    leave_out_rows(connection, Reason.ALREADY_ENROLLED, enrolled.where(enrollment.c.contact_id.in_(_planned())))


def _planned() -> Select[tuple[int]]:
    return select(selection.c.contact_id).where(selection.c.reason.is_(None))


def _in_segment(occasion: Occasion, slug: str) -> ColumnElement[bool]:
    return compile_segment(occasion.project, occasion.project.segments[slug], occasion.now)


def _suppressed(channel: Channel, *, bounced: bool) -> ColumnElement[bool]:
    came_back = or_(*(Position(suppression.c.reason, literal(word, Text)) > 0 for word in CAME_BACK))
    mine = and_(suppression.c.channel == channel, suppression.c.key_hash == hash_column(channel))
    return exists().where(mine, came_back if bounced else ~came_back).correlate(contact)


def _gates(campaign: Campaign) -> Iterator[Gate]:
    if campaign.kind == "marketing":
        for channel in campaign.channels:
            yield Gate(Reason.NO_CONSENT, ~granted(channel, campaign.topic or ""), channel)
    for reason, bounced in ((Reason.SUPPRESSED, False), (Reason.BOUNCED, True)):
        for channel in campaign.channels:
            yield Gate(reason, _suppressed(channel, bounced=bounced), channel)
    if "email" in campaign.channels:
        yield Gate(Reason.NO_EMAIL_ADDRESS, contact.c.email_key.is_(None))
    if "direct_mail" in campaign.channels:
        nowhere = and_(contact.c.address_key.is_(None), contact.c.address_problem.is_(None))
        yield Gate(Reason.NO_POSTAL_ADDRESS, nowhere)
        yield Gate(Reason.UNDELIVERABLE_ADDRESS, contact.c.address_problem.is_not(None))


def _moment(occasion: Occasion, timezone: str) -> dict[str, Any]:
    """The planned contact of everybody in a time zone, and why they cannot have it."""
    wave, quiet = occasion.wave, quiet_hours_of(occasion.project, occasion.campaign)
    own = zone_of(timezone, zone(occasion.project.timezone))
    due_at = wave.due_at(own)
    origin_at = max(due_at, occasion.now)
    if quiet is not None:
        origin_at = end_of_quiet(quiet, origin_at, own)
    return {"timezone": timezone, "due_at": due_at, "origin_at": origin_at,
            "reason": _too_late(wave, due_at, origin_at, occasion.now)}  # fmt: skip


def _too_late(wave: Wave, due_at: datetime, origin_at: datetime, now: datetime) -> Reason | None:
    if wave.max_lateness is None:
        return None
    if due_at + wave.max_lateness - wave.longest_lead < now:
        return Reason.TOO_LATE
    waits = origin_at > max(due_at, now)
    return Reason.QUIET if waits and origin_at >= due_at + wave.max_lateness else None


def _keep_first(connection: Connection, key: ColumnElement[str], reason: Reason) -> None:
    rank = func.row_number().over(partition_by=key, order_by=selection.c.contact_id).label("rank")
    ranked = planned_contacts(selection.c.contact_id, rank).subquery()
    leave_out_rows(connection, reason, select(ranked.c.contact_id).where(ranked.c.rank > 1))
