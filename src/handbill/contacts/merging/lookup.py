"""To whom staged orders, events, consents and suppressions belong: by external id, else by e-mail."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Table,
    Text,
    delete,
    func,
    select,
    update,
)

from handbill.contacts.merging.kinds import Import
from handbill.contacts.merging.staging import analysed
from handbill.contacts.rows.batches import BATCH_ROWS
from handbill.contacts.rows.layout import FieldSpec
from handbill.contacts.rows.quarantine import Quarantine
from handbill.definitions.words import quoted
from handbill.store.tables import contact, contact_merge

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


def with_contacts(table: Table) -> tuple[FromClause, ColumnElement[Any]]:
    """The rows beside the contacts that they name, and the contact's id, null for a stranger's.

    A contact is known by its external id, by one that was merged into it, or by its e-mail address: of several with
    one address the oldest is meant.
    """
    named, merged = contact.alias("named"), contact_merge.alias("merged")
    rows = table.outerjoin(named, named.c.external_id == table.c.contact)
    rows = rows.outerjoin(merged, merged.c.merged_external_id == table.c.contact)
    return rows, func.coalesce(named.c.id, merged.c.contact_id, _by_email(table))


def find_contacts(connection: Connection, table: Table) -> None:
    """Fills `contact_id` where the store knows the contact; see `with_contacts`."""
    by_id = select(contact.c.id).where(contact.c.external_id == table.c.contact).scalar_subquery()
    merged = contact_merge.c
    by_merge = select(merged.contact_id).where(merged.merged_external_id == table.c.contact).scalar_subquery()
    analysed(connection, table)
    found = func.coalesce(by_id, by_merge, _by_email(table))
    connection.execute(update(table).values(contact_id=found))


def reject_strangers(connection: Connection, table: Table, run: Import, quarantine: Quarantine) -> None:
    """Rejects the rows whose contact the store does not know, and takes them out of the staging table."""
    analysed(connection, table)
    joined, known = with_contacts(table)
    strangers = select(table.c.row, table.c.contact, table.c.email_key).select_from(joined).where(known.is_(None))
    rejected = quarantine.rejected
    for row, contact_, key in connection.execute(
        strangers.order_by(table.c.row), execution_options={"yield_per": BATCH_ROWS}
    ):
        quarantine.reject((row,), *stranger_reason(run, contact_, key))
    if quarantine.rejected > rejected:
        connection.execute(delete(table).where(table.c.row.in_(strangers.with_only_columns(table.c.row))))


def _by_email(table: Table) -> ColumnElement[Any]:
    oldest = select(contact.c.id).where(contact.c.email_key == table.c.email_key).order_by(contact.c.id).limit(1)
    return oldest.correlate(table).scalar_subquery()


def stranger_reason(run: Import, contact_: str | None, key: str | None) -> tuple[str, str, str]:
    """Column, value and reason of the reject of a row whose contact is not known."""
    column = run.layout.source_of("contact" if contact_ else "email")
    shown = contact_ or key or ""
    return column, shown, f"contact {quoted(shown)} is not known. Import the contacts first."
