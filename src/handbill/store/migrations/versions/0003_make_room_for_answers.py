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
    op.create_table('audit_entry',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('who', sa.Text(), nullable=False, comment='name of a login, of an API key, or of a user of the machine'),
    sa.Column('way', sa.Text(), nullable=False, comment='shell, web, api, or self for people who act for themselves'),
    sa.Column('action', sa.Text(), nullable=False, comment='a word of handbill.operations.audit.Action'),
    sa.Column('subject', sa.Text(), nullable=True, comment='a campaign, a login, an API key, or the number of a contact'),
    sa.Column('details', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), server_default=sa.text("'{}'"), nullable=False, comment='counts, names and digests'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_entry')),
    comment='append-only: who did what; nothing personal but numbers of contacts'
    )
    with op.batch_alter_table('audit_entry', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_audit_entry_action_at'), ['action', 'at'], unique=False)
        batch_op.create_index(batch_op.f('ix_audit_entry_at'), ['at'], unique=False)

    op.create_table('chore',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('done_at', sa.BigInteger(), nullable=False, comment='when there was last nothing more to do'),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_chore')),
    comment='tidying that looks through whole tables, and so is done once a day'
    )
    op.create_table('link',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('digest', sa.Text(), nullable=False, comment='of all that follows but the time'),
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('arm', sa.Text(), nullable=False),
    sa.Column('language', sa.Text(), nullable=False, comment='of the template in which it stands'),
    sa.Column('position', sa.Integer(), nullable=False, comment='its place in the template, from 0'),
    sa.Column('kind', sa.Text(), nullable=False, comment='personal: only a recipient makes it whole; trap: no person sees it; code: printed'),
    sa.Column('target', sa.Text(), nullable=False, comment='where it leads, or as the template writes it; never changed'),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint("kind IN ('fixed', 'personal', 'trap', 'code')", name=op.f('ck_link_kind')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_link')),
    sa.UniqueConstraint('digest', name=op.f('uq_link_digest')),
    comment='where links lead that are counted: fixed when their campaign is published'
    )
    with op.batch_alter_table('link', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_link_campaign'), ['campaign'], unique=False)

    op.create_table('login',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False, comment='argon2id, with its salt and its parameters'),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False, comment='when the password was set'),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_login'))
    )
    op.create_table('report_share',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('campaign', sa.Text(), nullable=False),
    sa.Column('made_by', sa.Text(), nullable=False, comment='name of a login'),
    sa.Column('made_at', sa.BigInteger(), nullable=False),
    sa.Column('until', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True, comment='when somebody took it back'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_report_share')),
    comment='links that show one report to whoever has them, until they are over'
    )
    with op.batch_alter_table('report_share', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_report_share_campaign'), ['campaign'], unique=False)

    op.create_table('webhook',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('source', sa.Text(), nullable=False, comment="the hook's name in its address"),
    sa.Column('format', sa.Text(), nullable=False, comment='whose words the body is in'),
    sa.Column('nonce', sa.Text(), nullable=False, comment='digest of what must not come twice with another body'),
    sa.Column('digest', sa.Text(), nullable=False, comment='SHA-256 of the body'),
    sa.Column('headers', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False, comment='those by which it was verified, without passwords'),
    sa.Column('body', sa.LargeBinary(), nullable=True, comment='as it came; null when it was forgotten'),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.Text(), nullable=False),
    sa.Column('processed_at', sa.BigInteger(), nullable=True),
    sa.Column('events', sa.Integer(), nullable=True, comment='how many events were in it'),
    sa.Column('error', sa.Text(), nullable=True, comment='why it could not be worked on'),
    sa.CheckConstraint("state IN ('waiting', 'asking', 'done', 'broken')", name=op.f('ck_webhook_state')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_webhook')),
    sa.UniqueConstraint('source', 'nonce', name=op.f('uq_webhook_source_nonce')),
    comment='requests of vendors, verified and stored before anything else happens'
    )
    with op.batch_alter_table('webhook', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_kept', ['received_at'], unique=False, postgresql_where=sa.text('body IS NOT NULL'), sqlite_where=sa.text('body IS NOT NULL'))
        batch_op.create_index(batch_op.f('ix_webhook_received_at'), ['received_at'], unique=False)
        batch_op.create_index('ix_webhook_waiting', ['state', 'id'], unique=False, postgresql_where=sa.text("state IN ('waiting', 'asking')"), sqlite_where=sa.text("state IN ('waiting', 'asking')"))

    op.create_table('webhook_count',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('what', sa.Text(), nullable=False, comment='refused, unknown, passed over, stray, known, new…'),
    sa.Column('word', sa.Text(), nullable=False, comment="the reason, or the vendor's word"),
    sa.Column('count', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('last_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('source', 'what', 'word', name=op.f('pk_webhook_count'))
    )
    op.create_table('api_answer',
    sa.Column('key_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('request_id', sa.Text(), nullable=False, comment='the Idempotency-Key that came with the request'),
    sa.Column('request_digest', sa.Text(), nullable=False, comment='SHA-256 of what was asked'),
    sa.Column('answer', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False, comment='counts; one with rejected rows is not kept'),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['key_id'], ['api_key.id'], name=op.f('fk_api_answer_key_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('key_id', 'request_id', name=op.f('pk_api_answer')),
    comment='answers for repeated requests, kept for some days'
    )
    with op.batch_alter_table('api_answer', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_api_answer_at'), ['at'], unique=False)

    op.create_table('confirmation',
    sa.Column('id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('purpose', sa.Text(), nullable=False),
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True, comment='null for a subscription'),
    sa.Column('email', sa.Text(), nullable=True, comment='where the mail goes; forgotten when the link in it is over'),
    sa.Column('email_hash', sa.Text(), nullable=False, comment="the contact's email_hash"),
    sa.Column('language', sa.Text(), nullable=False),
    sa.Column('topics', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False),
    sa.Column('source', sa.Text(), nullable=False, comment='the page or form where it was asked for'),
    sa.Column('wording', sa.Text(), nullable=True, comment='what the person read'),
    sa.Column('network_hash', sa.Text(), nullable=False, comment='keyed hash of the network that it was asked from'),
    sa.Column('requested_at', sa.BigInteger(), nullable=False),
    sa.Column('mail_begun_at', sa.BigInteger(), nullable=True, comment='the mail may have left since then'),
    sa.Column('mailed_at', sa.BigInteger(), nullable=True),
    sa.Column('problem', sa.Text(), nullable=True, comment='why no mail was sent'),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
    sa.CheckConstraint("purpose IN ('subscribe', 'export', 'erase')", name=op.f('ck_confirmation_purpose')),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_confirmation_contact_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_confirmation')),
    comment="what was asked for on a page and counts only once the mailbox's owner confirms it"
    )
    with op.batch_alter_table('confirmation', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_confirmation_contact_id'), ['contact_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_confirmation_email_hash_requested_at'), ['email_hash', 'requested_at'], unique=False)
        batch_op.create_index(batch_op.f('ix_confirmation_network_hash_requested_at'), ['network_hash', 'requested_at'], unique=False)

    op.create_table('erasure',
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('erased_at', sa.BigInteger(), nullable=False),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_erasure_contact_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('contact_id', name=op.f('pk_erasure')),
    comment='contacts of whom nothing is left but their place in the books'
    )
    op.create_table('preference',
    sa.Column('contact_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), autoincrement=False, nullable=False),
    sa.Column('paused_until', sa.BigInteger(), nullable=True, comment='no marketing before; null without a pause'),
    sa.Column('at_most', sa.Integer(), nullable=True, comment='marketing messages in any `per_days`; null for as many as there are'),
    sa.Column('per_days', sa.Integer(), nullable=True),
    sa.Column('changed_at', sa.BigInteger(), nullable=False),
    sa.CheckConstraint('(at_most IS NULL) = (per_days IS NULL)', name=op.f('ck_preference_frequency')),
    sa.ForeignKeyConstraint(['contact_id'], ['contact.id'], name=op.f('fk_preference_contact_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('contact_id', name=op.f('pk_preference')),
    comment='only those who asked for something'
    )
    op.create_table('rollout_decision',
    sa.Column('experiment_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=False),
    sa.Column('winner', sa.Text(), nullable=False, comment='the arm that goes to everybody who was not in the test'),
    sa.Column('by_metric', sa.Text(), nullable=False, comment='what picked it, as it was registered'),
    sa.Column('numbers', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False, comment='by arm: units, count and value of the metric when it was picked'),
    sa.Column('decided_at', sa.BigInteger(), nullable=False),
    sa.Column('decided_by', sa.Text(), nullable=False, comment='schedule, or who said so by hand'),
    sa.Column('because', sa.Text(), nullable=True, comment='why it was picked by hand'),
    sa.ForeignKeyConstraint(['experiment_id'], ['experiment.id'], name=op.f('fk_rollout_decision_experiment_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('experiment_id', name=op.f('pk_rollout_decision')),
    comment='which version won the test of an experiment, with the numbers that it was picked by'
    )
    op.create_table('stray_event',
    sa.Column('source', sa.Text(), nullable=False),
    sa.Column('source_event_id', sa.Text(), nullable=False),
    sa.Column('kind', sa.Text(), nullable=False),
    sa.Column('provider_id', sa.Text(), nullable=True),
    sa.Column('message_id', sa.Text(), nullable=True),
    sa.Column('occurred_at', sa.BigInteger(), nullable=False),
    sa.Column('received_at', sa.BigInteger(), nullable=False),
    sa.Column('verdict', sa.Text(), nullable=True),
    sa.Column('properties', sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), 'postgresql'), nullable=False),
    sa.Column('webhook_id', sa.BigInteger().with_variant(sa.Integer(), 'sqlite'), nullable=True),
    sa.ForeignKeyConstraint(['webhook_id'], ['webhook.id'], name=op.f('fk_stray_event_webhook_id'), ondelete='SET NULL'),
    sa.PrimaryKeyConstraint('source', 'source_event_id', name=op.f('pk_stray_event')),
    comment='events about messages that we do not know: kept, counted, and believed only once the message is known'
    )
    with op.batch_alter_table('stray_event', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_stray_event_message_id'), ['message_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_stray_event_provider_id'), ['provider_id'], unique=False)
        batch_op.create_index(batch_op.f('ix_stray_event_webhook_id'), ['webhook_id'], unique=False)

    op.create_table('web_session',
    sa.Column('digest', sa.Text(), nullable=False, comment='SHA-256 of the token in the cookie, which is not kept'),
    sa.Column('login_name', sa.Text(), nullable=False),
    sa.Column('begun_at', sa.BigInteger(), nullable=False),
    sa.Column('seen_at', sa.BigInteger(), nullable=False, comment='about when it was last used'),
    sa.ForeignKeyConstraint(['login_name'], ['login.name'], name=op.f('fk_web_session_login_name'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('digest', name=op.f('pk_web_session'))
    )
    with op.batch_alter_table('web_session', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_web_session_login_name'), ['login_name'], unique=False)

    with op.batch_alter_table('event', schema=None) as batch_op:
        batch_op.add_column(sa.Column('link_id', sa.BigInteger(), nullable=True, comment='the row of `link` that was followed'))
        batch_op.create_index(batch_op.f('ix_event_link_id'), ['link_id'], unique=False, postgresql_where=sa.text('link_id IS NOT NULL'), sqlite_where=sa.text('link_id IS NOT NULL'))

    with op.batch_alter_table('orders', schema=None) as batch_op:
        batch_op.add_column(sa.Column('matched_by', sa.Text(), nullable=True, comment='what told whose it is: id, email, code or address; null as for id'))

    with op.batch_alter_table('outbox', schema=None) as batch_op:
        batch_op.drop_index(batch_op.f('ix_outbox_lease'), sqlite_where=sa.text("state IN ('claimed', 'committing')"))
        batch_op.drop_index(batch_op.f('ix_outbox_provider_id'))
        batch_op.create_index('ix_outbox_provider', ['provider_id'], unique=False, postgresql_where=sa.text('provider_id IS NOT NULL'), sqlite_where=sa.text('provider_id IS NOT NULL'))

