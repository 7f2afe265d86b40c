"""Who receives a campaign now, and why each of the others does not.

A contact is planned only when every channel that any arm uses may and can reach them: were it otherwise, the arms
would hold different kinds of people. Reasons are tried in the order of `Reason`; the first one that holds counts.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Text,
    and_,
    case,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from handbill.contacts.consent import granted
from handbill.contacts.suppressions import hash_column
from handbill.definitions.campaign import Channel
from handbill.definitions.values import zone
from handbill.planning.comparisons import Position
from handbill.planning.conditions import compile_segment
from handbill.planning.schedule import zone_of
from handbill.planning.selection import (
    Occasion,
    begin_selection,
    count_rows,
    leave_out,
    leave_out_rows,
    planned_contacts,
    selection,
)
from handbill.store.tables import contact, enrollment, suppression
from handbill.store.types import UtcTime, micros_of


class Reason(StrEnum):
    """Why a selected contact is left out, in the order in which the reasons are tried."""

    EXCLUDED_SEGMENT = "excluded_segment"
    NO_CONSENT = "no_consent"
    SUPPRESSED = "suppressed"
    BOUNCED = "bounced"
    NO_EMAIL_ADDRESS = "no_email_address"
    NO_POSTAL_ADDRESS = "no_postal_address"
    UNDELIVERABLE_ADDRESS = "undeliverable_address"
    TOO_LATE = "too_late"
    CAPPED = "capped"
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
    Reason.TOO_LATE: "too late in their time zone",
    Reason.CAPPED: "had as many messages as a cap allows",
    Reason.GLOBAL_HOLDOUT: "in the global holdout",
    Reason.DUPLICATE_ADDRESS: "another contact has the same address",
    Reason.HOUSEHOLD_ALREADY_MAILED: "somebody else in the household is the recipient",
    Reason.ALREADY_ENROLLED: "already in this wave",
    Reason.NOT_IN_PLAN: "selected only after the approved plan was made",
}

CAME_BACK = ("bounce", "returned")
"""A suppression whose reason holds one of these words comes from mail that could not be delivered."""


def select_audience(connection: Connection, occasion: Occasion) -> None:
    """Begins the selection: everybody in an included segment; those in an excluded one are left out."""
    begin_selection(connection)
    campaign = occasion.campaign
    unit = contact.c.household_key if campaign.unit == "household" else contact.c.external_id
    included = or_(*(_in_segment(occasion, slug) for slug in campaign.audience.include))
    people = select(contact.c.id, unit).where(included).order_by(contact.c.id)
    connection.execute(insert(selection).from_select(["contact_id", "unit_id"], people))
    count_rows(connection)
    for slug in campaign.audience.exclude:
        leave_out(connection, Reason.EXCLUDED_SEGMENT, _in_segment(occasion, slug), slug)


def leave_out_unreachable(connection: Connection, occasion: Occasion) -> None:
    """Leaves out whom some channel of the campaign must not or cannot reach."""
    campaign = occasion.campaign
    if campaign.kind == "marketing":
        for channel in campaign.channels:
            leave_out(connection, Reason.NO_CONSENT, ~granted(channel, campaign.topic or ""), channel)
    for reason, bounced in ((Reason.SUPPRESSED, False), (Reason.BOUNCED, True)):
        for channel in campaign.channels:
            leave_out(connection, reason, _suppressed(channel, bounced=bounced), channel)
    if "email" in campaign.channels:
        leave_out(connection, Reason.NO_EMAIL_ADDRESS, contact.c.email_key.is_(None))
    if "direct_mail" in campaign.channels:
        nowhere = and_(contact.c.address_key.is_(None), contact.c.address_problem.is_(None))
        leave_out(connection, Reason.NO_POSTAL_ADDRESS, nowhere)
        leave_out(connection, Reason.UNDELIVERABLE_ADDRESS, contact.c.address_problem.is_not(None))


def set_times(connection: Connection, occasion: Occasion) -> None:
    """Gives everybody the moment of their planned contact, and leaves out those for whom it is too late."""
    wave, now = occasion.wave, occasion.now
    connection.execute(update(selection).values(due_at=_due_at(connection, occasion)))
    present = literal(now, UtcTime)
    late = selection.c.due_at < present
    connection.execute(update(selection).values(origin_at=case((late, present), else_=selection.c.due_at)))
    if wave.max_lateness is not None:
        grace = micros_of(wave.max_lateness - wave.longest_lead)
        over = type_coerce(selection.c.due_at, BigInteger) + grace < present
        gone = select(selection.c.contact_id).where(selection.c.reason.is_(None), over)
        leave_out_rows(connection, Reason.TOO_LATE, gone)


def leave_out_duplicates(connection: Connection, occasion: Occasion) -> None:
    """One message an inbox, one piece a household: the contact who came first is the recipient."""
    if "email" in occasion.campaign.channels:
        _keep_first(connection, contact.c.email_key, Reason.DUPLICATE_ADDRESS)
    if "direct_mail" in occasion.campaign.channels:
        _keep_first(connection, contact.c.household_key, Reason.HOUSEHOLD_ALREADY_MAILED)


def leave_out_enrolled(connection: Connection, occasion: Occasion) -> None:
    """Leaves out whom an earlier start of this very wave enrolled."""
    here = and_(
        enrollment.c.campaign == occasion.campaign.name,
        enrollment.c.key == occasion.wave.name,
        enrollment.c.contact_id == contact.c.id,
    )
    leave_out(connection, Reason.ALREADY_ENROLLED, exists().where(here).correlate(contact))


def _in_segment(occasion: Occasion, slug: str) -> ColumnElement[bool]:
    return compile_segment(occasion.project, occasion.project.segments[slug], occasion.now)


def _suppressed(channel: Channel, *, bounced: bool) -> ColumnElement[bool]:
    came_back = or_(*(Position(suppression.c.reason, literal(word, Text)) > 0 for word in CAME_BACK))
    mine = and_(suppression.c.channel == channel, suppression.c.key_hash == hash_column(channel))
    return exists().where(mine, came_back if bounced else ~came_back).correlate(contact)


def _due_at(connection: Connection, occasion: Occasion) -> ColumnElement[Any]:
    """The planned contact by time zone, as an expression over the selection."""
    home = zone(occasion.project.timezone)
    usual = literal(occasion.wave.due_at(home), UtcTime)
    if occasion.wave.zone is not None:
        return usual
    zones: dict[Any, list[str]] = {}
    for name in connection.scalars(planned_contacts(contact.c.timezone).distinct()):
        if name is not None:
            zones.setdefault(occasion.wave.due_at(zone_of(name, home)), []).append(name)
    own = select(contact.c.timezone).where(contact.c.id == selection.c.contact_id).correlate(selection)
    whens = [(own.scalar_subquery().in_(names), literal(due_at, UtcTime)) for due_at, names in zones.items()]
    return case(*whens, else_=usual) if whens else usual


def _keep_first(connection: Connection, key: ColumnElement[str], reason: Reason) -> None:
    rank = func.row_number().over(partition_by=key, order_by=selection.c.contact_id).label("rank")
    ranked = planned_contacts(selection.c.contact_id, rank).subquery()
    leave_out_rows(connection, reason, select(ranked.c.contact_id).where(ranked.c.rank > 1))
