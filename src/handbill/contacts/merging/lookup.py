"""To whom staged orders, events, consents and suppressions belong: by external id, else by e-mail."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Table, Text, delete, select, update

from handbill.contacts.merging.kinds import Import
from handbill.contacts.merging.staging import analysed
from handbill.contacts.rows.batches import BATCH_ROWS
from handbill.contacts.rows.layout import FieldSpec
from handbill.contacts.rows.quarantine import Quarantine
from handbill.definitions.words import quoted
from handbill.store.tables import contact

CONTACT_FIELDS = {"contact": FieldSpec("text"), "email": FieldSpec("mailbox")}
CONTACT_CALLED = {
    "external_id": "contact", "contact_id": "contact", "customer_id": "contact", "customer": "contact",
    "mail": "email", "e_mail": "email", "email_address": "email", "e_mail_address": "email",
}  # fmt: skip
NEEDS_CONTACT = ("contact", "email")


def contact_columns() -> Iterator[Column[Any]]:
    """The columns by which a staging table names contacts."""
    yield Column("contact", Text)
    yield Column("email_key", Text)
    yield Column("contact_id", BigInteger)


def require_contact(
    run: Import, quarantine: Quarantine, rows: tuple[int, ...], contact_: str | None, key: str | None
) -> bool:
    """Whether a row names a contact at all; if not, it is rejected."""
    if contact_ or key:
        return True
    column = run.layout.source_of("contact" if "contact" in run.layout.filled else "email")
    quarantine.reject(rows, column, "", "the value is missing: the row belongs to no contact.")
    return False


def find_contacts(connection: Connection, table: Table) -> None:
    """Fills `contact_id` where the store knows the contact. Of several with one e-mail the oldest is meant."""
    by_id = select(contact.c.id).where(contact.c.external_id == table.c.contact).scalar_subquery()
    by_email = (
        select(contact.c.id)
        .where(contact.c.email_key == table.c.email_key)
        .order_by(contact.c.id)
        .limit(1)
        .scalar_subquery()
    )
    analysed(connection, table)
    connection.execute(update(table).where(table.c.contact.is_not(None)).values(contact_id=by_id))
    without = (table.c.contact_id.is_(None), table.c.email_key.is_not(None))
    connection.execute(update(table).where(*without).values(contact_id=by_email))


def reject_strangers(connection: Connection, table: Table, run: Import, quarantine: Quarantine) -> None:
    """Rejects the rows whose contact the store does not know, and takes them out of the staging table."""
    stranger = table.c.contact_id.is_(None)
    rows = connection.execute(
        select(table.c.row, table.c.contact, table.c.email_key).where(stranger).order_by(table.c.row),
        execution_options={"yield_per": BATCH_ROWS},
    )
    for row, contact_, key in rows:
        quarantine.reject((row,), *stranger_reason(run, contact_, key))
    connection.execute(delete(table).where(stranger))


def stranger_reason(run: Import, contact_: str | None, key: str | None) -> tuple[str, str, str]:
    """Column, value and reason of the reject of a row whose contact is not known."""
    column = run.layout.source_of("contact" if contact_ else "email")
    shown = contact_ or key or ""
    return column, shown, f"contact {quoted(shown)} is not known. Import the contacts first."
