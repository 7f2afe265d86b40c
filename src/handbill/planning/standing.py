"""What holds for a contact by the books beside their own row: consent, suppression, and what a field has been."""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, not_, or_, select

from handbill.contacts.consent import EVERY_TOPIC, GRANTED, WITHDRAWN
from handbill.contacts.suppressions import hash_column
from handbill.definitions.fields import ContactField
from handbill.definitions.segment import Comparison, ConsentClause, HistoryClause, MailableClause
from handbill.planning.attributes import AsDocument, json_value
from handbill.planning.comparisons import Present, holds, moment
from handbill.planning.membership import is_among
from handbill.store.tables import attribute_history, consent, contact, suppression


def consents(clause: ConsentClause, present: Present) -> ColumnElement[bool]:
    """Whether the latest entry for the topic, or for all topics, says so; of two at one moment, the withdrawal."""
    entries = select(consent.c.contact_id).where(
        consent.c.channel == clause.channel,
        consent.c.topic.in_((clause.topic, EVERY_TOPIC)),
        consent.c.at <= moment(present.now),
        *_own(consent.c.contact_id, present),
    )
    if clause.state == "unknown":
        return not_(is_among(entries))
    granted_at, withdrawn_at = (
        func.max(case((consent.c.state == each, consent.c.at))) for each in (GRANTED, WITHDRAWN)
    )
    is_granted = and_(granted_at.is_not(None), or_(withdrawn_at.is_(None), granted_at > withdrawn_at))
    groups = entries.group_by(consent.c.contact_id)
    return is_among(groups.having(is_granted if clause.state == GRANTED else not_(is_granted)))


def mailable(clause: MailableClause, present: Present) -> ColumnElement[bool]:
    """Whether there is an address that the channel can deliver to, and it is not suppressed."""
    own = hash_column(clause.channel)
    hashes = select(suppression.c.key_hash).where(
        suppression.c.channel == clause.channel, suppression.c.at <= moment(present.now)
    )
    free = or_(own.is_(None), own.not_in(hashes))
    if clause.channel == "email":
        return and_(contact.c.email_key.is_not(None), free)
    return and_(contact.c.address_key.is_not(None), contact.c.address_problem.is_(None), free)


def has_been(field: ContactField, clause: HistoryClause, present: Present) -> ColumnElement[bool]:
    """Whether the field was one of the values at some time; with `held_for`, since then at the latest, without a break.

    Changes are numbered, so that of two at one moment the later one counts.
    """
    past = attribute_history.c
    at, owner = past.from_at, past.contact_id
    document = AsDocument(past.name, past.value)
    wanted = holds(json_value(document, field.name, field.type), (Comparison("in", clause.values),), present)
    known = (past.name == field.name, at <= moment(present.now), *_own(owner, present))
    if clause.held_for is None:
        return is_among(select(owner).where(*known, wanted))
    number = func.row_number().over(partition_by=owner, order_by=(at, past.id))
    rows = (
        select(owner, at, case((wanted, 1), else_=0).label("wanted"), number.label("number")).where(*known).subquery()
    )
    early = and_(rows.c.wanted == 1, rows.c.from_at <= moment(present.now - clause.held_for))
    began, ended = (func.max(case((each, rows.c.number))) for each in (early, rows.c.wanted == 0))
    unbroken = and_(began.is_not(None), or_(ended.is_(None), began > ended))
    return is_among(select(rows.c.contact_id).group_by(rows.c.contact_id).having(unbroken))


def _own(owner: ColumnElement[Any], present: Present) -> list[ColumnElement[bool]]:
    return [] if present.contact_id is None else [owner == present.contact_id]
