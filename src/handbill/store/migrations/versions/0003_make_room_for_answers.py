"""Makes room for what comes back, for the public web service, and for decisions on the way."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('api_key',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False, comment='the system that has the key'),
    sa.Column('digest', sa.Text(), nullable=False, comment='SHA-256 of the key, which is not kept'),
    sa.Column('scopes', sa.Text(), nullable=False, comment='what it may bring, separated by spaces'),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('used_at', sa.BigInteger(), nullable=True, comment='about when it was last used'),
    sa.Column('revoked_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_api_key')),
    sa.UniqueConstraint('digest', name=op.f('uq_api_key_digest')),
    sa.UniqueConstraint('name', name=op.f('uq_api_key_name'))
    )
    op.create_table('api_answer',
    sa.Column('key_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('request_id', sa.Text(), nullable=False, comment='the Idempotency-Key that came with the request'),
    sa.Column('request_digest', sa.Text(), nullable=False, comment='SHA-256 of what was asked'),
    sa.Column('status', sa.Integer(), nullable=False),
    sa.Column('answer', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False, comment='counts and reasons, without the values that were sent'),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['key_id'], ['api_key.id'], name=op.f('fk_api_answer_key_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('key_id', 'request_id', name=op.f('pk_api_answer')),
    comment='answers for repeated requests, kept for some days'
    )
    with op.batch_alter_table('api_answer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_answer_at'), ['at'], unique=False)

