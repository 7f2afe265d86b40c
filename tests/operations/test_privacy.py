"""What people may ask for: all that is held about them, and to be gone, while the books go on adding up."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, insert, select, update

from handbill.contacts.erase import KEPT_TABLES
from handbill.contacts.identity import email_hash, postal_hash
from handbill.contacts.merging.history import EMAIL as EMAIL_HISTORY
from handbill.definitions.loading import load_project
from handbill.definitions.project import Project
from handbill.delivery.books import books
from handbill.errors import NothingToDo, ProjectInvalid, RunRefused
from handbill.operations.audit import Doer
from handbill.operations.control import retry
from handbill.operations.privacy import Erased, erase_contact, erase_news, export_contact
from handbill.operations.report import report_campaign
from handbill.operations.segments import count_segment
from handbill.responses.events import Event, store_events
from handbill.store.connection import open_store, reading, writing
from handbill.store.tables import (
    assignment,
    attempt,
    attribute_history,
    audit_entry,
    consent,
    contact,
    contact_merge,
    metadata,
    order_line,
    orders,
    outbox,
    print_batch,
    print_piece,
    suppression,
)
from tests.conftest import NOW
from tests.operations.shop import make_settings
from tests.reports.factory import AFTER, NOTHING, Cell, fill, members_of
from tests.reports.projects import write_project

ANN = Doer("ann", "shell")
CELLS = (
    Cell("nothing", 6, 2),
    Cell("both", 6, 3, ("email", "direct_mail"), piece="letter"),
)
PERSON: dict[str, Any] = {
    "email": "Zelda.Zylberstein@canary.example",
    "email_key": "zelda.zylberstein@canary.example",
    "phone": "+447700900123",
    "first_name": "Zeldamarie",
    "last_name": "Zylberstein",
    "company": "Zylberworks",
    "language": "en",
    "timezone": "Europe/London",
    "address_line1": "77 Canarygate",
    "address_line2": "Flat Zebulon",
    "city": "Zetland",
    "region": "Zedshire",
    "postcode": "ZE1 0AA",
    "country": "GB",
    "address_key": "77 canarygate|ze1 0aa",
    "attributes": {"nickname": "Zizi-Canary"},
}
CANARIES = ("zylberstein", "zeldamarie", "7700900123", "zylberworks", "canarygate", "zebulon", "zetland", "zedshire",
            "ze1 0aa", "zizi-canary", "shop-id-zz", "192.0.2.77", "order-zz")  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "shop" / "segments").mkdir(parents=True)
    return write_project(tmp_path / "shop")


@pytest.fixture
def person(store: Engine, project: Project) -> int:
    """Somebody with an e-mail and a letter, whose every trace is a word that nobody else has."""
    return planted(store, project, "both")


def planted(store: Engine, project: Project, arm: str) -> int:
    with writing(store) as connection:
        fill(connection, CELLS)
        contact_id = members_of(connection, arm)[0]
        _plant(connection, contact_id, make_settings(project.root, store).secret)
    return contact_id


def _plant(connection: Connection, contact_id: int, secret: bytes) -> None:
    old_id = str(connection.scalar(select(contact.c.external_id).where(contact.c.id == contact_id)))
    hashes = {"email_hash": email_hash(secret, PERSON["email_key"]),
              "postal_hash": postal_hash(secret, PERSON["address_key"])}  # fmt: skip
    connection.execute(
        update(contact)
        .where(contact.c.id == contact_id)
        .values(**PERSON, **hashes, external_id="shop-id-zz", household_key="c:shop-id-zz")
    )
    connection.execute(update(assignment).where(assignment.c.unit_id == old_id[:-2]).values(unit_id="shop-id-zz"))
    said = {"contact_id": contact_id, "source": "Zylberstein's form", "wording": "Yes, Zeldamarie agrees"}
    connection.execute(insert(consent).values(
        **said, channel="email", topic="offers", state="granted", at=NOW, proof={"ip": "192.0.2.77"}))  # fmt: skip
    merged = {"contact_id": contact_id, "merged_external_id": "old-shop-id-zz", "by_key": "email"}
    connection.execute(insert(contact_merge).values(**merged, at=NOW, source="shop"))
    past = [(EMAIL_HISTORY, "zelda.before@zylberstein.example"), ("nickname", "Zizi-Canary")]
    connection.execute(insert(attribute_history), [
        {"contact_id": contact_id, "name": name, "value": value, "from_at": NOW} for name, value in past
    ])  # fmt: skip
    connection.execute(
        update(outbox)
        .where(outbox.c.contact_id == contact_id)
        .values(
            address=PERSON["email"], address_key=PERSON["email_key"], domain="canary.example",
            answer_text="250 Zelda.Zylberstein@canary.example ok", provider_id="order-zz-provider",
            address_hash=hashes["email_hash"],
        )
    )  # fmt: skip
    for message in connection.scalars(select(outbox.c.id).where(outbox.c.contact_id == contact_id)).all():
        tried = {"outbox_id": message, "number": 1, "ended_at": NOW, "outcome": "accepted"}
        connection.execute(insert(attempt).values(**tried, answer_text="zelda.zylberstein@canary.example queued"))
        _answer(connection, contact_id, message)
        _print(connection, message)
    _visit(connection, contact_id)
    connection.execute(insert(orders).values(
        external_id="order-zz-1", contact_id=contact_id, ordered_at=NOW + timedelta(days=2), received_at=NOW,
        total=30_000_000, currency="GBP", source="shop"))  # fmt: skip
    order_id = connection.scalar(select(orders.c.id).where(orders.c.external_id == "order-zz-1"))
    connection.execute(insert(order_line).values(order_id=order_id, sku="mug", quantity=1, price=30_000_000))


def _answer(connection: Connection, contact_id: int, message: int, kind: str = "email.clicked") -> None:
    said = {"ip": "192.0.2.77", "agent": "Zylberstein's browser", "topic": "offers"}
    each = Event("tracking", f"click {message} of shop-id-zz", kind, NOW, NOW, contact_id, message, "human", said)
    store_events(connection, [each])


def _visit(connection: Connection, contact_id: int) -> None:
    seen = Event("shop", "visit-shop-id-zz", "page_view", NOW, NOW, contact_id, properties={"who": "Zeldamarie"})
    store_events(connection, [seen])


def _print(connection: Connection, message: int) -> None:
    run_id, channel = connection.execute(select(outbox.c.run_id, outbox.c.channel).where(outbox.c.id == message)).one()
    if channel != "direct_mail":
        return
    made = {"run_id": run_id, "name": "winback-once-letter-001", "state": "handed_over", "format": "letter"}
    connection.execute(insert(print_batch).values(
        **made, pieces=1, pages=1, directory="/print/winback-once-letter-001", owner="x", lease_until=NOW, made_at=NOW,
    ))  # fmt: skip
    batch_id = connection.scalar(select(print_batch.c.id))
    piece = {"outbox_id": message, "batch_id": batch_id, "sequence": 7, "page_from": 7, "page_to": 7}
    connection.execute(insert(print_piece).values(**piece))


def erase(store: Engine, project: Project, person: int) -> Erased:
    return erase_contact(store, make_settings(project.root, store), person, now=AFTER, doer=ANN)


def export(store: Engine, project: Project, person: int) -> dict[str, Any]:
    return export_contact(store, project, make_settings(project.root, store), person, now=AFTER, doer=ANN)


def report(store: Engine, project: Project) -> Any:
    return json.loads(report_campaign(store, project, "winback", now=AFTER, format="json"))


def traces(store: Engine) -> set[str]:
    """Where a word of the person stands in any column of any table."""
    with reading(store) as connection:
        return {
            f"{table.name}.{name}"
            for table in metadata.sorted_tables
            for row in connection.execute(select(table)).mappings()
            for name, value in row.items()
            if any(word in str(value).lower() for word in CANARIES)
        }


@pytest.mark.parametrize("arm", ["nothing", "both"])
def test_no_word_of_an_erased_person_is_left_in_any_column_of_any_table(
    store: Engine, project: Project, arm: str
) -> None:
    person = planted(store, project, arm)
    assert "contact.email" in traces(store)
    erase(store, project, person)
    assert traces(store) == set()


@pytest.mark.parametrize("arm", ["nothing", "both"])
def test_reports_say_the_same_before_and_after_an_erasure(store: Engine, project: Project, arm: str) -> None:
    person = planted(store, project, arm)
    before = report(store, project)
    erase(store, project, person)
    assert report(store, project) == before


def test_the_books_balance_after_an_erasure(store: Engine, project: Project, person: int) -> None:
    with reading(store) as connection:
        before = books(connection, 1)
    erase(store, project, person)
    with reading(store) as connection:
        assert books(connection, 1) == before
        assert before.balances


def test_an_erased_persons_mailboxes_and_address_stay_suppressed_as_keyed_hashes(
    store: Engine, project: Project, person: int
) -> None:
    erase(store, project, person)
    secret = make_settings(project.root, store).secret
    with reading(store) as connection:
        rows = connection.execute(select(suppression.c.channel, suppression.c.key_hash, suppression.c.reason)).all()
    assert set(rows) == {
        ("email", email_hash(secret, "zelda.zylberstein@canary.example"), "erased"),
        ("email", email_hash(secret, "zelda.before@zylberstein.example"), "erased"),
        ("direct_mail", postal_hash(secret, PERSON["address_key"]), "erased"),
    }


def test_an_address_where_others_live_is_not_suppressed(store: Engine, project: Project, person: int) -> None:
    key = postal_hash(make_settings(project.root, store).secret, PERSON["address_key"])
    with writing(store) as connection:
        neighbour = {"external_id": "n", "household_key": "h-n", "postal_hash": key}
        connection.execute(insert(contact).values(**neighbour, created_at=NOW, updated_at=NOW))
    erase(store, project, person)
    with reading(store) as connection:
        assert "direct_mail" not in connection.scalars(select(suppression.c.channel)).all()


def test_nobody_is_erased_twice(store: Engine, project: Project, person: int) -> None:
    erase(store, project, person)
    with pytest.raises(NothingToDo, match=r"This person was erased before\."):
        erase(store, project, person)


def test_an_erased_person_is_in_no_segment_and_cannot_be_exported(store: Engine, project: Project, person: int) -> None:
    (project.root / "segments" / "everybody.yaml").write_text(
        "name: Everybody\nwhere: {field: external_id, exists: true}\n"
    )
    loaded = load_project(project.root)
    assert (size := count_segment(store, loaded, "everybody", now=AFTER)).contacts == size.of == 12
    erase(store, project, person)
    assert (size := count_segment(store, loaded, "everybody", now=AFTER)).contacts == size.of == 11
    with pytest.raises(ProjectInvalid, match=r"there is no such contact\."):
        export(store, project, person)


def test_what_comes_in_about_an_erased_person_is_erased_as_well_and_counted_once(
    store: Engine, project: Project, person: int
) -> None:
    with reading(store) as connection:
        messages = connection.scalars(select(outbox.c.id).where(outbox.c.contact_id == person)).all()
    before = report(store, project)
    erase(store, project, person)
    with writing(store) as connection:
        _visit(connection, person)
        for message in messages:
            _answer(connection, person, message)
        row = {"contact_id": person, "channel": "email", "topic": "*", "state": "withdrawn", "at": AFTER}
        connection.execute(insert(consent).values(**row, source="Zylberstein's mail"))
    assert erase_news(store, make_settings(project.root, store), now=AFTER) == 1
    assert traces(store) == set()
    assert report(store, project) == before
    assert erase_news(store, make_settings(project.root, store), now=AFTER) == 0


def test_a_message_that_waits_is_cancelled_and_never_tried_again(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, (NOTHING, Cell("email", 3, 0, ("email",))))
        waiting, failed, unsure = members_of(connection, "email")
        for contact_id, state in ((waiting, "queued"), (failed, "failed"), (unsure, "uncertain")):
            connection.execute(update(outbox).where(outbox.c.contact_id == contact_id).values(state=state))
    for contact_id in (waiting, failed, unsure):
        erase(store, project, contact_id)
    with pytest.raises(NothingToDo):
        retry(store, failed=True)
    with reading(store) as connection:
        states = connection.scalars(select(outbox.c.state).order_by(outbox.c.contact_id)).all()
        assert states == ["cancelled", "failed", "closed_unknown"]


def test_nobody_is_erased_while_a_message_to_them_is_leaving(store: Engine, project: Project) -> None:
    with writing(store) as connection:
        fill(connection, CELLS)
        person = members_of(connection, "both")[0]
        connection.execute(update(outbox).where(outbox.c.contact_id == person).values(state="committing"))
    with pytest.raises(RunRefused) as refused:
        erase(store, project, person)
    assert str(refused.value) == (
        "a message to this person is leaving at this very moment. Try again in a few minutes."
    )


def test_what_is_out_of_reach_is_said(store: Engine, project: Project, person: int) -> None:
    preview = make_settings(project.root, store).work_dir / "preview" / "page.html"
    preview.parent.mkdir(parents=True)
    preview.write_text("To zelda.zylberstein@canary.example")
    piece = (
        "Piece 7 of the print batch winback-once-letter-001 is theirs: remove it from /print/winback-once-letter-001, "
        "and ask the printer to delete the files."
    )
    assert erase(store, project, person).by_hand == (
        piece,
        f"{preview} names them (a preview): delete it, or what it says of them.",
        "Remove them from the shop's own systems too, else the next import brings them back as somebody new.",
        "Backups of the database, and the mail provider's log, forget them when their own time is over.",
    )


def test_rejected_rows_of_an_erased_person_are_removed_and_those_of_others_stay(
    store: Engine, project: Project, person: int
) -> None:
    rejects = make_settings(project.root, store).work_dir / "rejects"
    rejects.mkdir(parents=True)
    mine = '"x","7","Flat\nZ, zelda.ZYLBERSTEIN@canary.example"\n'
    (rejects / "a.csv").write_text(f'row,value\n1,bob@example.org\n{mine}"2","next"\n')
    (rejects / "a-rows.jsonl").write_text('{"email": "zelda.zylberstein@canary.example"}\n{"email": "bob"}\n')
    erased = erase(store, project, person)
    assert erased.rejects_removed == 2
    assert (rejects / "a.csv").read_text() == 'row,value\n1,bob@example.org\n"2","next"\n'
    assert (rejects / "a-rows.jsonl").read_text() == '{"email": "bob"}\n'


def test_sqlites_files_hold_no_word_of_an_erased_person(
    tmp_path: Path, sqlite_template: Path, project: Project
) -> None:
    path = tmp_path / "one.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = open_store(f"sqlite:///{path}")
    with writing(store) as connection:
        fill(connection, CELLS)
        person = members_of(connection, "both")[0]
        _plant(connection, person, make_settings(project.root, store).secret)

    def raw() -> bytes:
        return b"".join(each.read_bytes().lower() for each in sorted(tmp_path.glob("one.db*")))

    assert b"zylberstein" in raw()
    erase(store, project, person)
    assert [word for word in CANARIES if word.encode() in raw()] == []
    store.dispose()


def test_an_export_holds_everything_that_the_person_left_behind(store: Engine, project: Project, person: int) -> None:
    given = export(store, project, person)
    said = json.dumps(given, ensure_ascii=False).lower()
    expected = [word for word in CANARIES if word != "7700900123"] + ["+447700900123"]
    assert [word for word in expected if word not in said] == []
    assert given["id"] == "shop-id-zz"
    assert given["fields"] == {"nickname": "Zizi-Canary"}
    assert given["consents"] == [{
        "channel": "email", "topic": "offers", "state": "granted", "at": NOW.isoformat(),
        "source": "Zylberstein's form", "wording": "Yes, Zeldamarie agrees", "proof": {"ip": "192.0.2.77"},
    }]  # fmt: skip
    assert [each["lines"] for each in given["orders"] if each["external_id"] == "order-zz-1"] == [
        [{"sku": "mug", "quantity": 1, "price": "30"}]
    ]
    assert len(given["experiments"]) == 1


def test_exports_and_erasures_are_written_down_without_a_name(store: Engine, project: Project, person: int) -> None:
    export(store, project, person)
    erase(store, project, person)
    with reading(store) as connection:
        lines = connection.execute(select(audit_entry.c.who, audit_entry.c.action, audit_entry.c.subject)).all()
    assert [tuple(line) for line in lines] == [
        ("ann", "export", f"contact {person}"),
        ("ann", "erase", f"contact {person}"),
    ]


def test_every_table_that_names_contacts_or_messages_is_known_to_the_erasure() -> None:
    of_contacts = {table.name for table in metadata.sorted_tables if _names(table, "contact")}
    by_contact = {table.name for table in metadata.sorted_tables if "contact_id" in table.c}
    assert of_contacts <= by_contact, "erasing deletes rows by the column contact_id"
    of_messages = {table.name for table in metadata.sorted_tables if _names(table, "outbox")}
    emptied = {"attempt", "print_piece", *(table.name for table in KEPT_TABLES)}
    assert of_messages <= emptied, "delivery.forgetting must empty what these hold of a recipient"


def _names(table: Any, other: str) -> bool:
    return any(key.column.table.name == other for key in table.foreign_keys)
