"""Tables of what was declared and sealed: definitions, experiments, runs, the latest plans."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from handbill.store.tables.base import Id, Json, metadata
from handbill.store.types import UtcTime

definition = Table(
    "definition",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("campaign", Text, nullable=False, index=True),
    Column("content", Json, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
)

experiment = Table(
    "experiment",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", Text, nullable=False, unique=True),
    Column("salt", Text, nullable=False, unique=True),
    Column("unit", Text, nullable=False),
    Column("registration", Json, nullable=False, comment="hypothesis, arms in sealed order, metrics, windows"),
    Column("registration_digest", Text, nullable=False),
    Column("sealed_at", UtcTime, nullable=False),
)

run = Table(
    "run",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("wave", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("state_reason", Text),
    Column("fence", Integer, nullable=False, server_default="1", comment="counts takeovers; only the latest may plan"),
    Column("definition_digest", ForeignKey("definition.digest"), nullable=False),
    Column("plan_digest", Text, nullable=False),
    Column("plan", Json, nullable=False, comment="the summary that `plan` showed: waterfall, arms, cost, power"),
    Column("scheduled_at", UtcTime, nullable=False),
    Column("latest_at", UtcTime, comment="after this nothing more is sent"),
    Column("started_at", UtcTime, nullable=False),
    Column("resumed_at", UtcTime, comment="after this, what came back before counts no more against going on"),
    Column("finished_at", UtcTime),
    UniqueConstraint("campaign", "wave"),
    CheckConstraint("state IN ('planning', 'running', 'paused', 'finished', 'cancelled')", name="state"),
)

plan_record = Table(
    "plan_record",
    metadata,
    Column("id", Id, primary_key=True),
    Column("campaign", Text, nullable=False),
    Column("wave", Text, nullable=False),
    Column("made_by", Text, nullable=False, comment="plan or run"),
    Column("made_at", UtcTime, nullable=False),
    Column("digest", Text, nullable=False),
    Column("selected", BigInteger, nullable=False),
    Column("planned", BigInteger, nullable=False),
    Column("definition", Json, nullable=False, comment="what was declared, with the words that decide nothing"),
    Column("contacts", Text, nullable=False, comment="where everybody ended, compressed: ids, arms and reasons"),
    Index(None, "campaign", "id"),
    comment="the latest plans of each campaign, so that the next one can say what moved",
)
