"""Tables of what contacts did, and up to when each source has told us."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint, text

from handbill.store.tables.base import Id, Json, metadata
from handbill.store.types import UtcTime

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
    Column("matched_by", Text, comment="what told whose it is: id, email, code or address; null as for id"),
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
    # No foreign key: every click of a campaign would lock the same few rows.
    Column("link_id", BigInteger, comment="the row of `link` that was followed"),
    Column("properties", Json, nullable=False, server_default=text("'{}'")),
    UniqueConstraint("source", "source_event_id"),
    Index(None, "contact_id"),
    # Segments count one kind over all contacts: in this order without sorting, and without a look at the events.
    Index(None, "kind", "contact_id", "occurred_at", "verdict"),
    Index(None, "outbox_id", "kind", "verdict"),  # reports count answers without a look at the events
    Index(None, "link_id", postgresql_where=text("link_id IS NOT NULL"), sqlite_where=text("link_id IS NOT NULL")),
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
