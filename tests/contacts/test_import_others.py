"""Products, events, consents and suppressions come in from files, each of them once."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from handbill.contacts.consent import granted
from handbill.contacts.identity import email_hash, postal_hash
from handbill.contacts.suppressions import email_digest, suppressed
from handbill.errors import ImportRefused
from handbill.store.connection import reading
from handbill.store.tables import consent, contact, event, product, suppression
from tests.conftest import NOW
from tests.contacts.conftest import Shop


@pytest.fixture
def shop(shop: Shop) -> Shop:
    """The shop with two contacts, one of whom has an address."""
    shop.load(
        "contacts",
        "id,email,address_line1,city,postcode,country\n"
        "1,ann@example.com,1 Main St,Boston,02108,US\n2,bob@example.com,,,,\n",
    )
    return shop


def test_products_are_kept_by_sku_and_their_other_columns_as_properties(shop: Shop) -> None:
    shop.load("products", "sku,name,price,category,colour,weight\nmug,Mug,4.99,Kitchen,red,0.3\npen,Pen,0.1,,,\n")
    result = shop.load("products", "sku,name,price\nmug,Big mug,5.99\nmug,Bigger mug,6.99\ncup,,1\n")

    assert (result.loaded, result.rejected) == (1, 1)
    assert shop.rejects(result) == ["4,rejected,name,,the value is missing."]
    mug, pen = shop.rows(product)
    assert tuple(mug) == ("mug", "Bigger mug", "Kitchen", 6_990_000, None, {"colour": "red", "weight": 0.3})
    assert tuple(pen) == ("pen", "Pen", None, 100_000, None, {})


def test_events_are_kept_once_by_their_id(shop: Shop) -> None:
    content = (
        "event_id,kind,contact,occurred_at,page,visits\n"
        "e1,page_view,1,2026-07-01 09:00,/mugs,3\ne2,page_view,2,2026-07-01,/pens,\n"
    )
    assert shop.load("events", content, source="web").counts == {"new": 2}
    assert shop.load("events", content, source="web").counts == {"new": 0}
    assert shop.load("events", content, source="app").counts == {"new": 2}

    first, *others = shop.rows(event)
    assert len(others) == 3
    assert first._asdict() == {
        "id": 1, "source": "web", "source_event_id": "e1", "kind": "page_view", "contact_id": 1,
        "outbox_id": None, "link_id": None, "occurred_at": datetime(2026, 7, 1, 8, tzinfo=UTC), "received_at": NOW,
        "verdict": None,
        "properties": {"page": "/mugs", "visits": 3},
    }  # fmt: skip


def test_an_event_without_an_id_is_the_same_when_it_says_the_same(shop: Shop) -> None:
    content = "kind,email,occurred_at,page\nview,ANN@example.com,2026-07-01,/a\n"
    assert shop.load("events", content).counts == {"new": 1}
    assert shop.load("events", content + "view,ann@example.com,2026-07-01,/b\n").counts == {"new": 1}


def test_events_of_json_lines_may_hold_objects(shop: Shop) -> None:
    line = (
        '{"kind": "cart_add", "contact": "1", "occurred_at": "2026-07-01", "properties": {"skus": ["mug"]}, "n": 2}\n'
    )
    shop.load("events", line, name="file.jsonl")
    assert [row.properties for row in shop.rows(event)] == [{"skus": ["mug"], "n": 2}]


def test_an_event_of_a_stranger_is_rejected(shop: Shop) -> None:
    result = shop.load("events", "kind,contact,occurred_at\nview,9,2026-07-01\nview,,2026-07-01\n")
    assert shop.rejects(result) == [
        "3,rejected,contact,,the value is missing: the row belongs to no contact.",
        '2,rejected,contact,9,"contact ""9"" is not known. Import the contacts first."',
    ]


def test_consents_are_added_to_the_ledger_once(shop: Shop) -> None:
    content = (
        "contact,channel,topic,state,at,wording\n"
        "1,Email,offers,granted,2026-01-01,Yes please\n1,email,offers,granted,2026-01-01,Yes please\n"
        "2,email,*,withdrawn,2026-02-01,\n"
    )
    assert shop.load("consents", content, source="form").loaded == 2
    assert shop.load("consents", content, source="form").counts == {"new": 0}

    first, second = shop.rows(consent)
    assert first._asdict() == {
        "id": 1, "contact_id": 1, "channel": "email", "topic": "offers", "state": "granted",
        "at": datetime(2026, 1, 1, tzinfo=UTC), "source": "form", "wording": "Yes please", "proof": None,
    }  # fmt: skip
    assert (second.topic, second.state) == ("*", "withdrawn")
    with reading(shop.engine) as connection:
        assert connection.scalars(select(contact.c.id).where(granted("email", "offers"))).all() == [1]


def test_a_consent_without_a_time_counts_from_the_import(shop: Shop) -> None:
    shop.load("consents", "contact,channel,topic,state\n1,direct_mail,events,granted\n")
    assert shop.rows(consent.c.at) == [(NOW,)]


def test_a_consent_to_what_nobody_declared_is_rejected(shop: Shop) -> None:
    result = shop.load("consents", "contact,channel,topic,state\n1,fax,offers,granted\n1,email,sport,on\n")
    assert shop.rejects(result) == [
        '2,rejected,channel,fax,"""fax"" is not known. Use email or direct_mail."',
        '3,rejected,topic,sport,"""sport"" is not known. Use offers, events or *."',
        '3,rejected,state,on,"""on"" is not known. Use granted or withdrawn."',
    ]


def test_a_consent_file_must_say_the_topic(shop: Shop) -> None:
    with pytest.raises(ImportRefused) as caught:
        shop.load("consents", "contact,channel,state\n1,email,granted\n")
    place = shop.folder / "file.csv"
    assert str(caught.value) == f"{place}:1: no column fills topic. Say which one does: --map topic=COLUMN."


def test_suppressions_are_kept_as_hashes_of_mailboxes_and_addresses(shop: Shop) -> None:
    content = (
        "channel,contact,email,address_line1,city,postcode,country,reason\n"
        "email,,Stranger@example.com,,,,,complaint\n"
        "direct_mail,,,1 Main Street,Boston,2108,US,moved\n"
        "email,2,,,,,,\n"
        "direct_mail,1,,,,,,again\n"
    )
    assert shop.load("suppressions", content).counts == {"new": 3}
    assert shop.load("suppressions", content).counts == {"new": 0}

    secret = shop.settings.secret
    found = {(row.channel, row.key_hash): row.reason for row in shop.rows(suppression)}
    assert found == {
        ("email", email_hash(secret, "stranger@example.com")): "complaint",
        ("direct_mail", postal_hash(secret, "us|02108|1 main st")): "moved",
        ("email", email_hash(secret, "bob@example.com")): "imported",
    }
    with reading(shop.engine) as connection:
        assert connection.scalars(select(contact.c.id).where(suppressed("email"))).all() == [2]
        assert connection.scalars(select(contact.c.id).where(suppressed("direct_mail"))).all() == [1]


def test_a_suppression_of_nobody_in_particular_is_rejected(shop: Shop) -> None:
    result = shop.load(
        "suppressions",
        "channel,contact,email,address_line1,country\n"
        "email,,,1 Main St,US\ndirect_mail,,,1 Main St,US\ndirect_mail,2,,,\nemail,9,,,\n"
        "direct_mail,,bob@example.com,,\n",
    )
    assert result.loaded == 0
    assert shop.rejects(result) == [
        '2,rejected,,,"the row names no contact, mailbox or address of its channel."',
        "3,rejected,address_line1,1 Main St,the address is not known: the postcode is missing.",
        "4,rejected,contact,2,this contact has no address that post can go to.",
        '5,rejected,contact,9,"contact ""9"" is not known. Import the contacts first."',
        "6,rejected,email,bob@example.com,this contact has no address that post can go to.",
    ]


def test_hashed_mailboxes_suppress_contacts_that_are_known_and_those_that_come_later(shop: Shop) -> None:
    shop.load("contacts", "id,email\n1,Ann@Example.com\n2,bob@example.com\n")
    digests = [email_digest(f"{name}@example.com") for name in ("ann", "cid", "cid")]
    content = "channel,sha256,reason\n" + "".join(f"email,{digest.upper()},complained\n" for digest in digests)

    result = shop.load("suppressions", content)
    shop.load("contacts", "id,email\n3,CID@example.com\n4,dan@example.com\n")

    assert (result.loaded, result.counts) == (2, {"new": 2})
    assert shop.load("suppressions", content).counts == {"new": 0}
    hashes = {row.external_id: row.email_hash for row in shop.rows(contact)}
    assert {row.key_hash for row in shop.rows(suppression)} == {hashes["1"], hashes["3"]}
    assert {row.reason for row in shop.rows(suppression)} == {"complained"}


def test_what_is_no_hash_of_a_mailbox_is_rejected(shop_on_paper: Shop) -> None:
    digest = email_digest("ann@example.com")
    result = shop_on_paper.load("suppressions", f"channel,sha256\nemail,abc\ndirect_mail,{digest}\n")
    assert shop_on_paper.rejects(result) == [
        ('2,rejected,sha256,abc,"""abc"" is no SHA-256 hash. It has 64 of the digits 0 to 9 and letters a to f."'),
        '3,rejected,,,"the row names no contact, mailbox or address of its channel."',
    ]
