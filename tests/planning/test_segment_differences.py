"""Who entered a segment and who left it is known by the clause that moved them."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert

from handbill.definitions.segment import (
    All,
    Clause,
    Comparison,
    ConsentClause,
    EventClause,
    FieldClause,
    MailableClause,
    Not,
    Segment,
)
from handbill.planning.segment_differences import SegmentDifferences, segment_differences
from handbill.store.connection import writing
from handbill.store.tables import attribute_history, consent
from tests.conftest import NOW
from tests.planning.shop import add_contact, add_order, make_project

DAY = timedelta(days=1)
LATELY = EventClause("order", (Comparison("gte", 1),), 30 * DAY, place=(4, 5))
GOLD = FieldClause("tier", (Comparison("eq", "gold"),), place=(5, 5))


def differences(connection: Connection, root: Path, clause: Clause, days: int = 10) -> SegmentDifferences:
    segment = Segment("s", "s", clause, file="segments/s.yaml")
    return segment_differences(connection, make_project(root), segment, NOW - days * DAY, NOW)


def moved(found: SegmentDifferences) -> list[tuple[str, str, int, str]]:
    return [("in" if each.entered else "out", each.clause, each.contacts, each.example) for each in found.movers]


def note(connection: Connection, contact_id: int, value: Any, days_ago: int, name: str = "tier") -> None:
    connection.execute(insert(attribute_history).values(
        contact_id=contact_id, name=name, value=value, from_at=NOW - days_ago * DAY))  # fmt: skip


def test_orders_that_came_and_orders_that_grew_old(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        for name, days_ago in (("new", 5), ("old", 35), ("both", 5), ("both2", 20), ("never", 400)):
            add_order(connection, add_contact(connection, name), "20", days_ago=days_ago)
        found = differences(connection, tmp_path, LATELY)
    assert (found.before, found.entered, found.left, found.after) == (2, 2, 1, 3)
    text = "event: order, within: 30 days"
    assert moved(found) == [("in", text, 2, "both"), ("out", text, 1, "old")]
    assert found.movers[0].place == "segments/s.yaml:4:5"


def test_fields_are_taken_as_they_were(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        rose = add_contact(connection, "rose", attributes={"tier": "gold"})
        fell = add_contact(connection, "fell", attributes={"tier": "basic"})
        came = add_contact(connection, "came", attributes={"tier": "gold"})
        stayed = add_contact(connection, "stayed", attributes={"tier": "gold"})
        add_contact(connection, "unknown", attributes={"tier": "gold"})  # no history: taken as it is
        for who, value, days_ago in (
            (rose, "silver", 90), (rose, "gold", 5), (fell, "gold", 90), (fell, "basic", 9), (came, "gold", 1),
            (stayed, "silver", 90), (stayed, "gold", 11),
        ):  # fmt: skip
            note(connection, who, value, days_ago)
        found = differences(connection, tmp_path, GOLD)
    assert (found.before, found.after) == (3, 4)
    assert moved(found) == [("in", "field: tier, eq: gold", 2, "came"), ("out", "field: tier, eq: gold", 1, "fell")]


def test_an_email_is_taken_as_it_was(store: Engine, tmp_path: Path) -> None:
    partner = FieldClause("email", (Comparison("ends_with", "@partner.example"),))
    with writing(store) as connection:
        ann = add_contact(connection, "ann", email="a@partner.example", email_key="a@partner.example")
        note(connection, ann, "a@old.example", 90, "email")
        note(connection, ann, "a@partner.example", 1, "email")
        assert moved(differences(connection, tmp_path, partner)) == [
            ("in", "field: email, ends_with: @partner.example", 1, "ann")
        ]


def test_somebody_who_was_added_since_is_said_to_be_new(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_order(connection, add_contact(connection, "new", created_at=NOW - DAY), "20", days_ago=20)
        assert moved(differences(connection, tmp_path, LATELY)) == [("in", "added since", 1, "new")]


def test_the_clause_that_let_somebody_in_is_the_last_one_that_had_refused(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann", attributes={"tier": "gold"})
        note(connection, ann, "basic", 90)
        note(connection, ann, "gold", 5)
        add_order(connection, ann, "20", days_ago=5)
        assert moved(differences(connection, tmp_path, All((LATELY, GOLD)))) == [
            ("in", "field: tier, eq: gold", 1, "ann")
        ]


def test_the_clause_that_put_somebody_out_is_the_first_one_that_refuses(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann", attributes={"tier": "basic"})
        note(connection, ann, "gold", 90)
        note(connection, ann, "basic", 5)
        add_order(connection, ann, "20", days_ago=35)
        assert moved(differences(connection, tmp_path, All((LATELY, GOLD)))) == [
            ("out", "event: order, within: 30 days", 1, "ann")
        ]


def test_consents_count_from_their_own_time(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        connection.execute(insert(consent).values(
            contact_id=ann, channel="email", topic="*", state="withdrawn", at=NOW - DAY, source="test"))  # fmt: skip
        assert moved(differences(connection, tmp_path, ConsentClause("email", "offers"))) == [
            ("out", "consent: email, topic: offers, state: granted", 1, "ann")
        ]


def test_what_cannot_be_known_of_the_earlier_moment_is_said(store: Engine, tmp_path: Path) -> None:
    british = FieldClause("country", (Comparison("eq", "GB"),))
    with writing(store) as connection:
        found = differences(connection, tmp_path, All((british, GOLD, Not(MailableClause("email")), LATELY)))
    assert found.caveats == (
        "Taken as they are today, because no history is kept of them: country.",
        "Addresses are taken as they are today; suppressions that were lifted since are not known.",
        "Orders and events count by when they happened, also those that were imported later.",
        "Contacts who were erased since are in neither number.",
    )
