"""The latest entry of the ledger is in force; who is suppressed is not written to."""

from datetime import timedelta

from sqlalchemy import ColumnElement, Connection, insert, not_, select

from handbill.contacts.consent import granted, record_consent
from handbill.contacts.suppressions import suppress, suppressed
from handbill.store.connection import writing
from handbill.store.tables import consent, contact, suppression
from tests.conftest import NOW
from tests.contacts.conftest import Shop

DAY = timedelta(days=1)


def add(connection: Connection, external_id: str = "1", **values: str) -> int:
    row = {"external_id": external_id, "household_key": "c:1", "created_at": NOW, "updated_at": NOW, **values}
    key = connection.execute(insert(contact).values(row)).inserted_primary_key
    assert key
    return int(key[0])


Entry = tuple[str, str, int]
AGREED: list[list[Entry]] = [
    [("offers", "granted", 0)],
    [("*", "granted", 0)],
    [("offers", "withdrawn", 1), ("offers", "granted", 2)],
    [("offers", "granted", 2), ("offers", "withdrawn", 1)],
    [("offers", "granted", 0), ("events", "withdrawn", 1)],
    [("*", "withdrawn", 0), ("offers", "granted", 1)],
]
NOT_AGREED: list[list[Entry]] = [
    [],
    [("events", "granted", 0)],
    [("offers", "granted", 0), ("offers", "withdrawn", 1)],
    [("offers", "granted", 0), ("*", "withdrawn", 1)],
    [("offers", "granted", 0), ("offers", "withdrawn", 0)],
]


def test_the_latest_entry_is_in_force(shop: Shop) -> None:
    with writing(shop.engine) as connection:
        for number, entries in enumerate([*AGREED, *NOT_AGREED]):
            who = add(connection, str(number))
            for topic, state, day in entries:
                record_consent(connection, who, "email", topic, state, NOW + day * DAY, "form")

        def chosen(rule: ColumnElement[bool]) -> list[int]:
            return sorted(int(name) for name in connection.scalars(select(contact.c.external_id).where(rule)))

        assert chosen(granted("email", "offers")) == list(range(len(AGREED)))
        assert chosen(not_(granted("email", "offers"))) == list(range(len(AGREED), len(AGREED) + len(NOT_AGREED)))
        assert chosen(granted("direct_mail", "offers")) == []


def test_the_same_entry_is_kept_once_with_its_proof(shop: Shop) -> None:
    with writing(shop.engine) as connection:
        ann = add(connection)
        for _ in range(2):
            record_consent(connection, ann, "email", "offers", "granted", NOW, "form", wording="Yes", proof={"form": 7})
    (row,) = shop.rows(consent)
    assert (row.wording, row.proof, row.source) == ("Yes", {"form": 7}, "form")


def test_a_suppression_holds_for_its_channel_and_keeps_its_first_reason(shop: Shop) -> None:
    with writing(shop.engine) as connection:
        ann = add(connection, "1", email_hash="aa", postal_hash="bb")
        bob = add(connection, "2", email_hash="cc")
        suppress(connection, "email", "aa", "complaint", NOW, "mailbox")
        suppress(connection, "email", "aa", "bounce", NOW + DAY, "mailbox")
        assert connection.scalars(select(contact.c.id).where(suppressed("email"))).all() == [ann]
        assert connection.scalars(select(contact.c.id).where(not_(suppressed("email")))).all() == [bob]
        assert connection.scalars(select(contact.c.id).where(suppressed("direct_mail"))).all() == []
    assert [(row.reason, row.at) for row in shop.rows(suppression)] == [("complaint", NOW)]
