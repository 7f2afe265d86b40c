"""Which contact an external id names."""

from sqlalchemy import ColumnElement, or_, select

from handbill.store.tables import contact, contact_merge


def has_id(external_id: str) -> ColumnElement[bool]:
    """Whether the contact of the statement around this one has the id as its own, or as one that was merged into it."""
    merged = select(contact_merge.c.contact_id).where(contact_merge.c.merged_external_id == external_id)
    return or_(contact.c.external_id == external_id, contact.c.id.in_(merged))
