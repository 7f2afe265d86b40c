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

    op.create_table('login',
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('password_hash', sa.Text(), nullable=False, comment='argon2id, with its salt and its parameters'),
    sa.Column('added_at', sa.BigInteger(), nullable=False),
    sa.Column('changed_at', sa.BigInteger(), nullable=False, comment='when the password was set'),
    sa.PrimaryKeyConstraint('name', name=op.f('pk_login'))
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

    with op.batch_alter_table('orders', schema=None) as batch_op:
        batch_op.add_column(sa.Column('matched_by', sa.Text(), nullable=True, comment='what told whose it is: id, email, code or address; null as for id'))

