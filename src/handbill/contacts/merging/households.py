"""Which household a contact belongs to after a file that told only a part of its name and address."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, Table, bindparam, or_, select, update

from handbill.contacts.addresses import normalise_address
from handbill.contacts.identity import own_household_key
from handbill.contacts.merging.contact_rows import ADDRESS, PLACE, place_of
from handbill.store.tables import contact

_AT_A_TIME = 5_000


def settle_households(connection: Connection, stage: Table, secret: bytes, filled: set[str]) -> None:
    """Makes the keys of address and household anew where the file had some of their parts and the store the others."""
    parts = {*ADDRESS, "last_name"}
    # A region that the postcode told stands in the staged row as it stands in the store by now.
    elsewhere = [contact.c[name].is_distinct_from(stage.c[name]) for name in sorted(parts - filled)]
    if not parts & filled or not elsewhere:
        return
    change = (
        update(contact)
        .where(contact.c.id == bindparam("of"))
        .values({name: bindparam(f"new_{name}") for name in (*ADDRESS, *PLACE)})
    )
    rows = (
        select(contact.c.id, contact.c.external_id, contact.c.last_name, *(contact.c[name] for name in ADDRESS))
        .join(stage, stage.c.external_id == contact.c.external_id)
        .where(contact.c.address_line1.is_not(None), or_(*elsewhere))
        .order_by(contact.c.id)
        .limit(_AT_A_TIME)
    )
    last = 0
    while found := connection.execute(rows.where(contact.c.id > last)).all():
        last = found[-1].id
        connection.execute(change, list(_settled(found, secret)))


def _settled(rows: Sequence[Row[Any]], secret: bytes) -> Iterator[dict[str, Any]]:
    for row in rows:
        address = normalise_address(*(getattr(row, name) for name in ADDRESS))
        parts = (address.line1, address.line2, address.city, address.region, address.postcode, address.country)
        place = dict(zip(PLACE, place_of(secret, address, row.last_name), strict=True))
        place["household_key"] = place["household_key"] or own_household_key(row.external_id)
        changed = {**dict(zip(ADDRESS, parts, strict=True)), **place}
        yield {"of": row.id, **{f"new_{name}": value for name, value in changed.items()}}
