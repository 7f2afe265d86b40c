"""Gives claims an index that no other is mistaken for, and lets PostgreSQL keep no entry for messages without a code.

PostgreSQL wrote these entries anew at every change. SQLite writes only those that change, and would have to copy the
whole table.
"""

import sqlalchemy as sa
from alembic import op

revision = '0004'
down_revision = '0003'
branch_labels = None
depends_on = None


def upgrade() -> None:
    waits = sa.text("coalesce(state, '') = 'queued'")
    op.drop_index('ix_outbox_claim', 'outbox')
    op.create_index(
        'ix_outbox_claim', 'outbox', ['run_id', 'channel', 'not_before', 'id'], postgresql_where=waits,
        sqlite_where=waits,
    )
    if op.get_bind().dialect.name == 'postgresql':
        op.drop_constraint('uq_outbox_code', 'outbox')
        op.create_index('ix_outbox_code', 'outbox', ['code'], unique=True, postgresql_where=sa.text('code IS NOT NULL'))
