"""Makes room for what policies, imports and plans remember."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "plan_record",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("campaign", sa.Text(), nullable=False),
        sa.Column("wave", sa.Text(), nullable=False),
        sa.Column("made_by", sa.Text(), nullable=False, comment="plan or run"),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("selected", sa.BigInteger(), nullable=False),
        sa.Column("planned", sa.BigInteger(), nullable=False),
        sa.Column(
            "definition",
            sa.JSON(none_as_null=True).with_variant(
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), "postgresql"
            ),
            nullable=False,
            comment="what was declared, with the words that decide nothing",
        ),
        sa.Column(
            "contacts", sa.Text(), nullable=False, comment="where everybody ended, compressed: ids, arms and reasons"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_record")),
        comment="the latest plans of each campaign, so that the next one can say what moved",
    )
    with op.batch_alter_table("plan_record", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_plan_record_campaign_id"), ["campaign", "id"], unique=False)

    with op.batch_alter_table("enrollment", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "due_at",
                sa.BigInteger(),
                nullable=True,
                comment="when the message leaves, or would have left for a holdout",
            )
        )

    with op.batch_alter_table("event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_contact_id_kind_occurred_at"))
        batch_op.create_index(batch_op.f("ix_event_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_event_kind_contact_id_occurred_at_verdict"),
            ["kind", "contact_id", "occurred_at", "verdict"],
            unique=False,
        )

    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_orders_contact_id_ordered_at"))
        batch_op.create_index(
            batch_op.f("ix_orders_contact_id_ordered_at_total"), ["contact_id", "ordered_at", "total"], unique=False
        )

    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.add_column(
            sa.Column(
                "timezone",
                sa.Text(),
                nullable=True,
                comment="the recipient's, for quiet hours; empty where nothing is known",
            )
        )
