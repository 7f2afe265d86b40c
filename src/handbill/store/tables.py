"""What is kept: every table of the store, in the order in which a campaign fills them.

Money is integer millionths of the currency, times are `UtcTime`, states are lower-case words. Free-form values are
JSON (JSONB on PostgreSQL). The outbox's states and the books that must balance are described in
docs/reference/outbox.md.
"""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from handbill.store.types import UtcTime

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Json = JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
Id = BigInteger().with_variant(Integer, "sqlite")  # only INTEGER PRIMARY KEY counts up by itself in SQLite

# ---------------------------------------------------------------- who we know

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

# ---------------------------------------------------------------- what they did

product = Table(
    "product",
    metadata,
    Column("sku", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("category", Text),
    Column("price", BigInteger),
    Column("cost", BigInteger),
    Column("properties", Json, nullable=False, server_default=text("'{}'")),
)

orders = Table(
    "orders",
    metadata,
    Column("id", Id, primary_key=True),
    Column("external_id", Text, nullable=False, unique=True),
    Column("contact_id", ForeignKey("contact.id", ondelete="SET NULL")),
    Column("ordered_at", UtcTime, nullable=False, index=True),
    Column("received_at", UtcTime, nullable=False),
    Column("total", BigInteger, nullable=False, comment="what the customer pays: after discount, less refunds"),
    Column("discount", BigInteger, nullable=False, server_default="0"),
    Column("refund", BigInteger, nullable=False, server_default="0"),
    Column("cost", BigInteger, comment="cost of goods; null when the lines carry none"),
    Column("currency", Text, nullable=False),
    Column("code", Text, index=True, comment="piece or voucher code that came with the order"),
    Column("source", Text, nullable=False),
    Index(None, "contact_id", "ordered_at", "total"),  # with the total, sums and counts need no look at the orders
)

order_line = Table(
    "order_line",
    metadata,
    Column("id", Id, primary_key=True),
    Column("order_id", ForeignKey("orders.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("sku", Text, nullable=False),
    Column("quantity", Integer, nullable=False),
    Column("price", BigInteger, nullable=False, comment="of one piece, after discount"),
    Column("cost", BigInteger),
)

event = Table(
    "event",
    metadata,
    Column("id", Id, primary_key=True),
    Column("source", Text, nullable=False),
    Column("source_event_id", Text, nullable=False),
    Column("kind", Text, nullable=False, comment="email.clicked, letter.delivered, page_view…"),
    Column("contact_id", ForeignKey("contact.id", ondelete="CASCADE")),
    Column("outbox_id", ForeignKey("outbox.id", ondelete="SET NULL")),
    Column("occurred_at", UtcTime, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("verdict", Text, comment="human, machine, proxy or unknown, where that is a question"),
    Column("properties", Json, nullable=False, server_default=text("'{}'")),
    UniqueConstraint("source", "source_event_id"),
    Index(None, "contact_id"),
    # Segments count one kind over all contacts: in this order without sorting, and without a look at the events.
    Index(None, "kind", "contact_id", "occurred_at", "verdict"),
    Index(None, "outbox_id", "kind", "verdict"),  # reports count answers without a look at the events
    comment="append-only: everything that a contact did, over all channels",
)

source_watermark = Table(
    "source_watermark",
    metadata,
    Column("kind", Text, primary_key=True, comment="orders, events, …"),
    Column("source", Text, primary_key=True),
    Column("complete_until", UtcTime, nullable=False),
    Column("imported_at", UtcTime, nullable=False),
)

# ---------------------------------------------------------------- what was declared, and when it was sealed

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

# ---------------------------------------------------------------- who gets what, and why the others do not

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

# ---------------------------------------------------------------- what leaves

OUTBOX_STATES = (
    "planned", "queued", "claimed", "committing", "accepted", "failed", "uncertain",
    "skipped", "render_error", "cancelled", "expired", "closed_unknown",
)  # fmt: skip

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
    Column("provider_id", Text, index=True),
    Column("code", Text, unique=True, comment="the piece's unique response code"),
    Column("answer_code", Integer),
    Column("answer_text", Text),
    Column("evidence", Text, comment="what settled an uncertain delivery"),
    Column("cost", BigInteger, nullable=False, server_default="0"),
    Column("accepted_at", UtcTime),
    Column("settled_at", UtcTime),
    UniqueConstraint("enrollment_id", "step", "channel"),
    UniqueConstraint("run_id", "step", "channel", "address_key"),
    CheckConstraint("state IN ({})".format(", ".join(f"'{state}'" for state in OUTBOX_STATES)), name="state"),
    Index("ix_outbox_claim", "run_id", "channel", "not_before", "id", postgresql_where=text("state = 'queued'"),
          sqlite_where=text("state = 'queued'")),
    Index("ix_outbox_lease", "lease_until", postgresql_where=text("state IN ('claimed', 'committing')"),
          sqlite_where=text("state IN ('claimed', 'committing')")),
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

experiment_result = Table(
    "experiment_result",
    metadata,
    Column("experiment_id", ForeignKey("experiment.id", ondelete="CASCADE"), primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("control", Text, primary_key=True),
    Column("channels", Text, nullable=False, comment="what the arm was sent, joined by +; empty for nothing"),
    Column("against", Text, nullable=False, comment="what the control was sent"),
    Column("is_primary", Boolean, nullable=False),
    Column("difference", Float, nullable=False, comment="arm minus control, per unit, in the metric's own unit"),
    Column("standard_error", Float, nullable=False),
    Column("control_mean", Float),
    Column("p_value_adjusted", Float),
    Column("within_seconds", BigInteger, nullable=False),
    Column("kept_at", UtcTime, nullable=False),
    comment="what finished experiments showed, for the plans of later ones",
)

simulated_truth = Table(
    "simulated_truth",
    metadata,
    Column("campaign", Text, primary_key=True),
    Column("metric", Text, primary_key=True),
    Column("arm", Text, primary_key=True),
    Column("control", Text, primary_key=True),
    Column("difference", Float, nullable=False),
    comment="true effects of simulated responses; empty outside demonstrations",
)
