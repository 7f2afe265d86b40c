"""Makes room for what policies, imports and plans remember."""

import sqlalchemy as sa
from alembic import op


revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table('enrollment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('due_at', sa.BigInteger(), nullable=True, comment='when the message leaves, or would have left for a holdout'))

