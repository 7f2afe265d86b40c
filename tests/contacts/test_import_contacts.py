"""Contacts come in from files: whom a row means, what it changes, what is rejected, and what is only remarked."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from handbill.clock import fixed_clock
from handbill.contacts.addresses import normalise_address
from handbill.contacts.identity import email_hash, household_key, postal_hash
from handbill.contacts.profiles import load_profiles
from handbill.errors import ImportRefused, StoreUnavailable
from handbill.store.connection import open_store, reading, writing
from handbill.store.tables import attribute_history, contact, source_watermark
from tests.conftest import NOW
from tests.contacts.conftest import Shop

HEADER = "id,email,first_name,last_name,address_line1,city,postcode,country,points\n"
ANN = "1,Ann@Example.com,Ann,Lee,1 Main Street,Boston,2108,USA,12\n"
LATER = fixed_clock(NOW + timedelta(days=1))


def test_a_contact_has_its_keys_hashes_and_attributes(shop: Shop) -> None:
    result = shop.load("contacts", HEADER + ANN)

    assert (result.rows, result.loaded, result.rejected, result.remarks) == (1, 1, 0, 0)
    assert result.counts == {"mailable": 1}
    assert result.quarantine is None
    (row,) = shop.rows(contact)
    secret, key = shop.settings.secret, "us|02108|1 main st"
    assert row._asdict() == {
        "id": 1, "external_id": "1", "email": "Ann@Example.com", "email_key": "ann@example.com", "phone": None,
        "first_name": "Ann", "last_name": "Lee", "company": None, "language": None, "timezone": None,
        "address_line1": "1 Main Street", "address_line2": None, "city": "Boston", "region": "MA",
        "postcode": "02108", "country": "US", "address_key": key, "address_problem": None,
        "household_key": household_key(secret, key, "Lee"), "email_hash": email_hash(secret, "ann@example.com"),
        "postal_hash": postal_hash(secret, key), "attributes": {"points": 12}, "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip


def test_the_same_file_twice_changes_nothing(shop: Shop) -> None:
    shop.load("contacts", HEADER + ANN)
    before = shop.rows(contact), shop.rows(attribute_history)

    assert shop.load("contacts", HEADER + ANN, clock=LATER).loaded == 1

    assert (shop.rows(contact), shop.rows(attribute_history)) == before


def test_a_column_of_the_file_replaces_and_an_absent_one_leaves(shop: Shop) -> None:
    shop.load("contacts", "id,first_name,phone,points,vip\n1,Ann,123,12,yes\n")
    shop.load("contacts", "id,first_name,points\n1,Anna,\n", clock=LATER)

    (row,) = shop.rows(contact)
    assert (row.first_name, row.phone, row.attributes) == ("Anna", "123", {"vip": True})
    assert (row.created_at, row.updated_at) == (NOW, NOW + timedelta(days=1))


def test_changes_of_attributes_and_mailboxes_are_kept_with_their_times(shop: Shop) -> None:
    shop.load("contacts", "id,email,points\n1,ann@example.com,12\n2,bob@example.com,\n")
    shop.load("contacts", "id,email,points\n1,anna@example.com,13\n2,bob@example.com,\n", clock=LATER)
    shop.load("contacts", "id,points\n1,\n", clock=fixed_clock(NOW + timedelta(days=2)))

    past = [(row.contact_id, row.name, row.value, row.from_at - NOW) for row in shop.rows(attribute_history)]
    assert sorted(past, key=lambda row: (row[0], row[1], row[3])) == [
        (1, "email", "ann@example.com", timedelta(0)),
        (1, "email", "anna@example.com", timedelta(days=1)),
        (1, "points", 12, timedelta(0)),
        (1, "points", 13, timedelta(days=1)),
        (1, "points", None, timedelta(days=2)),
        (2, "email", "bob@example.com", timedelta(0)),
    ]


def test_a_contact_without_an_id_is_found_by_its_mailbox(shop: Shop) -> None:
    shop.load("contacts", "id,email,first_name\n7,ann@example.com,Ann\n")
    shop.load("contacts", "email,first_name\nANN@example.com,Anna\nbob@example.com,Bob\n")
    shop.load("contacts", "email,first_name\nbob@example.com,Robert\n")

    known = email_hash(shop.settings.secret, "bob@example.com")
    found = {row.external_id: row.first_name for row in shop.rows(contact)}
    assert found == {"7": "Anna", f"e-{known}": "Robert"}


def test_within_one_file_a_row_with_only_the_mailbox_means_the_contact_beside_it(shop: Shop) -> None:
    result = shop.load("contacts", "id,email,first_name\n,ann@example.com,A\n7,ann@example.com,Ann\n")

    assert result.loaded == 1
    assert [(row.external_id, row.first_name) for row in shop.rows(contact)] == [("7", "Ann")]


def test_the_last_row_of_a_contact_counts(shop: Shop) -> None:
    assert shop.load("contacts", "id,first_name\n1,A\n2,B\n1,C\n2,B\n").loaded == 2
    assert {row.external_id: row.first_name for row in shop.rows(contact)} == {"1": "C", "2": "B"}


def test_somebody_known_by_name_and_address_only_stays_one_contact(shop: Shop) -> None:
    for street in ("1 Main Street", "1 Main St."):
        shop.load(
            "contacts",
            f"first_name,last_name,address_line1,city,postcode,country\nAnn,Lee,{street},Boston,02108,US\n",
        )
    (row,) = shop.rows(contact)
    assert row.external_id.startswith("p-")
    assert row.address_line1 == "1 Main St."


def test_people_with_one_address_and_one_last_name_are_a_household(shop: Shop) -> None:
    shop.load(
        "contacts",
        "id,last_name,address_line1,city,postcode,country\n"
        "1,Lee,1 Main St,Boston,02108,US\n2,LEE,1 Main Street,Boston,02108,US\n"
        "3,Ray,1 Main St,Boston,02108,US\n4,Lee,,,,\n",
    )
    keys = {row.external_id: row.household_key for row in shop.rows(contact)}
    assert keys["1"] == keys["2"]
    assert keys["3"] not in {keys["1"], keys["4"]}
    assert keys["4"] == "c:4"


def test_an_impossible_address_is_remarked_and_the_contact_kept(shop_on_paper: Shop) -> None:
    result = shop_on_paper.load("contacts", HEADER + "1,ann@example.com,Ann,Lee,1 Main St,Boston,02108,GB,\n")

    assert (result.loaded, result.rejected, result.remarks, result.counts) == (1, 0, 1, {"mailable": 0})
    problem = '"02108" is no postcode of United Kingdom. Write it like EC1Y 8SY.'
    remark = f"post cannot go there: {problem} The contact is kept.".replace('"', '""')
    (row,) = shop_on_paper.rows(contact)
    assert (row.address_key, row.postal_hash, row.household_key) == (None, None, "c:1")
    assert row.address_problem == problem
    assert shop_on_paper.rejects(result) == [
        f'2,kept,address_line1,"1 Main St, Boston, 02108","{remark}"',
    ]


def test_an_impossible_mailbox_is_rejected_unless_post_can_go_there(shop: Shop) -> None:
    result = shop.load("contacts", HEADER + "1,ann@,Ann,Lee,,,,,\n2,bob@,Bob,Ray,1 Main St,Boston,02108,US,\n")

    assert (result.loaded, result.rejected, result.remarks) == (1, 1, 1)
    assert [(row.external_id, row.email) for row in shop.rows(contact)] == [("2", None)]
    assert shop.rejects(result) == [
        '2,rejected,email,ann@,"""ann@"" is not an e-mail address. Write it like ann@example.com."',
        (
            '3,kept,email,bob@,"""bob@"" is not an e-mail address. Write it like ann@example.com. '
            'The contact is kept, for post only."'
        ),
    ]


def test_a_row_that_names_nobody_is_rejected(shop_on_paper: Shop) -> None:
    result = shop_on_paper.load("contacts", HEADER + ",,Ann,Lee,1 Main St,Boston,,US,\n")

    assert result.loaded == 0
    assert shop_on_paper.rejects(result) == [
        (
            '2,rejected,,,"the row names nobody: it has no external id, no e-mail and no address that post can go to. '
            'The address: the postcode is missing."'
        )
    ]


def test_a_value_of_another_type_rejects_its_row_with_every_reason(shop_on_paper: Shop) -> None:
    result = shop_on_paper.load("contacts", "id,points,vip,tier\n1,many,maybe,gold\n2,3,no,Silver\n3,4,yes,tin\n")

    assert (result.loaded, result.rejected) == (1, 2)
    assert [row.attributes for row in shop_on_paper.rows(contact)] == [{"points": 3, "vip": False, "tier": "silver"}]
    assert shop_on_paper.rejects(result) == [
        '2,rejected,points,many,"""many"" is not a whole number. Write it like 42."',
        '2,rejected,vip,maybe,"""maybe"" is neither true nor false. Write true or false."',
        '4,rejected,tier,tin,"""tin"" is not known. Use basic, silver or gold."',
    ]
    assert [(reason.column, reason.first_row, reason.rows) for reason in result.reasons] == [
        ("points", 2, 1), ("vip", 2, 1), ("tier", 4, 1),
    ]  # fmt: skip


def test_what_a_spreadsheet_would_run_is_neutralised_in_the_rejects(shop_on_paper: Shop) -> None:
    result = shop_on_paper.load("contacts", "id,points\n1,=2+3\n2,+1a\n3,-x\n4,@y\n")
    assert [line.split(",")[3] for line in shop_on_paper.rejects(result)] == ["'=2+3", "'+1a", "'-x", "'@y"]


def test_columns_of_new_names_become_fields_of_the_type_that_fits(shop: Shop) -> None:
    declared: dict[str, str] = {}
    content = (
        "id,Shirt Size,Visits,Rate,Member?,Joined,Seen At,Code,Empty\n"
        "1,L,3,1.5,yes,2026-01-02,2026-01-02 09:00,007,\n"
        "2,,,2,no,2026-01-03,2026-07-02T09:00Z,12,\n"
    )
    result = shop.load("contacts", content, declare=declared.update)

    types = {
        "shirt_size": "text", "visits": "integer", "rate": "number", "member": "boolean", "joined": "date",
        "seen_at": "time", "code": "text",
    }  # fmt: skip
    assert result.new_fields == declared == types
    assert result.left_out == ("Empty",)
    first, second = (row.attributes for row in shop.rows(contact))
    at = int(datetime(2026, 1, 2, 9, tzinfo=UTC).timestamp() * 1_000_000)
    assert first == {
        "shirt_size": "L", "visits": 3, "rate": 1.5, "member": True, "joined": "2026-01-02", "seen_at": at,
        "code": "007",
    }  # fmt: skip
    assert (second["rate"], second["member"], "visits" in second) == (2.0, False, False)


def test_fields_that_cannot_be_declared_undo_the_import(shop: Shop) -> None:
    def refuse(_: object) -> None:
        raise ImportRefused("no.")

    with pytest.raises(ImportRefused, match="no"):
        shop.load("contacts", "id,size\n1,L\nx\n", declare=refuse)
    assert shop.rows(contact) == []
    assert list((shop.settings.work_dir / "rejects").iterdir()) == []


def test_mapped_and_derived_fields_are_taken_and_other_columns_left_out(shop_on_paper: Shop) -> None:
    result = shop_on_paper.load(
        "contacts",
        "Kunde,Land,Umsatz,points\n17850,United Kingdom,12,3\n",
        mapping={"external_id": "Kunde", "country": "Land"},
        derive={
            "email": "customer-{{ Kunde }}@shop.example",
            "first_name": "{{ ['Ann', 'Bob'][Kunde | int % 2] }}",
            "last_name": "{{ row['Land'] | replace(' ', '-') }}",
        },
    )

    assert result.left_out == ()
    (row,) = shop_on_paper.rows(contact)
    assert (row.external_id, row.email, row.first_name, row.last_name, row.country, row.attributes) == (
        "17850", "customer-17850@shop.example", "Ann", "United-Kingdom", "GB", {"points": 3},
    )  # fmt: skip


def test_a_field_that_cannot_be_derived_rejects_its_row_once(shop_on_paper: Shop) -> None:
    result = shop_on_paper.load(
        "contacts",
        "Kunde,Other\n,x\n0,\n5,\n",
        derive={
            "email": "c{{ Kunde }}@shop.example",
            "first_name": "{{ 100 // (Kunde | int) }}",
            "last_name": "{{ Other | default('none') }}",
        },
    )

    assert [row.last_name for row in shop_on_paper.rows(contact)] == ["none"]
    assert shop_on_paper.rejects(result) == [
        "2,rejected,email,,it cannot be derived: Kunde is empty.",
        "3,rejected,first_name,,it cannot be derived: integer division or modulo by zero.",
    ]


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        (
            "id,emial",
            {},
            (
                '{file}:1:2: column "emial" is not a field. Did you mean email? Rename it, or say --map email=emial. '
                "If it is a field of your own, declare it under fields: in campaigns.yaml."
            ),
        ),
        (
            "id,mail,E-Mail",
            {},
            '{file}:1:3: columns "mail" and "E-Mail" both mean email. Say which one: --map email=E-Mail.',
        ),
        (
            "id,数量",
            {},
            (
                '{file}:1:2: column "数量" cannot be the name of a field. '
                "Rename it with small letters, digits and _, or say what it is: --map FIELD=COLUMN."
            ),
        ),
        (
            "first_name",
            {},
            (
                "{file}:1: no column fills external_id, email or address_line1. "
                "Say which one does: --map external_id=COLUMN."
            ),
        ),
        (
            "id,name",
            {"mapping": {"frist_name": "name", "last_name": "nmae"}},
            (
                '--map frist_name=name: field "frist_name" is not known. Did you mean "first_name"? '
                "Declare a field of your own under fields: in campaigns.yaml.\n"
                '--map last_name=nmae: column "nmae" is not known. Use id or name. Did you mean "name"?'
            ),
        ),
        (
            "id,name",
            {"derive": {"email": "{{ nmae }}@x.example", "phone": "{{ name", "emial": "x"}},
            (
                '--derive emial: field "emial" is not known. Did you mean "email"? '
                "Declare a field of your own under fields: in campaigns.yaml.\n"
                '--derive email: column "nmae" is not known. Use id or name. Did you mean "name"?\n'
                "--derive phone: this is no Jinja: unexpected end of template, expected 'end of print statement'. "
                "Write it like {{{{ column }}}}."
            ),
        ),
        (
            "id,name",
            {"mapping": {"email": "name"}, "derive": {"email": "{{ name }}"}},
            '--derive email: "email" is mapped already. Remove one of the two.',
        ),
    ],
)
def test_a_wrong_column_or_field_is_refused_before_anything_is_loaded(
    shop_on_paper: Shop, header: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ImportRefused) as caught:
        shop_on_paper.load("contacts", f"{header}\n{'1,' * header.count(',')}1\n", **options)
    assert str(caught.value) == message.format(file=shop_on_paper.folder / "file.csv")
    assert shop_on_paper.rows(contact) == []


def test_the_row_cannot_reach_outside_itself(shop_on_paper: Shop) -> None:
    result = shop_on_paper.load(
        "contacts", "id,x\n1,a\n", derive={"first_name": "{{ x.__class__.__mro__ }}", "last_name": "{{ x }}"}
    )
    assert shop_on_paper.rows(contact) == []
    assert result.reasons[0].text == (
        "it cannot be derived: access to attribute '__class__' of 'str' object is unsafe."
    )


def test_an_unknown_kind_is_refused(shop_on_paper: Shop) -> None:
    with pytest.raises(ImportRefused) as caught:
        shop_on_paper.load("contact", "id\n1\n")
    assert str(caught.value) == (
        'kind of import "contact" is not known. Use contacts, orders, products, events, consents or suppressions. '
        'Did you mean "contacts"?'
    )


def test_bad_bytes_after_good_rows_leave_nothing_behind(shop: Shop) -> None:
    path = shop.folder / "broken.csv"
    path.write_bytes("id,first_name\nx,Zoë\n".encode() + b"".join(b"%d,Ann\n" % n for n in range(20_000)) + b"y,\xff\n")
    with pytest.raises(ImportRefused):
        shop.load_file("contacts", path)
    assert shop.rows(contact) == []


def test_a_new_street_in_a_file_without_the_rest_makes_the_keys_anew(shop: Shop) -> None:
    shop.load("contacts", HEADER + ANN + "2,,Bob,Ray,2 Main St,Boston,02108,US,\n")
    shop.load("contacts", "id,address_line1\n1,5 Elm Street\n")
    shop.load("contacts", "id,last_name\n2,Lee\n")

    ann, bob = shop.rows(contact)
    secret = shop.settings.secret
    assert (ann.address_key, ann.city, ann.region) == ("us|02108|5 elm st", "Boston", "MA")
    assert ann.household_key == household_key(secret, ann.address_key, "Lee")
    assert ann.postal_hash == postal_hash(secret, ann.address_key)
    assert bob.household_key == household_key(secret, "us|02108|2 main st", "Lee")


def test_a_country_alone_does_not_take_the_address_away(shop: Shop) -> None:
    shop.load("contacts", HEADER + ANN)
    shop.load("contacts", "id,country\n1,GB\n")
    (row,) = shop.rows(contact)
    assert row.address_problem == '"02108" is no postcode of United Kingdom. Write it like EC1Y 8SY.'
    assert row.household_key == "c:1"
    shop.load("contacts", "id,country\n1,US\n")
    (row,) = shop.rows(contact)
    assert row.address_key == "us|02108|1 main st"


def test_an_address_that_goes_away_takes_its_keys_with_it(shop: Shop) -> None:
    shop.load("contacts", HEADER + ANN)
    shop.load("contacts", HEADER + "1,ann@example.com,Ann,Lee,,,,,\n")
    (row,) = shop.rows(contact)
    assert (row.address_key, row.postal_hash, row.household_key, row.address_problem) == (None, None, "c:1", None)


def test_json_lines_bring_typed_values(shop_on_paper: Shop) -> None:
    shop_on_paper.load("contacts", '{"id": 7, "points": 3, "vip": true, "birthday": "2001-02-03"}\n', name="file.jsonl")
    (row,) = shop_on_paper.rows(contact)
    assert (row.external_id, row.attributes) == ("7", {"points": 3, "vip": True, "birthday": "2001-02-03"})


def test_profiles_hold_every_field_with_its_type(shop: Shop) -> None:
    shop.load(
        "contacts",
        "id,email,points,score,vip,birthday,last_visit,tier\n"
        "1,ann@example.com,12,4.5,no,2001-02-03,2026-07-01 09:00,gold\n2,bob@example.com,,,,,,\n",
    )
    with reading(shop.engine) as connection:
        ann, bob = load_profiles(connection, shop.project, [1, 2, 3]).values()
    assert set(ann) == set(bob) == set(shop.project.fields)
    assert (ann["points"], ann["score"], ann["vip"], ann["tier"]) == (12, 4.5, False, "gold")
    assert ann["birthday"] == date(2001, 2, 3)
    assert ann["last_visit"] == datetime(2026, 7, 1, 8, tzinfo=UTC)
    assert ann["created_at"] == NOW
    assert bob["email"] == "bob@example.com"
    assert bob["points"] is bob["birthday"] is bob["first_name"] is None


def test_profiles_of_many_contacts_come_in_parts(shop: Shop) -> None:
    shop.load("contacts", "id\n" + "".join(f"{number}\n" for number in range(2_500)))
    with reading(shop.engine) as connection:
        ids = list(connection.scalars(select(contact.c.id)))
        assert load_profiles(connection, shop.project, ids).keys() == set(ids)


def test_the_time_of_the_first_contact_may_come_from_the_file(shop: Shop) -> None:
    shop.load("contacts", "id,created_at\n1,2020-07-01\n")
    assert shop.rows(contact.c.created_at) == [(datetime(2020, 6, 30, 23, tzinfo=UTC),)]


def test_how_complete_a_source_is_never_turns_back(shop: Shop) -> None:
    shop.load("contacts", "id\n1\n", source="crm")
    shop.load("contacts", "id\n1\n", source="crm", clock=LATER, complete_until=NOW - timedelta(days=9))
    (row,) = shop.rows(source_watermark)
    assert tuple(row) == ("contacts", "crm", NOW, NOW + timedelta(days=1))


def test_progress_is_told_with_rows_and_share(shop_on_paper: Shop) -> None:
    told: list[tuple[int, float]] = []
    shop_on_paper.load("contacts", "id,size\n1,L\n2,M\n", progress=lambda rows, share: told.append((rows, share)))
    assert told == [(2, 0.5), (2, 1.0)]


def test_nobody_is_locked_out_while_a_file_is_read(shop: Shop) -> None:
    def write(_rows: int, _share: float) -> None:
        with writing(shop.engine) as connection:
            connection.execute(
                insert(contact).values(external_id="meanwhile", household_key="c:m", created_at=NOW, updated_at=NOW)
            )

    shop.load("contacts", "id\n1\n", progress=write)
    assert [row.external_id for row in shop.rows(contact)] == ["meanwhile", "1"]


def test_a_locked_store_is_said_in_one_line_and_nothing_is_loaded(shop_on_paper: Shop) -> None:
    url = shop_on_paper.engine.url.render_as_string()
    hurried = open_store(url, lock_wait=timedelta(milliseconds=50))
    elsewhere = Shop(hurried, shop_on_paper.project, shop_on_paper.settings, shop_on_paper.folder)
    with writing(shop_on_paper.engine), pytest.raises(StoreUnavailable) as caught:
        elsewhere.load("contacts", "id,points\n1,x\n2,3\n")
    assert str(caught.value) == (f"{url}: the database is locked by another program. Stop it, or try again later.")
    assert shop_on_paper.rows(contact) == []
    assert list((shop_on_paper.settings.work_dir / "rejects").iterdir()) == []
    hurried.dispose()


def test_a_store_that_is_not_there_is_said_in_one_line(shop_on_paper: Shop) -> None:
    engine = open_store("postgresql://nobody@127.0.0.1:1/none")
    elsewhere = Shop(engine, shop_on_paper.project, shop_on_paper.settings, shop_on_paper.folder)
    with pytest.raises(StoreUnavailable, match="the database cannot be reached"):
        elsewhere.load("contacts", "id\n1\n")
    engine.dispose()


def test_the_stored_address_prints(shop_on_paper: Shop) -> None:
    shop_on_paper.load("contacts", HEADER + ANN)
    (row,) = shop_on_paper.rows(contact)
    address = normalise_address(row.address_line1, None, row.city, row.region, row.postcode, row.country)
    assert address.lines == ("1 Main Street", "BOSTON, MA 02108", "UNITED STATES")


def test_a_column_called_like_one_of_the_stores_own_is_an_attribute(shop_on_paper: Shop) -> None:
    shop_on_paper.load("contacts", "external_id,updated_at,household_key\n1,2020-01-01,H7\n")
    (row,) = shop_on_paper.rows(contact)
    assert row.attributes == {"updated_at": "2020-01-01", "household_key": "H7"}
    assert (row.household_key, row.updated_at) == ("c:1", NOW)
