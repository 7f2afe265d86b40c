"""Tables of colleagues who may look at reports, of their sessions, and of reports that they share."""

from sqlalchemy import Column, ForeignKey, Table, Text

from handbill.store.tables.base import Id, metadata
from handbill.store.types import UtcTime

login = Table(
    "login",
    metadata,
    Column("name", Text, primary_key=True),
    Column("password_hash", Text, nullable=False, comment="argon2id, with its salt and its parameters"),
    Column("added_at", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False, comment="when the password was set"),
)

web_session = Table(
    "web_session",
    metadata,
    Column("digest", Text, primary_key=True, comment="SHA-256 of the token in the cookie, which is not kept"),
    Column("login_name", ForeignKey("login.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("begun_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False, comment="about when it was last used"),
)

report_share = Table(
    "report_share",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", Text, nullable=False, index=True),
    Column("made_by", Text, nullable=False, comment="name of a login"),
    Column("made_at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("ended_at", UtcTime, comment="when somebody took it back"),
    comment="links that show one report to whoever has them, until they are over",
)
