"""Whose order it is that names nobody whom we know: whoever got the piece with its code, or lives where it goes to."""

from typing import Any

from sqlalchemy import Connection, Table, case, func, select, update

from handbill.contacts.addresses import normalise_address
from handbill.contacts.merging.kinds import Import
from handbill.contacts.rows.converted import Converted
from handbill.contacts.rows.layout import FieldSpec
from handbill.definitions.words import quoted
from handbill.store.tables import contact, outbox

SHIPPING = ("ship_line1", "ship_line2", "ship_city", "ship_region", "ship_postcode", "ship_country")
"""Where an order goes to. Named apart from a contact's address: many files of orders have a column `country`."""
SHIPPING_FIELDS = {name: FieldSpec("country" if name == "ship_country" else "text") for name in SHIPPING}
BY_EMAIL, BY_CODE, BY_ADDRESS = "email", "code", "address"
"""What told whose an order is; nothing is noted where it was the contact's id."""


def address_keys(converted: Converted) -> list[str | None]:
    """The key of the address that each row goes to; None where it names none, or one that is not known."""
    if "ship_line1" not in converted.values:
        return [None] * len(converted.rows)
    places = zip(*(converted.column(name) for name in SHIPPING), strict=True)
    return [normalise_address(*place).address_key if place[0] else None for place in places]


def find_guests(connection: Connection, heads: Table) -> None:
    """Fills `contact_id` where only a code or an address tells, and notes what told it in `matched_by`.

    A row that names a contact by an id which we do not know is nobody's guest: that contact was not imported yet.
    At an address the oldest contact is meant, unless several households live there.
    """
    by_email = (heads.c.contact_id.is_not(None), heads.c.contact.is_(None))
    connection.execute(update(heads).where(*by_email).values(matched_by=BY_EMAIL))
    owner = select(func.min(outbox.c.contact_id)).where(outbox.c.code == heads.c.code).scalar_subquery()
    _match(connection, heads, heads.c.code.is_not(None), owner, BY_CODE)
    lives_there = contact.c.address_key == heads.c.address_key
    households = select(func.count(contact.c.household_key.distinct())).where(lives_there).scalar_subquery()
    oldest = select(func.min(contact.c.id)).where(lives_there).scalar_subquery()
    _match(connection, heads, heads.c.address_key.is_not(None), case((households == 1, oldest)), BY_ADDRESS)


def guest_reason(run: Import, code: str | None) -> tuple[str, str, str]:
    """Column, value and reason of the reject of an order of which nothing tells whose it is."""
    if code:
        return run.layout.source_of("code"), code, f"no piece with the code {quoted(code)} went to anybody we know."
    return run.layout.source_of(SHIPPING[0]), "", "nobody whom we know lives where the order goes to, or several do."


def _match(connection: Connection, heads: Table, may: Any, whose: Any, by: str) -> None:
    """Those who are found get the word first: afterwards they are no guests any more."""
    guests = (heads.c.contact_id.is_(None), heads.c.contact.is_(None), may)
    connection.execute(update(heads).where(*guests, whose.is_not(None)).values(contact_id=whose, matched_by=by))
