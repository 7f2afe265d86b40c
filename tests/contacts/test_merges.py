"""Rows that mean a contact by another key than its external id: who is merged, who is not, and what follows."""

from datetime import timedelta

import pytest
from sqlalchemy import insert, select

from handbill.clock import fixed_clock
from handbill.contacts.consent import granted
from handbill.contacts.identity import email_hash
from handbill.contacts.phones import phone_key
from handbill.operations.people import contact_called
from handbill.store.connection import reading, writing
from handbill.store.tables import (
    attribute_history,
    consent,
    contact,
    contact_merge,
    definition,
    enrollment,
    event,
    orders,
    suppression,
)
from tests.conftest import NOW
from tests.contacts.conftest import Shop

LATER = fixed_clock(NOW + timedelta(days=1))
ADDRESS = "first_name,last_name,address_line1,city,postcode,country"
ANN_AT_HOME = "Ann,Lee,1 Main St,Boston,02108,US"


def names(shop: Shop) -> set[str]:
    return {row.external_id for row in shop.rows(contact)}


def merges(shop: Shop) -> list[tuple[str, str, str]]:
    with reading(shop.engine) as connection:
        kept = select(contact.c.external_id, contact_merge.c.merged_external_id, contact_merge.c.by_key)
        rows = connection.execute(kept.join(contact_merge).order_by(contact_merge.c.merged_external_id))
        return [tuple(row) for row in rows]


def in_force(shop: Shop, external_id: str, channel: str = "email", topic: str = "offers") -> bool:
    with reading(shop.engine) as connection:
        return bool(connection.scalar(select(granted(channel, topic)).where(contact.c.external_id == external_id)))


@pytest.mark.parametrize(
    ("written", "country", "key"),
    [
        ("020 7946 0018", "GB", "+442079460018"),
        ("+44 (0)20 7946-0018", None, "+442079460018"),
        ("0044 20 7946 0018", "DE", "+442079460018"),
        ("(415) 555-2671", "US", "+14155552671"),
        ("1 415 555 2671", "US", "+14155552671"),
        ("011 44 20 7946 0018", "US", "+442079460018"),
        ("06 6982", "IT", "+39066982"),
        ("06 1 234 5678", "HU", "+3612345678"),
        ("612 345 678", "ES", "+34612345678"),
        ("020 7946 0018", None, None),
        ("123", "GB", None),
        ("415 555", "US", None),
        ("ask Ann", "GB", None),
        ("+44 20 7946 0018 x12", None, None),
        ("020 7946 0018", "AQ", None),
    ],
)
def test_a_telephone_has_one_international_form(written: str, country: str | None, key: str | None) -> None:
    assert phone_key(written, country) == key


def test_telephones_are_kept_in_their_international_form_or_as_they_stand(shop: Shop) -> None:
    shop.load("contacts", "id,phone,country\n1,020 7946 0018,GB\n2,ask Ann,GB\n3,123,\n")
    assert [row.phone for row in shop.rows(contact)] == ["+442079460018", "ask Ann", "123"]


def test_two_ids_with_one_mailbox_are_two_contacts_unless_told_otherwise(shop: Shop) -> None:
    result = shop.load("contacts", "id,email\n1,ann@example.com\n2,ANN@example.com\n")
    assert (result.loaded, result.counts) == (2, {"mailable": 0})
    assert names(shop) == {"1", "2"}
    assert merges(shop) == []


def test_a_new_id_is_a_known_contact_when_told_to_match_mailboxes(shop: Shop) -> None:
    shop.load("contacts", "id,email,first_name,points\n1,ann@example.com,Ann,3\n")
    result = shop.load(
        "contacts", "id,email,points\nB7,Ann@Example.com,5\n", match=["email"], source="club", clock=LATER
    )

    assert (result.loaded, result.counts) == (1, {"mailable": 0, "merged": 1})
    (row,) = shop.rows(contact)
    assert (row.external_id, row.first_name, row.attributes) == ("1", "Ann", {"points": 5})
    (merge,) = shop.rows(contact_merge)
    assert merge._asdict() == {
        "id": 1, "contact_id": row.id, "merged_external_id": "B7", "by_key": "email",
        "at": NOW + timedelta(days=1), "source": "club",
    }  # fmt: skip


def test_a_merged_id_still_finds_its_contact(shop: Shop) -> None:
    shop.load("contacts", "id,email\n1,ann@example.com\n")
    shop.load("contacts", "id,email\nB7,ann@example.com\n", match=["email"])

    shop.load("contacts", "id,first_name\nB7,Anna\n")
    shop.load("orders", "order_id,contact,ordered_at,total\nA,B7,2026-11-01,10\n")
    shop.load("events", "kind,contact,occurred_at\nvisit,B7,2026-11-01\n")
    shop.load("consents", "contact,channel,topic,state\nB7,email,offers,granted\n")
    result = shop.load("suppressions", "contact,channel\nB7,email\n")

    assert result.loaded == 1
    (row,) = shop.rows(contact)
    assert row.first_name == "Anna"
    for table in (orders, event, consent):
        assert [each.contact_id for each in shop.rows(table)] == [row.id]
    assert [each.key_hash for each in shop.rows(suppression)] == [row.email_hash]


def test_the_same_import_with_merges_twice_changes_nothing(shop: Shop) -> None:
    shop.load("contacts", "id,email,points\n1,ann@example.com,3\n")
    content = "id,email,points\nB7,ann@example.com,5\nB8,ann@example.com,5\n"
    assert shop.load("contacts", content, match=["email"]).counts["merged"] == 2
    tables = (contact, contact_merge, attribute_history, consent)
    before = [shop.rows(table) for table in tables]
    assert shop.load("contacts", content, match=["email"], clock=LATER).counts == {"mailable": 0}
    assert [shop.rows(table) for table in tables] == before


def test_two_new_ids_of_one_file_are_merged_as_those_of_two_files(shop: Shop) -> None:
    content = "id,email,first_name\n1,ann@example.com,Ann\n2,ann@example.com,\n3,bob@example.com,Bob\n"
    assert shop.load("contacts", content, match=["email"]).loaded == 2
    assert names(shop) == {"1", "3"}
    assert merges(shop) == [("1", "2", "email")]


def test_somebody_with_another_name_is_a_stranger_at_the_same_mailbox(shop: Shop) -> None:
    shop.load("contacts", "id,email,first_name\n1,lees@example.com,Ann\n")
    shop.load("contacts", "id,email,first_name\n2,lees@example.com,Bob\n3,lees@example.com,ÁNN\n", match=["email"])
    assert names(shop) == {"1", "2"}
    assert merges(shop) == [("1", "3", "email")]


def test_a_contact_known_by_mailbox_only_gets_the_id_of_the_source_as_a_second_name(shop: Shop) -> None:
    shop.load("contacts", "email\nann@example.com\n")
    made = f"e-{email_hash(shop.settings.secret, 'ann@example.com')}"
    shop.load("contacts", "id,email,first_name\n7,ann@example.com,Ann\n")
    shop.load("contacts", "id,first_name\n7,Anna\n")

    assert [(row.external_id, row.first_name) for row in shop.rows(contact)] == [(made, "Anna")]
    assert merges(shop) == [(made, "7", "email")]


def test_a_contact_known_by_name_and_address_only_gets_the_id_of_the_source(shop: Shop) -> None:
    shop.load("contacts", f"{ADDRESS}\n{ANN_AT_HOME}\n")
    shop.load(
        "contacts", f"id,{ADDRESS}\n7,ann,LEE,1 Main Street,Boston,02108,US\n8,Bob,Lee,1 Main St,Boston,02108,US\n"
    )
    assert len(shop.rows(contact)) == 2
    assert [(merged, key) for _, merged, key in merges(shop)] == [("7", "address")]


def test_a_row_without_id_and_mailbox_means_the_contact_with_its_telephone_and_name(shop: Shop) -> None:
    shop.load("contacts", "id,phone,country,first_name\n1,020 7946 0018,GB,Ann\n")
    header = "phone,country,first_name,email,city\n"
    shop.load("contacts", header + "+442079460018,,Ann,ann@example.com,Ely\n")
    shop.load("contacts", header + "+442079460018,,Bob,bob@example.com,Rye\n")
    found = {row.first_name: (row.external_id, row.city) for row in shop.rows(contact)}
    bob = f"e-{email_hash(shop.settings.secret, 'bob@example.com')}"
    assert found == {"Ann": ("1", "Ely"), "Bob": (bob, "Rye")}


def test_a_row_with_another_mailbox_is_a_stranger_whatever_else_agrees(shop: Shop) -> None:
    shop.load("contacts", f"id,email,{ADDRESS}\n1,ann@example.com,{ANN_AT_HOME}\n")
    shop.load("contacts", f"id,email,{ADDRESS}\n2,anna@example.com,{ANN_AT_HOME}\n", match=["phone", "address"])
    assert names(shop) == {"1", "2"}


def test_known_contacts_that_turn_out_to_be_one_are_merged_with_all_that_is_theirs(shop: Shop) -> None:
    shop.load("contacts", "id,email,phone,country,first_name,points\n1,ann@example.com,,,Ann,3\n")
    shop.load("contacts", "id,phone,country,vip,first_name\n2,020 7946 0018,GB,yes,\n")
    shop.load("orders", "order_id,contact,ordered_at,total\nA,1,2026-11-01,10\nB,2,2026-11-02,10\n")
    shop.load("events", "kind,contact,occurred_at\nvisit,2,2026-11-01\n")

    result = shop.load("contacts", "id,email\n2,ann@example.com\n", match=["email"], clock=LATER)

    assert result.counts == {"mailable": 0, "merged": 1}
    (row,) = shop.rows(contact)
    assert (row.external_id, row.phone, row.attributes) == ("1", "+442079460018", {"points": 3, "vip": True})
    assert merges(shop) == [("1", "2", "email")]
    assert {each.contact_id for table in (orders, event) for each in shop.rows(table)} == {row.id}
    past = {(each.name, each.value, each.from_at) for each in shop.rows(attribute_history)}
    assert past == {("email", "ann@example.com", NOW), ("points", 3, NOW), ("vip", True, NOW + timedelta(days=1))}


@pytest.mark.parametrize("withdrawn", ["1", "2"])
def test_a_merge_keeps_what_either_side_withdrew(shop: Shop, withdrawn: str) -> None:
    shop.load("contacts", "id,email\n1,ann@example.com\n2,\n")
    agreed = "2" if withdrawn == "1" else "1"
    shop.load("consents", f"contact,channel,topic,state,at\n{withdrawn},email,*,withdrawn,2026-01-01\n"
                          f"{agreed},email,offers,granted,2026-11-01\n"
                          f"{agreed},direct_mail,offers,granted,2026-11-01\n")  # fmt: skip
    shop.load("contacts", "id,email\n2,ann@example.com\n", match=["email"], clock=LATER)
    assert names(shop) == {"1"}
    assert not in_force(shop, "1")
    assert in_force(shop, "1", "direct_mail")


def test_a_consent_given_again_after_a_withdrawal_survives_a_merge(shop: Shop) -> None:
    shop.load("contacts", "id,email\n1,ann@example.com\n2,\n")
    shop.load("consents", "contact,channel,topic,state,at\n1,email,offers,withdrawn,2026-01-01\n"
                          "1,email,*,granted,2026-02-01\n")  # fmt: skip
    shop.load("contacts", "id,email\n2,ann@example.com\n", match=["email"], clock=LATER)
    assert in_force(shop, "1")


def test_a_merge_gives_no_consent_to_a_mailbox_that_somebody_else_withdrew(shop: Shop) -> None:
    shop.load("contacts", "id,email,phone,first_name\n1,lees@example.com,,Bob\n2,,+442079460018,Ann\n")
    shop.load("consents", "contact,channel,topic,state,at\n1,email,offers,withdrawn,2026-01-01\n"
                          "2,email,offers,granted,2026-11-01\n")  # fmt: skip
    shop.load(
        "contacts", "id,email,phone,first_name\nB7,lees@example.com,+442079460018,Ann\n", match=["phone"], clock=LATER
    )
    assert names(shop) == {"1", "2"}
    assert merges(shop) == [("2", "B7", "phone")]
    assert not in_force(shop, "2")


def test_a_suppressed_mailbox_stays_suppressed_when_its_contact_is_merged(shop: Shop) -> None:
    shop.load("contacts", "id,email\n1,ann@example.com\n")
    shop.load("suppressions", "email,channel\nann@example.com,email\n")
    shop.load("contacts", "id,email\n2,ann@example.com\n", match=["email"])
    assert [row.key_hash for row in shop.rows(suppression)] == [row.email_hash for row in shop.rows(contact)]


def enrol(shop: Shop, *contact_ids: int) -> None:
    with writing(shop.engine) as connection:
        connection.execute(insert(definition).values(digest="d", campaign="spring", content={}, first_seen_at=NOW))
        for contact_id in contact_ids:
            row = {"campaign": "spring", "contact_id": contact_id, "key": "w", "definition_digest": "d"}
            connection.execute(insert(enrollment).values(**row, entered_at=NOW))


def test_of_two_contacts_the_one_in_a_campaign_stays(shop: Shop) -> None:
    shop.load("contacts", "id,email\n1,ann@example.com\n2,\n")
    enrol(shop, 2)
    shop.load("contacts", "id,email\n2,ann@example.com\n", match=["email"])
    assert [(row.id, row.external_id, row.email) for row in shop.rows(contact)] == [(2, "2", "ann@example.com")]
    assert merges(shop) == [("2", "1", "email")]


def test_two_contacts_in_campaigns_stay_two_and_that_is_remarked(shop: Shop) -> None:
    shop.load("contacts", "id,email\n1,ann@example.com\n2,\n")
    enrol(shop, 1, 2)
    result = shop.load("contacts", "id,email\n2,ann@example.com\n", match=["email"])
    assert names(shop) == {"1", "2"}
    assert shop.rejects(result) == [
        '2,kept,email,ann@example.com,"""1"" and ""2"" share this, and both took part in campaigns. They stay two."'
    ]


def test_a_replay_with_an_earlier_clock_is_noted_behind_what_is_known(shop: Shop) -> None:
    shop.load("contacts", "id,points\n1,3\n", clock=LATER)
    shop.load("contacts", "id,points\n1,4\n")
    past = [(row.value, row.from_at) for row in shop.rows(attribute_history)]
    assert past == [(3, NOW + timedelta(days=1)), (4, NOW + timedelta(days=1))]


def test_commands_find_a_contact_by_a_merged_id(shop: Shop) -> None:
    shop.load("contacts", "id,email\n1,ann@example.com\n")
    shop.load("contacts", "id,email\nB7,ann@example.com\n", match=["email"])
    with reading(shop.engine) as connection:
        assert contact_called(connection, "B7").external_id == "1"


def test_a_mailbox_of_a_crowd_names_nobody(shop: Shop) -> None:
    rows = "".join(f"{number},none@example.com\n" for number in range(101))
    assert shop.load("contacts", f"id,email\n{rows}", match=["email"]).loaded == 101
    assert shop.load("contacts", "id,email\nnew,none@example.com\n", match=["email"]).counts == {"mailable": 0}
    assert merges(shop) == []
