"""What people asked for in the preference centre holds: a pause, and fewer messages."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import Engine, select

from handbill.contacts.preferences import Frequency, limit_frequency, pause_marketing, wishes_of
from handbill.planning.gate_verdicts import GateVerdict, standing_of
from handbill.planning.plan import occasion_of, walk_stages
from handbill.store.connection import writing
from handbill.store.tables import contact
from tests.conftest import NOW
from tests.planning.shop import WINBACK, add_contact, add_message, make_project
from tests.planning.test_audience import SERVICE, left_out

MONTH = timedelta(days=30)
WEEKLY = Frequency(1, 7)


def test_whoever_asked_for_a_pause_is_left_out_until_it_ends(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann, bob = add_contact(connection, "ann"), add_contact(connection, "bob")
        add_contact(connection, "cid")
        pause_marketing(connection, ann, NOW + MONTH, NOW)
        pause_marketing(connection, bob, NOW, NOW - MONTH)
        assert left_out(connection, tmp_path) == {"ann": "paused", "bob": "planned", "cid": "planned"}


def test_a_pause_that_was_ended_holds_no_more(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        pause_marketing(connection, ann, NOW + MONTH, NOW)
        pause_marketing(connection, ann, None, NOW)
        assert left_out(connection, tmp_path) == {"ann": "planned"}


def test_a_pause_holds_for_letters_too(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        pause_marketing(connection, add_contact(connection, "ann"), NOW + MONTH, NOW)
        assert left_out(connection, tmp_path, WINBACK)["ann"] == "paused"


def test_service_mail_reaches_people_who_pause(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        pause_marketing(connection, add_contact(connection, "ann"), NOW + MONTH, NOW)
        assert left_out(connection, tmp_path, SERVICE) == {"ann": "planned"}


def test_whoever_asked_for_one_message_a_week_gets_one(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        for name in ("ann", "bob", "cid"):
            person = add_contact(connection, name)
            if name != "bob":
                limit_frequency(connection, person, WEEKLY, NOW)
            if name != "cid":
                add_message(connection, person, campaign="autumn")
        capped = "capped at most 1 message in 7 days, as they asked"
        assert left_out(connection, tmp_path) == {"ann": capped, "bob": "planned", "cid": "planned"}


def test_a_frequency_that_was_taken_back_holds_no_more(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_message(connection, ann, campaign="autumn")
        limit_frequency(connection, ann, WEEKLY, NOW)
        limit_frequency(connection, ann, None, NOW)
        assert left_out(connection, tmp_path) == {"ann": "planned"}


def test_a_pause_and_a_frequency_stand_beside_each_other(store: Engine) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        pause_marketing(connection, ann, NOW + MONTH, NOW)
        limit_frequency(connection, ann, WEEKLY, NOW)
        wishes = wishes_of(connection, ann)
        assert (wishes.paused_until, wishes.frequency) == (NOW + MONTH, WEEKLY)


def test_an_explanation_names_the_pause_and_the_frequency(store: Engine, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        pause_marketing(connection, ann, NOW + MONTH, NOW)
        limit_frequency(connection, ann, WEEKLY, NOW)
        occasion = occasion_of(project, "spring-sale", now=NOW)
        walk_stages(connection, occasion)
        person = connection.execute(select(contact).where(contact.c.id == ann)).one()
        gates = {each.gate: each for each in standing_of(connection, occasion, person).gates}
        assert gates["pause"] == GateVerdict("pause", "refuses", "asked for none before 2026-12-31 09:00 Europe/London")
        assert gates["caps"].value == "at most 1 message in 7 days: none around it"
