"""Tables of who was erased, of who did what, and of what was tidied up when."""

from sqlalchemy import Column, ForeignKey, Index, Table, Text, text

from handbill.store.tables.base import Id, Json, metadata
from handbill.store.types import UtcTime

erasure = Table(
    "erasure",
    metadata,
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("erased_at", UtcTime, nullable=False),
    comment="contacts of whom nothing is left but their place in the books",
)

chore = Table(
    "chore",
    metadata,
    Column("name", Text, primary_key=True),
    Column("done_at", UtcTime, nullable=False, comment="when there was last nothing more to do"),
    comment="tidying that looks through whole tables, and so is done once a day",
)

audit_entry = Table(
    "audit_entry",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcTime, nullable=False, index=True),
    Column("who", Text, nullable=False, comment="name of a login, of an API key, or of a user of the machine"),
    Column("way", Text, nullable=False, comment="shell, web, api, or self for people who act for themselves"),
    Column("action", Text, nullable=False, comment="a word of handbill.operations.audit.Action"),
    Column("subject", Text, comment="a campaign, a login, an API key, or the number of a contact"),
    Column("details", Json, nullable=False, server_default=text("'{}'"), comment="counts, names and digests"),
    Index(None, "action", "at"),
    comment="append-only: who did what; nothing personal but numbers of contacts",
)
