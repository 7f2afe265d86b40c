"""Tables of what people decide for themselves on our pages, beside the ledger of consents."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text

from handbill.store.tables.base import Id, Json, metadata
from handbill.store.types import UtcTime

preference = Table(
    "preference",
    metadata,
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("paused_until", UtcTime, comment="no marketing before; null without a pause"),
    Column("at_most", Integer, comment="marketing messages in any `per_days`; null for as many as there are"),
    Column("per_days", Integer),
    Column("changed_at", UtcTime, nullable=False),
    CheckConstraint("(at_most IS NULL) = (per_days IS NULL)", name="frequency"),
    comment="only those who asked for something",
)

confirmation = Table(
    "confirmation",
    metadata,
    Column("id", Id, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), index=True, comment="null for a subscription"),
    Column("email", Text, comment="where the mail goes; forgotten when the link in it is over"),
    Column("email_hash", Text, nullable=False, comment="the contact's email_hash"),
    Column("language", Text, nullable=False),
    Column("topics", Json, nullable=False),
    Column("source", Text, nullable=False, comment="the page or form where it was asked for"),
    Column("wording", Text, comment="what the person read"),
    Column("network_hash", Text, nullable=False, comment="keyed hash of the network that it was asked from"),
    Column("requested_at", UtcTime, nullable=False),
    Column("mail_begun_at", UtcTime, comment="the mail may have left since then"),
    Column("mailed_at", UtcTime),
    Column("problem", Text, comment="why no mail was sent"),
    Column("confirmed_at", UtcTime),
    CheckConstraint("purpose IN ('subscribe', 'export', 'erase')", name="purpose"),
    Index(None, "email_hash", "requested_at"),
    Index(None, "network_hash", "requested_at"),
    comment="what was asked for on a page and counts only once the mailbox's owner confirms it",
)
