"""Tables of what leaves: the outbox, printed batches, limits, copies for seed mailboxes."""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from handbill.store.tables.base import Id, metadata
from handbill.store.types import UtcTime

OUTBOX_STATES = (
    "planned", "queued", "claimed", "committing", "accepted", "failed", "uncertain",
    "skipped", "render_error", "cancelled", "expired", "closed_unknown",
)  # fmt: skip

WAITS = text("coalesce(state, '') = 'queued'")

outbox = Table(
    "outbox",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("enrollment_id", ForeignKey("enrollment.id"), nullable=False),
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), nullable=False),
    Column("channel", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("arm", Text, nullable=False),
    Column("address", Text, nullable=False, comment="the mailbox, or the address lines joined by newlines"),
    Column("address_key", Text, nullable=False, comment="one message per address, run and step"),
    Column("address_hash", Text, nullable=False, comment="email_hash or postal_hash of the contact"),
    Column("domain", Text, comment="recipient domain, for limits"),
    Column("timezone", Text, comment="the recipient's, for quiet hours; empty where nothing is known"),
    Column("state", Text, nullable=False),
    Column("reason", Text, comment="why it was skipped, failed or not rendered"),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("owner", Text),
    Column("lease_until", UtcTime),
    Column("not_before", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("message_id", Text, nullable=False, unique=True, comment="fixed for all attempts; a piece id for post"),
    Column("message_at", UtcTime, nullable=False, comment="the Date header, fixed for all attempts"),
    Column("idempotency_key", Text, nullable=False),
    Column("provider_id", Text),
    Column("code", Text, comment="the piece's unique response code"),
    Column("answer_code", Integer),
    Column("answer_text", Text),
    Column("evidence", Text, comment="what settled an uncertain delivery"),
    Column("cost", BigInteger, nullable=False, server_default="0"),
    Column("accepted_at", UtcTime),
    Column("settled_at", UtcTime),
    UniqueConstraint("enrollment_id", "step", "channel"),
    UniqueConstraint("run_id", "step", "channel", "address_key"),
    CheckConstraint("state IN ({})".format(", ".join(f"'{state}'" for state in OUTBOX_STATES)), name="state"),
    # Written so that statements may ask for it, and for no other index: see `held.waits`.
    Index("ix_outbox_claim", "run_id", "channel", "not_before", "id", postgresql_where=WAITS, sqlite_where=WAITS),
    # E-mails have none: PostgreSQL keeps an entry for each of them all the same, and writes it anew with every change.
    UniqueConstraint("code").ddl_if(dialect="sqlite"),
    Index("ix_outbox_code", "code", unique=True, postgresql_where=text("code IS NOT NULL")).ddl_if(
        dialect="postgresql"
    ),
    Index("ix_outbox_provider", "provider_id", postgresql_where=text("provider_id IS NOT NULL"),
          sqlite_where=text("provider_id IS NOT NULL")),  # of SMTP there is none: nothing to keep up to date
    Index("ix_outbox_run_state", "run_id", "state"),
    Index(None, "contact_id", "run_id"),
)  # fmt: skip

attempt = Table(
    "attempt",
    metadata,
    Column("id", Id, primary_key=True),
    Column("outbox_id", ForeignKey("outbox.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("number", Integer, nullable=False),
    Column("ended_at", UtcTime, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("answer_code", Integer),
    Column("answer_text", Text),
)

print_batch = Table(
    "print_batch",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("state", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("pieces", Integer, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("pdf_sha256", Text),
    Column("directory", Text, nullable=False),
    Column("owner", Text, nullable=False, comment="the process that makes it, on the machine of its directory"),
    Column("lease_until", UtcTime, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("handed_over_at", UtcTime),
    CheckConstraint("state IN ('making', 'handed_over')", name="state"),
)

print_piece = Table(
    "print_piece",
    metadata,
    Column("outbox_id", ForeignKey("outbox.id", ondelete="CASCADE"), primary_key=True),
    Column("batch_id", ForeignKey("print_batch.id"), nullable=False, index=True),
    Column("sequence", Integer, nullable=False),
    Column("page_from", Integer, nullable=False),
    Column("page_to", Integer, nullable=False),
    UniqueConstraint("batch_id", "sequence"),
)

rate_bucket = Table(
    "rate_bucket",
    metadata,
    Column("name", Text, primary_key=True, comment="channel, or channel and recipient domain"),
    Column("tokens", Float, nullable=False),
    Column("filled_at", UtcTime, nullable=False),
)

budget_use = Table(
    "budget_use",
    metadata,
    Column("channel", Text, primary_key=True),
    Column("spent", BigInteger, nullable=False, server_default="0", comment="committed money, over all runs"),
)

seed_copy = Table(
    "seed_copy",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("arm", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("address", Text, nullable=False, comment="a mailbox of the project's own"),
    Column("state", Text, nullable=False),
    Column("begun_at", UtcTime),
    Column("settled_at", UtcTime),
    Column("answer_text", Text, comment="what the server said, or why it could not be made"),
    UniqueConstraint("run_id", "arm", "language", "address"),
    CheckConstraint("state IN ('waiting', 'sending', 'accepted', 'failed', 'uncertain')", name="state"),
    comment="copies for seed mailboxes, which nothing counts",
)
