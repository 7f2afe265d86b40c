"""Orders of guests find the person by the code of a printed piece, or by the address that they go to."""

from sqlalchemy import insert

from handbill.store.connection import writing
from handbill.store.tables import contact, definition, enrollment, orders, outbox, run
from tests.conftest import NOW
from tests.contacts.conftest import Shop

PEOPLE = """id,email,first_name,last_name,address_line1,city,postcode,country
1,ann@example.org,Ann,Lee,1 Dock Lane,Whitby,YO21 1AA,GB
2,bob@example.org,Bob,Lee,1 Dock Lane,Whitby,YO21 1AA,GB
3,,Cleo,Ray,2 Dock Lane,Whitby,YO21 1AA,GB
4,,Dan,Fox,2 Dock Lane,Whitby,YO21 1AA,GB
"""
HEAD = "order_id,contact,email,ordered_at,total,code,ship_line1,ship_city,ship_postcode,ship_country\n"


def with_people(shop: Shop) -> Shop:
    """Four people, the second of whom got a printed piece."""
    shop.load("contacts", PEOPLE)
    with writing(shop.engine) as connection:
        connection.execute(insert(definition).values(digest="d", campaign="post", content={}, first_seen_at=NOW))
        connection.execute(insert(run).values(
            campaign="post", wave="once", state="finished", definition_digest="d", plan_digest="p", plan={},
            scheduled_at=NOW, started_at=NOW))  # fmt: skip
        connection.execute(insert(enrollment).values(
            campaign="post", contact_id=2, key="once", run_id=1, definition_digest="d", entered_at=NOW))  # fmt: skip
        connection.execute(insert(outbox).values(
            run_id=1, enrollment_id=1, contact_id=2, channel="direct_mail", step="send", arm="letter", address="x",
            address_key="x", address_hash="x", state="accepted", not_before=NOW, message_id="m", message_at=NOW,
            idempotency_key="k", code="7KD4MWRVT"))  # fmt: skip
    return shop


def owners(shop: Shop) -> dict[str, tuple[str, str | None]]:
    """Whose each order is, and what told it."""
    people = {row.id: row.external_id for row in shop.rows(contact.c.id, contact.c.external_id)}
    found = shop.rows(orders.c.external_id, orders.c.contact_id, orders.c.matched_by)
    return {row.external_id: (people[row.contact_id], row.matched_by) for row in found}


def test_what_tells_whose_an_order_is_is_kept_with_it(shop: Shop) -> None:
    rows = (
        "by-id,1,,2026-11-01,10,,,,,\n"
        "by-email,,BOB@example.org,2026-11-01,10,,,,,\n"
        "by-code,,guest@example.org,2026-11-01,10,7KD4MWRVT,,,,\n"
        "by-address,,,2026-11-01,10,,1 DOCK LANE,Whitby,yo211aa,United Kingdom\n"
        "id-before-code,1,,2026-11-01,10,7KD4MWRVT,,,,\n"
    )
    result = with_people(shop).load("orders", HEAD + rows)
    assert result.rejected == 0
    assert owners(shop) == {
        "by-id": ("1", None), "by-email": ("2", "email"), "by-code": ("2", "code"), "by-address": ("1", "address"),
        "id-before-code": ("1", None),
    }  # fmt: skip


def test_an_order_of_which_nothing_tells_the_owner_is_rejected_with_the_reason(shop: Shop) -> None:
    rows = (
        "a,,,2026-11-01,10,XXXXXXXXX,,,,\n"
        "b,,,2026-11-01,10,,2 Dock Lane,Whitby,YO21 1AA,GB\n"
        "c,,,2026-11-01,10,,9 Dock Lane,Whitby,YO21 1AA,GB\n"
        "d,,,2026-11-01,10,,,,,\n"
        "e,99,,2026-11-01,10,7KD4MWRVT,,,,\n"
    )
    result = with_people(shop).load("orders", HEAD + rows)
    assert (result.loaded, result.rejected) == (0, 5)
    nowhere = "nobody whom we know lives where the order goes to, or several do."
    assert sorted(line.partition(",")[2].removeprefix("rejected,") for line in shop.rejects(result)) == sorted([
        'code,XXXXXXXXX,"no piece with the code ""XXXXXXXXX"" went to anybody we know."',
        f"ship_line1,,\"{nowhere}\"", f"ship_line1,,\"{nowhere}\"",
        "contact,,the value is missing: the row belongs to no contact.",
        'contact,99,"contact ""99"" is not known. Import the contacts first."',
    ])  # fmt: skip


def test_an_order_that_comes_again_with_its_contact_is_theirs(shop: Shop) -> None:
    with_people(shop).load("orders", HEAD + "a,,,2026-11-01,10,7KD4MWRVT,,,,\n")
    assert owners(shop) == {"a": ("2", "code")}
    shop.load("orders", HEAD + "a,1,,2026-11-01,10,7KD4MWRVT,,,,\n")
    assert owners(shop) == {"a": ("1", None)}
