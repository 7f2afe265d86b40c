"""The table of where the links of published campaigns lead."""

from sqlalchemy import CheckConstraint, Column, Integer, Table, Text

from handbill.store.tables.base import Id, metadata
from handbill.store.types import UtcTime

LINK_KINDS = ("fixed", "personal", "trap", "code")

link = Table(
    "link",
    metadata,
    Column("id", Id, primary_key=True),
    Column("digest", Text, nullable=False, unique=True, comment="of all that follows but the time"),
    Column("campaign", Text, nullable=False, index=True),
    Column("arm", Text, nullable=False),
    Column("language", Text, nullable=False, comment="of the template in which it stands"),
    Column("position", Integer, nullable=False, comment="its place in the template, from 0"),
    Column(
        "kind",
        Text,
        nullable=False,
        comment="personal: only a recipient makes it whole; trap: no person sees it; code: printed",
    ),
    Column("target", Text, nullable=False, comment="where it leads, or as the template writes it; never changed"),
    Column("made_at", UtcTime, nullable=False),
    CheckConstraint("kind IN ({})".format(", ".join(f"'{kind}'" for kind in LINK_KINDS)), name="kind"),
    comment="where links lead that are counted: fixed when their campaign is published",
)
