"""Tables of whom we know: contacts, merges, consents, suppressions."""

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text, UniqueConstraint, text

from handbill.store.tables.base import Id, Json, metadata
from handbill.store.types import UtcTime

contact = Table(
    "contact",
    metadata,
    Column("id", Id, primary_key=True),
    Column("external_id", Text, nullable=False, unique=True),
    Column("email", Text),
    Column("email_key", Text, index=True, comment="lower case, IDN domain as A-label: equal for equal mailboxes"),
    Column("phone", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("company", Text),
    Column("language", Text),
    Column("timezone", Text),
    Column("address_line1", Text),
    Column("address_line2", Text),
    Column("city", Text),
    Column("region", Text),
    Column("postcode", Text),
    Column("country", Text),
    Column("address_key", Text, index=True, comment="normalised address with its unit"),
    Column("household_key", Text, nullable=False, index=True, comment="external id of the household"),
    Column("email_hash", Text, index=True, comment="keyed hash of email_key, for suppression and logs"),
    Column("postal_hash", Text, index=True, comment="keyed hash of address_key, for suppression and logs"),
    Column("address_problem", Text, comment="why post cannot go there; null when it can or there is no address"),
    Column("attributes", Json, nullable=False, server_default=text("'{}'")),
    Column("created_at", UtcTime, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
)

contact_merge = Table(
    "contact_merge",
    metadata,
    Column("id", Id, primary_key=True),
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("merged_external_id", Text, nullable=False, unique=True, comment="names the contact that was kept as well"),
    Column("by_key", Text, nullable=False, comment="email, phone or address"),
    Column("at", UtcTime, nullable=False),
    Column("source", Text, nullable=False),
    comment="who turned out to be a contact that we knew",
)

attribute_history = Table(
    "attribute_history",
    metadata,
    Column("id", Id, primary_key=True),
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("value", Json),
    Column("from_at", UtcTime, nullable=False),
    Index(None, "contact_id", "name", "from_at"),
)

consent = Table(
    "consent",
    metadata,
    Column("id", Id, primary_key=True),
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("source", Text, nullable=False),
    Column("wording", Text),
    Column("proof", Json),
    CheckConstraint("state IN ('granted', 'withdrawn')", name="state"),
    UniqueConstraint("contact_id", "channel", "topic", "at", "state"),
    comment="append-only ledger; the latest row of contact, channel and topic is in force",
)

suppression = Table(
    "suppression",
    metadata,
    Column("id", Id, primary_key=True),
    Column("channel", Text, nullable=False),
    Column("key_hash", Text, nullable=False, comment="a contact's email_hash or postal_hash"),
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("source", Text, nullable=False),
    UniqueConstraint("channel", "key_hash"),
)

suppressed_digest = Table(
    "suppressed_digest",
    metadata,
    Column("digest", Text, primary_key=True, comment="SHA-256 of an e-mail address in lower case, as others export it"),
    Column("reason", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("source", Text, nullable=False),
    comment="mailboxes that we know by hash only; contacts that have one of them are suppressed as they come",
)
