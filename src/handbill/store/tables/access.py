"""Tables of who may come in: keys of other systems, and what they were answered."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from handbill.store.tables.base import Id, Json, metadata
from handbill.store.types import UtcTime

api_key = Table(
    "api_key",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False, unique=True, comment="the system that has the key"),
    Column("digest", Text, nullable=False, unique=True, comment="SHA-256 of the key, which is not kept"),
    Column("scopes", Text, nullable=False, comment="what it may bring, separated by spaces"),
    Column("created_at", UtcTime, nullable=False),
    Column("used_at", UtcTime, comment="about when it was last used"),
    Column("revoked_at", UtcTime),
)

api_answer = Table(
    "api_answer",
    metadata,
    Column("key_id", ForeignKey("api_key.id", ondelete="CASCADE"), primary_key=True),
    Column("request_id", Text, primary_key=True, comment="the Idempotency-Key that came with the request"),
    Column("request_digest", Text, nullable=False, comment="SHA-256 of what was asked"),
    Column("answer", Json, nullable=False, comment="counts; one with rejected rows is not kept"),
    Column("at", UtcTime, nullable=False),
    Index(None, "at"),
    comment="answers for repeated requests, kept for some days",
)
