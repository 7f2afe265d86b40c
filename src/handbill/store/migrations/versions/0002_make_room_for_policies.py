"""Makes room for what policies, imports and plans remember."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('plan_record',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('wave', sa.Text(), nullable=False),
    sa.Column('made_by', sa.Text(), nullable=False, comment='plan or run'),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('selected', sa.BigInteger(), nullable=False),
    sa.Column('planned', sa.BigInteger(), nullable=False),
    sa.Column('definition', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False, comment='what was declared, with the words that decide nothing'),
    sa.Column('contacts', sa.Text(), nullable=False, comment='where everybody ended, compressed: ids, arms and reasons'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_plan_record')),
    comment='the latest plans of each campaign, so that the next one can say what moved'
    )
    with op.batch_alter_table('plan_record', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_plan_record_campaign_id'), ['campaign', 'id'], unique=False)

    op.create_table('suppressed_digest',
    sa.Column('digest', sa.Text(), nullable=False, comment='SHA-256 of an e-mail address in lower case, as others export it'),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_suppressed_digest')),
    comment='mailboxes that we know by hash only; contacts that have one of them are suppressed as they come'
    )
    op.create_table('contact_merge',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('merged_external_id', sa.Text(), nullable=False, comment='names the contact that was kept as well'),
    sa.Column('by_key', sa.Text(), nullable=False, comment='email, phone or address'),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_contact_merge_contact_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact_merge')),
    sa.UniqueConstraint('merged_external_id', name=op.f('uq_contact_merge_merged_external_id')),
    comment='who turned out to be a contact that we knew'
    )
    with op.batch_alter_table('contact_merge', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_contact_merge_contact_id'), ['contact_id'], unique=False)

    op.create_table('experiment_result',
    sa.Column('experiment_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('metric', sa.Text(), nullable=False),
    sa.Column('arm', sa.Text(), nullable=False),
    sa.Column('control', sa.Text(), nullable=False),
    sa.Column('channels', sa.Text(), nullable=False, comment='what the arm was sent, joined by +; empty for nothing'),
    sa.Column('against', sa.Text(), nullable=False, comment='what the control was sent'),
    sa.Column('is_primary', sa.Boolean(), nullable=False),
    sa.Column('difference', sa.Float(), nullable=False, comment="arm minus control, per unit, in the metric's own unit"),
    sa.Column('standard_error', sa.Float(), nullable=False),
    sa.Column('control_mean', sa.Float(), nullable=True),
    sa.Column('p_value_adjusted', sa.Float(), nullable=True),
    sa.Column('within_seconds', sa.BigInteger(), nullable=False),
    sa.Column('kept_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiment.id'], name=op.f('fk_experiment_result_experiment_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('experiment_id', 'metric', 'arm', 'control', name=op.f('pk_experiment_result')),
    comment='what finished experiments showed, for the plans of later ones'
    )
    op.create_table('seed_copy',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('arm', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False, comment="a mailbox of the project's own"),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('begun_at', sa.BigInteger(), nullable=True),
    sa.Column('settled_at', sa.BigInteger(), nullable=True),
    sa.Column('answer_text', sa.Text(), nullable=True, comment='what the server said, or why it could not be made'),
    sa.CheckConstraint("state IN ('waiting', 'sending', 'accepted', 'failed', 'uncertain')", name=op.f('ck_seed_copy_state')),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_seed_copy_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_seed_copy')),
    sa.UniqueConstraint('run_id', 'arm', 'language', 'address', name=op.f('uq_seed_copy_run_id_arm_language_address')),
    comment='copies for seed mailboxes, which nothing counts'
    )
    with op.batch_alter_table('enrollment', schema=None) as batch_op:
        batch_op.add_column(sa.Column('due_at', sa.BigInteger(), nullable=True, comment='when the message leaves, or would have left for a holdout'))

    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_event_contact_id_kind_occurred_at'))
        batch_op.drop_index(batch_op.f('ix_event_outbox_id'))
        batch_op.create_index(batch_op.f('ix_event_contact_id'), ['contact_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_event_kind_contact_id_occurred_at_verdict'), ['kind', 'contact_id', 'occurred_at', 'verdict'], unique=False)
        batch_op.create_index(batch_op.f('ix_event_outbox_id_kind_verdict'), ['outbox_id', 'kind', 'verdict'], unique=False)

    with op.batch_alter_table('orders', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_orders_contact_id_ordered_at'))
        batch_op.create_index(batch_op.f('ix_orders_contact_id_ordered_at_total'), ['contact_id', 'ordered_at', 'total'], unique=False)

    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.add_column(sa.Column('timezone', sa.Text(), nullable=True, comment="the recipient's, for quiet hours; empty where nothing is known"))
        batch_op.drop_index(batch_op.f('ix_outbox_contact_id'))
        batch_op.create_index(batch_op.f('ix_outbox_contact_id_run_id'), ['contact_id', 'run_id'], unique=False)

    with op.batch_alter_table('run', schema=None) as batch_op:
        batch_op.add_column(sa.Column('resumed_at', sa.BigInteger(), nullable=True, comment='after this, what came back before counts no more against going on'))

