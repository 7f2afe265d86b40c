"""Tables of what vendors report by webhook: requests as they came, events that nobody could place, and counts."""

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from handbill.store.tables.base import Id, Json, metadata
from handbill.store.types import UtcTime

webhook = Table(
    "webhook",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source", Text, nullable=False, comment="the hook's name in its address"),
    Column("format", Text, nullable=False, comment="whose words the body is in"),
    Column("nonce", Text, nullable=False, comment="digest of what must not come twice with another body"),
    Column("digest", Text, nullable=False, comment="SHA-256 of the body"),
    Column("headers", Json, nullable=False, comment="those by which it was verified, without passwords"),
    Column("body", LargeBinary, comment="as it came; null when it was forgotten"),
    Column("received_at", UtcTime, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("processed_at", UtcTime),
    Column("events", Integer, comment="how many events were in it"),
    Column("error", Text, comment="why it could not be worked on"),
    UniqueConstraint("source", "nonce"),
    CheckConstraint("state IN ('waiting', 'asking', 'done', 'broken')", name="state"),
    Index("ix_webhook_kept", "received_at", postgresql_where=text("body IS NOT NULL"),
          sqlite_where=text("body IS NOT NULL")),
    Index("ix_webhook_waiting", "state", "id", postgresql_where=text("state IN ('waiting', 'asking')"),
          sqlite_where=text("state IN ('waiting', 'asking')")),
    comment="requests of vendors, verified and stored before anything else happens",
)  # fmt: skip

stray_event = Table(
    "stray_event",
    metadata,
    Column("source", Text, primary_key=True),
    Column("source_event_id", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("provider_id", Text, index=True),
    Column("message_id", Text, index=True),
    Column("occurred_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("verdict", Text),
    Column("properties", Json, nullable=False),
    Column("webhook_id", ForeignKey("webhook.id", ondelete="SET NULL"), index=True),
    comment="events about messages that we do not know: kept, counted, and believed only once the message is known",
)

webhook_count = Table(
    "webhook_count",
    metadata,
    Column("source", Text, primary_key=True),
    Column("what", Text, primary_key=True, comment="refused, unknown, passed over, stray, known, new…"),
    Column("word", Text, primary_key=True, comment="the reason, or the vendor's word"),
    Column("count", Id, nullable=False),
    Column("last_at", UtcTime, nullable=False),
)
