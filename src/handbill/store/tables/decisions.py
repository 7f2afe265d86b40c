"""Tables of who gets what, and why the others do not: enrolments, exclusions, arms."""

from sqlalchemy import Column, Float, ForeignKey, Integer, Table, Text, UniqueConstraint

from handbill.store.tables.base import Id, metadata
from handbill.store.types import UtcTime

enrollment = Table(
    "enrollment",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), nullable=False),
    Column("key", Text, nullable=False, comment="the wave of a one-off; the trigger's own key in a journey"),
    Column("run_id", ForeignKey("run.id"), index=True),
    Column("definition_digest", ForeignKey("definition.digest"), nullable=False),
    Column("entered_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, comment="when the message leaves, or would have left for a holdout"),
    Column("exited_at", UtcTime),
    Column("exit_reason", Text),
    UniqueConstraint("campaign", "contact_id", "key"),
)

exclusion = Table(
    "exclusion",
    metadata,
    Column("id", Id, primary_key=True),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), nullable=False),
    Column("reason", Text, nullable=False, comment="a word of handbill.planning.audience.Reason"),
    Column("detail", Text),
    UniqueConstraint("run_id", "contact_id"),
)

assignment = Table(
    "assignment",
    metadata,
    Column("id", Id, primary_key=True),
    Column("experiment_id", ForeignKey("experiment.id"), nullable=False),
    Column("unit_id", Text, nullable=False, comment="external id of the contact or household"),
    Column("epoch", Integer, nullable=False, server_default="0", comment="0 unless a journey may be entered again"),
    Column("arm", Text, nullable=False),
    Column("propensity", Float, nullable=False, comment="probability of this arm at the draw"),
    Column("run_id", ForeignKey("run.id"), nullable=False),
    Column("eligible_at", UtcTime, nullable=False),
    Column("origin_at", UtcTime, nullable=False, comment="earliest planned contact, the same for every arm"),
    UniqueConstraint("experiment_id", "unit_id", "epoch"),
)

assignment_member = Table(
    "assignment_member",
    metadata,
    Column("assignment_id", ForeignKey("assignment.id", ondelete="CASCADE"), primary_key=True),
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE"), primary_key=True, index=True),
    comment="who belonged to the unit when it was first assigned",
)
