"""Makes all tables of the first version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0001'
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('budget_use',
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('spent', sa.BigInteger(), server_default='0', nullable=False, comment='committed money, over all runs'),
    sa.PrimaryKeyConstraint('channel', name=op.f('pk_budget_use'))
    )
    op.create_table('contact',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('external_id', sa.Text(), nullable=False),
    sa.Column('email', sa.Text(), nullable=True),
    sa.Column('email_key', sa.Text(), nullable=True, comment='lower case, IDN domain as A-label: equal for equal mailboxes'),
    sa.Column('phone', sa.Text(), nullable=True),
    sa.Column('first_name', sa.Text(), nullable=True),
    sa.Column('last_name', sa.Text(), nullable=True),
    sa.Column('company', sa.Text(), nullable=True),
    sa.Column('language', sa.Text(), nullable=True),
    sa.Column('timezone', sa.Text(), nullable=True),
    sa.Column('address_line1', sa.Text(), nullable=True),
    sa.Column('address_line2', sa.Text(), nullable=True),
    sa.Column('city', sa.Text(), nullable=True),
    sa.Column('region', sa.Text(), nullable=True),
    sa.Column('postcode', sa.Text(), nullable=True),
    sa.Column('country', sa.Text(), nullable=True),
    sa.Column('address_key', sa.Text(), nullable=True, comment='normalised address with its unit'),
    sa.Column('household_key', sa.Text(), nullable=False, comment='external id of the household'),
    sa.Column('email_hash', sa.Text(), nullable=True, comment='keyed hash of email_key, for suppression and logs'),
    sa.Column('postal_hash', sa.Text(), nullable=True, comment='keyed hash of address_key, for suppression and logs'),
    sa.Column('address_problem', sa.Text(), nullable=True, comment='why post cannot go there; null when it can or there is no address'),
    sa.Column('attributes', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), server_default=sa.text("'{}'"), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('updated_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_contact')),
    sa.UniqueConstraint('external_id', name=op.f('uq_contact_external_id'))
    )
    op.create_index(op.f('ix_contact_address_key'), 'contact', ['address_key'], unique=False)
    op.create_index(op.f('ix_contact_email_hash'), 'contact', ['email_hash'], unique=False)
    op.create_index(op.f('ix_contact_email_key'), 'contact', ['email_key'], unique=False)
    op.create_index(op.f('ix_contact_household_key'), 'contact', ['household_key'], unique=False)
    op.create_index(op.f('ix_contact_postal_hash'), 'contact', ['postal_hash'], unique=False)
    op.create_table('definition',
    sa.Column('digest', sa.Text(), nullable=False),
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('content', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False),
    sa.Column('first_seen_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_definition'))
    )
    op.create_index(op.f('ix_definition_campaign'), 'definition', ['campaign'], unique=False)
    op.create_table('experiment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('salt', sa.Text(), nullable=False),
    sa.Column('unit', sa.Text(), nullable=False),
    sa.Column('registration', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False, comment='hypothesis, arms in sealed order, metrics, windows'),
    sa.Column('registration_digest', sa.Text(), nullable=False),
    sa.Column('sealed_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_experiment')),
    sa.UniqueConstraint('campaign', name=op.f('uq_experiment_campaign')),
    sa.UniqueConstraint('salt', name=op.f('uq_experiment_salt'))
    )
    op.create_table('product',
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('category', sa.Text(), nullable=True),
    sa.Column('price', sa.BigInteger(), nullable=True),
    sa.Column('cost', sa.BigInteger(), nullable=True),
    sa.Column('properties', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), server_default=sa.text("'{}'"), nullable=False),
    sa.PrimaryKeyConstraint('sku', name=op.f('pk_product'))
    )
    op.create_table('rate_bucket',
    sa.Column('name', sa.Text(), nullable=False, comment='channel, or channel and recipient domain'),
    sa.Column('tokens', sa.Float(), nullable=False),
    sa.Column('filled_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_rate_bucket'))
    )
    op.create_table('simulated_truth',
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('metric', sa.Text(), nullable=False),
    sa.Column('arm', sa.Text(), nullable=False),
    sa.Column('control', sa.Text(), nullable=False),
    sa.Column('difference', sa.Float(), nullable=False),
    sa.PrimaryKeyConstraint('campaign', 'metric', 'arm', 'control', name=op.f('pk_simulated_truth')),
    comment='true effects of simulated responses; empty outside demonstrations'
    )
    op.create_table('source_watermark',
    sa.Column('kind', sa.Text(), nullable=False, comment='orders, events, …'),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('complete_until', sa.BigInteger(), nullable=False),
    sa.Column('imported_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('kind', 'source', name=op.f('pk_source_watermark'))
    )
    op.create_table('suppression',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('key_hash', sa.Text(), nullable=False, comment="a contact's email_hash or postal_hash"),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_suppression')),
    sa.UniqueConstraint('channel', 'key_hash', name=op.f('uq_suppression_channel_key_hash'))
    )
    op.create_table('attribute_history',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('value', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=True),
    sa.Column('from_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_attribute_history_contact_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attribute_history'))
    )
    op.create_index(op.f('ix_attribute_history_contact_id_name_from_at'), 'attribute_history', ['contact_id', 'name', 'from_at'], unique=False)
    op.create_table('consent',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('topic', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('wording', sa.Text(), nullable=True),
    sa.Column('proof', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=True),
    sa.CheckConstraint("state IN ('granted', 'withdrawn')", name=op.f('ck_consent_state')),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_consent_contact_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_consent')),
    sa.UniqueConstraint('contact_id', 'channel', 'topic', 'at', 'state', name=op.f('uq_consent_contact_id_channel_topic_at_state')),
    comment='append-only ledger; the latest row of contact, channel and topic is in force'
    )
    op.create_table('orders',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('external_id', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('ordered_at', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('total', sa.BigInteger(), nullable=False, comment='what the customer pays: after discount, less refunds'),
    sa.Column('discount', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('refund', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('cost', sa.BigInteger(), nullable=True, comment='cost of goods; null when the lines carry none'),
    sa.Column('currency', sa.Text(), nullable=False),
    sa.Column('code', sa.Text(), nullable=True, comment='piece or voucher code that came with the order'),
    sa.Column('source', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_orders_contact_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_orders')),
    sa.UniqueConstraint('external_id', name=op.f('uq_orders_external_id'))
    )
    op.create_index(op.f('ix_orders_code'), 'orders', ['code'], unique=False)
    op.create_index(op.f('ix_orders_contact_id_ordered_at'), 'orders', ['contact_id', 'ordered_at'], unique=False)
    op.create_index(op.f('ix_orders_ordered_at'), 'orders', ['ordered_at'], unique=False)
    op.create_table('run',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('wave', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('state_reason', sa.Text(), nullable=True),
    sa.Column('fence', sa.Integer(), server_default='1', nullable=False, comment='counts takeovers; only the latest may plan'),
    sa.Column('definition_digest', sa.Text(), nullable=False),
    sa.Column('plan_digest', sa.Text(), nullable=False),
    sa.Column('plan', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False, comment='the summary that `plan` showed: waterfall, arms, cost, power'),
    sa.Column('scheduled_at', sa.BigInteger(), nullable=False),
    sa.Column('latest_at', sa.BigInteger(), nullable=True, comment='after this nothing more is sent'),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('finished_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state IN ('planning', 'running', 'paused', 'finished', 'cancelled')", name=op.f('ck_run_state')),
    sa.ForeignKeyConstraint(['definition_digest'], ['definition.digest'], name=op.f('fk_run_definition_digest')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_run')),
    sa.UniqueConstraint('campaign', 'wave', name=op.f('uq_run_campaign_wave'))
    )
    op.create_table('assignment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('experiment_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('unit_id', sa.Text(), nullable=False, comment='external id of the contact or household'),
    sa.Column('epoch', sa.Integer(), server_default='0', nullable=False, comment='0 unless a journey may be entered again'),
    sa.Column('arm', sa.Text(), nullable=False),
    sa.Column('propensity', sa.Float(), nullable=False, comment='probability of this arm at the draw'),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('eligible_at', sa.BigInteger(), nullable=False),
    sa.Column('origin_at', sa.BigInteger(), nullable=False, comment='earliest planned contact, the same for every arm'),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiment.id'], name=op.f('fk_assignment_experiment_id')),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_assignment_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_assignment')),
    sa.UniqueConstraint('experiment_id', 'unit_id', 'epoch', name=op.f('uq_assignment_experiment_id_unit_id_epoch'))
    )
    op.create_table('enrollment',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('key', sa.Text(), nullable=False, comment="the wave of a one-off; the trigger's own key in a journey"),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('definition_digest', sa.Text(), nullable=False),
    sa.Column('entered_at', sa.BigInteger(), nullable=False),
    sa.Column('exited_at', sa.BigInteger(), nullable=True),
    sa.Column('exit_reason', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_enrollment_contact_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['definition_digest'], ['definition.digest'], name=op.f('fk_enrollment_definition_digest')),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_enrollment_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_enrollment')),
    sa.UniqueConstraint('campaign', 'contact_id', 'key', name=op.f('uq_enrollment_campaign_contact_id_key'))
    )
    op.create_index(op.f('ix_enrollment_run_id'), 'enrollment', ['run_id'], unique=False)
    op.create_table('exclusion',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False, comment='a word of handbill.planning.audience.Reason'),
    sa.Column('detail', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_exclusion_contact_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_exclusion_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_exclusion')),
    sa.UniqueConstraint('run_id', 'contact_id', name=op.f('uq_exclusion_run_id_contact_id'))
    )
    op.create_table('order_line',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('order_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('sku', sa.Text(), nullable=False),
    sa.Column('quantity', sa.Integer(), nullable=False),
    sa.Column('price', sa.BigInteger(), nullable=False, comment='of one piece, after discount'),
    sa.Column('cost', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['order_id'], ['orders.id'], name=op.f('fk_order_line_order_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_order_line'))
    )
    op.create_index(op.f('ix_order_line_order_id'), 'order_line', ['order_id'], unique=False)
    op.create_table('print_batch',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('format', sa.Text(), nullable=False),
    sa.Column('pieces', sa.Integer(), nullable=False),
    sa.Column('pages', sa.Integer(), nullable=False),
    sa.Column('pdf_sha256', sa.Text(), nullable=True),
    sa.Column('directory', sa.Text(), nullable=False),
    sa.Column('owner', sa.Text(), nullable=False, comment='the process that makes it, on the machine of its directory'),
    sa.Column('lease_until', sa.BigInteger(), nullable=False),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('handed_over_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state IN ('making', 'handed_over')", name=op.f('ck_print_batch_state')),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_print_batch_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_print_batch')),
    sa.UniqueConstraint('name', name=op.f('uq_print_batch_name'))
    )
    op.create_table('assignment_member',
    sa.Column('assignment_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.ForeignKeyConstraint(['assignment_id'], ['assignment.id'], name=op.f('fk_assignment_member_assignment_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_assignment_member_contact_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('assignment_id', 'contact_id', name=op.f('pk_assignment_member')),
    comment='who belonged to the unit when it was first assigned'
    )
    op.create_index(op.f('ix_assignment_member_contact_id'), 'assignment_member', ['contact_id'], unique=False)
    op.create_table('outbox',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('run_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('enrollment_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('channel', sa.Text(), nullable=False),
    sa.Column('step', sa.Text(), nullable=False),
    sa.Column('arm', sa.Text(), nullable=False),
    sa.Column('address', sa.Text(), nullable=False, comment='the mailbox, or the address lines joined by newlines'),
    sa.Column('address_key', sa.Text(), nullable=False, comment='one message per address, run and step'),
    sa.Column('address_hash', sa.Text(), nullable=False, comment='email_hash or postal_hash of the contact'),
    sa.Column('domain', sa.Text(), nullable=True, comment='recipient domain, for limits'),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=True, comment='why it was skipped, failed or not rendered'),
    sa.Column('attempt', sa.Integer(), server_default='0', nullable=False),
    sa.Column('fence', sa.Integer(), server_default='0', nullable=False),
    sa.Column('owner', sa.Text(), nullable=True),
    sa.Column('lease_until', sa.BigInteger(), nullable=True),
    sa.Column('not_before', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('message_id', sa.Text(), nullable=False, comment='fixed for all attempts; a piece id for post'),
    sa.Column('message_at', sa.BigInteger(), nullable=False, comment='the Date header, fixed for all attempts'),
    sa.Column('idempotency_key', sa.Text(), nullable=False),
    sa.Column('provider_id', sa.Text(), nullable=True),
    sa.Column('code', sa.Text(), nullable=True, comment="the piece's unique response code"),
    sa.Column('answer_code', sa.Integer(), nullable=True),
    sa.Column('answer_text', sa.Text(), nullable=True),
    sa.Column('evidence', sa.Text(), nullable=True, comment='what settled an uncertain delivery'),
    sa.Column('cost', sa.BigInteger(), server_default='0', nullable=False),
    sa.Column('accepted_at', sa.BigInteger(), nullable=True),
    sa.Column('settled_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("state IN ('planned', 'queued', 'claimed', 'committing', 'accepted', 'failed', 'uncertain', 'skipped', 'render_error', 'cancelled', 'expired', 'closed_unknown')", name=op.f('ck_outbox_state')),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_outbox_contact_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['enrollment_id'], ['enrollment.id'], name=op.f('fk_outbox_enrollment_id')),
    sa.ForeignKeyConstraint(['run_id'], ['run.id'], name=op.f('fk_outbox_run_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox')),
    sa.UniqueConstraint('code', name=op.f('uq_outbox_code')),
    sa.UniqueConstraint('enrollment_id', 'step', 'channel', name=op.f('uq_outbox_enrollment_id_step_channel')),
    sa.UniqueConstraint('message_id', name=op.f('uq_outbox_message_id')),
    sa.UniqueConstraint('run_id', 'step', 'channel', 'address_key', name=op.f('uq_outbox_run_id_step_channel_address_key'))
    )
    op.create_index('ix_outbox_claim', 'outbox', ['run_id', 'channel', 'not_before', 'id'], unique=False, postgresql_where=sa.text("state = 'queued'"), sqlite_where=sa.text("state = 'queued'"))
    op.create_index(op.f('ix_outbox_contact_id'), 'outbox', ['contact_id'], unique=False)
    op.create_index('ix_outbox_lease', 'outbox', ['lease_until'], unique=False, postgresql_where=sa.text("state IN ('claimed', 'committing')"), sqlite_where=sa.text("state IN ('claimed', 'committing')"))
    op.create_index(op.f('ix_outbox_provider_id'), 'outbox', ['provider_id'], unique=False)
    op.create_index('ix_outbox_run_state', 'outbox', ['run_id', 'state'], unique=False)
    op.create_table('attempt',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('outbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=False),
    sa.Column('outcome', sa.Text(), nullable=False),
    sa.Column('answer_code', sa.Integer(), nullable=True),
    sa.Column('answer_text', sa.Text(), nullable=True),
    sa.ForeignKeyConstraint(['outbox_id'], ['outbox.id'], name=op.f('fk_attempt_outbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attempt'))
    )
    op.create_index(op.f('ix_attempt_outbox_id'), 'attempt', ['outbox_id'], unique=False)
    op.create_table('event',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('source_event_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False, comment='email.clicked, letter.delivered, page_view…'),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('outbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.Column('occurred_at', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('verdict', sa.Text(), nullable=True, comment='human, machine, proxy or unknown, where that is a question'),
    sa.Column('properties', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), server_default=sa.text("'{}'"), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_event_contact_id'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['outbox_id'], ['outbox.id'], name=op.f('fk_event_outbox_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_event')),
    sa.UniqueConstraint('source', 'source_event_id', name=op.f('uq_event_source_source_event_id')),
    comment='append-only: everything that a contact did, over all channels'
    )
    op.create_index(op.f('ix_event_contact_id_kind_occurred_at'), 'event', ['contact_id', 'kind', 'occurred_at'], unique=False)
    op.create_index(op.f('ix_event_outbox_id'), 'event', ['outbox_id'], unique=False)
    op.create_table('print_piece',
    sa.Column('outbox_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('batch_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('sequence', sa.Integer(), nullable=False),
    sa.Column('page_from', sa.Integer(), nullable=False),
    sa.Column('page_to', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['batch_id'], ['print_batch.id'], name=op.f('fk_print_piece_batch_id')),
    sa.ForeignKeyConstraint(['outbox_id'], ['outbox.id'], name=op.f('fk_print_piece_outbox_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('outbox_id', name=op.f('pk_print_piece')),
    sa.UniqueConstraint('batch_id', 'sequence', name=op.f('uq_print_piece_batch_id_sequence'))
    )
    op.create_index(op.f('ix_print_piece_batch_id'), 'print_piece', ['batch_id'], unique=False)
