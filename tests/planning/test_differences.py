"""What has moved since the last plan, and through which gate or clause."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, update

from handbill.definitions.project import Project
from handbill.definitions.segment import All, Clause, Comparison, EventClause, FieldClause, Not, SegmentClause
from handbill.planning.differences import ArmChange, Differences, Movement
from handbill.planning.fingerprint import Place, packed
from handbill.planning.moves import Moves, is_planned, moves_between, newcomers_since
from handbill.planning.plan import Plan, make_plan
from handbill.planning.records import FILE, KEPT, PLAN, RUN, keep_record, last_record, of_plan
from handbill.store.connection import reading, writing
from handbill.store.tables import attribute_history, consent, contact
from tests.conftest import NOW
from tests.planning.shop import SPRING, add_contact, add_order, add_suppression, make_contacts, make_project

BRITISH = FieldClause("country", (Comparison("in", ("GB", "IE")),), place=(4, 7))
BUYERS = EventClause("order", (Comparison("gte", 1),), within=timedelta(days=90), place=(5, 7))
PARISIAN = FieldClause("city", (Comparison("eq", "Paris"),), place=(9, 7))
LATER = NOW + timedelta(days=1)

PLACES = [Place("plain"), Place("discount"), Place(None, "no_consent", "email"), Place(None, "capped", "a cap")]
Standings = Mapping[int, Place]
standings = st.dictionaries(st.integers(1, 60), st.sampled_from(PLACES))


def project(root: Path, rule: Clause = BRITISH, **changes: Any) -> Project:
    campaign = {**SPRING, "schedule": {"at": "2026-12-05 10:00"}, "audience": {"include": ["buyers"]}, **changes}
    made = make_project(root, campaigns={"spring-sale": campaign}, segments={"buyers": rule, "british": BRITISH})
    files = {slug: replace(each, file=f"segments/{slug}.yaml") for slug, each in made.segments.items()}
    return replace(made, segments=files)


def first_plan(store: Engine, shop: Project) -> Plan:
    with reading(store) as connection:
        return make_plan(connection, shop, "spring-sale", now=NOW)


def moved_since(store: Engine, shop: Project, before: Plan) -> Differences:
    with reading(store) as connection:
        found = make_plan(connection, shop, "spring-sale", now=LATER, earlier=of_plan(before)).differences
    assert found is not None
    assert found.before + _contacts(found.entered) - _contacts(found.left) == found.after
    return found


def _contacts(movements: tuple[Movement, ...]) -> int:
    return sum(each.contacts for each in movements)


@given(standings, standings)
def test_those_before_and_those_who_entered_less_those_who_left_are_those_after(
    before: Standings, after: Standings
) -> None:
    moves = moves_between(packed(sorted(before.items())), packed(sorted(after.items())))
    planned = [{id_ for id_, place in each.items() if is_planned(place)} for each in (before, after)]
    assert (moves.before, moves.after) == (len(planned[0]), len(planned[1]))
    assert moves.before + _crossing(moves, inwards=True) - _crossing(moves, inwards=False) == moves.after
    newcomers = newcomers_since(packed(sorted(before.items())), packed(sorted(after.items())))
    assert set(newcomers) == planned[1] - planned[0]
    assert set(moves.came_in) == {id_ for id_ in planned[1] if id_ not in before}
    assert set(moves.went_out) == {id_ for id_ in planned[0] if id_ not in after}


def _crossing(moves: Moves, *, inwards: bool) -> int:
    return sum(
        contacts
        for (old, new), contacts in moves.counts.items()
        if is_planned(old) != is_planned(new) and is_planned(new) == inwards
    )


def test_nothing_moved_is_said_as_such(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 5)
    shop = project(tmp_path)
    found = moved_since(store, shop, first_plan(store, shop))
    assert found.is_empty
    assert (found.before, found.after, found.made_by, found.made_at) == (5, 5, FILE, NOW)


def test_who_left_is_counted_by_the_gate_that_stops_them_now(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 5)
    shop = project(tmp_path)
    before = first_plan(store, shop)
    with writing(store) as connection:
        add_suppression(connection, "email-c-00001", "unsubscribed")
        add_suppression(connection, "email-c-00002", "unsubscribed")
        add_suppression(connection, "email-c-00003", "hard bounce")
    found = moved_since(store, shop, before)
    assert found.left == (
        Movement("suppressed", 2, "email", example="c-00001"),
        Movement("bounced", 1, "email", example="c-00003"),
    )
    assert [each.sentence(entered=False) for each in found.left] == [
        "on the suppression list (e-mail)",
        "mail to them came back (e-mail)",
    ]


def test_who_entered_is_counted_by_the_gate_that_stopped_them_before(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann", consents=())
    shop = project(tmp_path)
    before = first_plan(store, shop)
    with writing(store) as connection:
        connection.execute(insert(consent).values(
            contact_id=ann, channel="email", topic="offers", state="granted", at=NOW, source="test"))  # fmt: skip
    (entered,) = moved_since(store, shop, before).entered
    assert entered == Movement("no_consent", 1, "email", example="ann")
    assert entered.sentence(entered=True) == "left out before: no consent (e-mail)"


def test_a_clause_that_time_passed_by_is_named_with_its_place(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ids = make_contacts(connection, 4)
        add_order(connection, ids[0], 10, days_ago=89.5)
        add_order(connection, ids[1], 10, days_ago=10)
        add_order(connection, ids[2], 10, days_ago=-0.5)
    shop = project(tmp_path, All((BRITISH, BUYERS)))
    found = moved_since(store, shop, first_plan(store, shop))
    clause = "event: order, within: 90 days (segments/buyers.yaml:5:7)"
    assert found.left == (Movement("not_selected", 1, clause=clause, example="c-00000"),)
    assert found.entered == (Movement("selected", 1, clause=clause, example="c-00002"),)
    assert found.left[0].sentence(entered=False) == f"no longer in the segments: {clause}"
    assert found.entered[0].sentence(entered=True) == f"in the segments now: {clause}"


def test_a_field_that_changed_is_named_for_those_who_came_and_those_who_went(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann", attributes={"tier": "gold"})
        bob = add_contact(connection, "bob", attributes={"tier": "basic"})
    golden = FieldClause("tier", (Comparison("eq", "gold"),), place=(6, 7))
    shop = project(tmp_path, All((BRITISH, golden)))
    before = first_plan(store, shop)
    with writing(store) as connection:
        for contact_id, old, new in ((ann, "gold", "basic"), (bob, "basic", "gold")):
            connection.execute(insert(attribute_history), [
                {"contact_id": contact_id, "name": "tier", "value": value, "from_at": at}
                for value, at in ((old, NOW - timedelta(days=9)), (new, NOW + timedelta(hours=1)))
            ])  # fmt: skip
            connection.execute(update(contact).where(contact.c.id == contact_id).values(attributes={"tier": new}))
    found = moved_since(store, shop, before)
    clause = "field: tier, eq: gold (segments/buyers.yaml:6:7)"
    assert found.left == (Movement("not_selected", 1, clause=clause, example="ann"),)
    assert found.entered == (Movement("selected", 1, clause=clause, example="bob"),)


def test_of_a_field_without_a_history_the_clause_that_fails_is_named(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ids = make_contacts(connection, 2)
    shop = project(tmp_path, All((SegmentClause("british"), Not(PARISIAN))))
    before = first_plan(store, shop)
    with writing(store) as connection:
        connection.execute(update(contact).where(contact.c.id == ids[0]).values(country="FR"))
        connection.execute(update(contact).where(contact.c.id == ids[1]).values(city="Paris"))
    found = moved_since(store, shop, before)
    assert {(each.clause, each.example) for each in found.left} == {
        ("field: country, in: [GB, IE] (segments/british.yaml:4:7)", "c-00000"),
        ("field: city, eq: Paris (segments/buyers.yaml:9:7)", "c-00001"),
    }


def test_new_contacts_and_erased_ones_are_told_from_the_others(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ids = make_contacts(connection, 2)
    shop = project(tmp_path)
    before = first_plan(store, shop)
    with writing(store) as connection:
        add_contact(connection, "new", created_at=NOW + timedelta(hours=1))
        add_contact(connection, "known", created_at=NOW - timedelta(hours=1))
        connection.execute(delete(contact).where(contact.c.id == ids[0]))
    found = moved_since(store, shop, before)
    assert found.entered == (
        Movement("selected", 1, clause="data that was imported since", example="known"),
        Movement("selected", 1, clause="new contacts", example="new"),
    )
    assert found.left == (Movement("not_selected", 1, clause="erased or merged"),)


def test_an_edited_clause_is_named_as_the_one_that_moved_people(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 3)
        add_contact(connection, "eve", country="IE")
    before = first_plan(store, project(tmp_path))
    found = moved_since(
        store, project(tmp_path, FieldClause("country", (Comparison("eq", "GB"),), place=(4, 7))), before
    )
    assert found.left == (
        Movement("not_selected", 1, clause="field: country, eq: GB (segments/buyers.yaml:4:7)", example="eve"),
    )
    assert [str(each) for each in found.edits] == [
        "segments.buyers: field: country, in: [GB, IE] → field: country, eq: GB"
    ]


def test_who_is_drawn_into_another_arm_is_counted(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 200)
    other = {**SPRING["experiment"], "salt": "another salt"}
    before = first_plan(store, project(tmp_path))
    found = moved_since(store, project(tmp_path, experiment=other), before)
    assert (found.entered, found.left) == ((), ())
    assert found.arms[0] == ArmChange(found.arms[0].before, found.arms[0].after, found.arms[0].contacts)
    assert sum(each.contacts for each in found.arms) > 100


def test_the_newest_record_of_a_plan_or_a_run_is_the_last_plan(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 3)
    plan = first_plan(store, project(tmp_path))
    with writing(store) as connection:
        assert last_record(connection, "spring-sale") is None
        keep_record(connection, plan, PLAN)
        keep_record(connection, replace(plan, made_at=LATER), RUN)
        keep_record(connection, replace(plan, campaign="winback"), PLAN)
    with reading(store) as connection:
        found = last_record(connection, "spring-sale")
    assert found is not None
    assert (found.made_by, found.made_at, found.wave, found.digest) == (RUN, LATER, "once", plan.digest)
    assert (found.definition, found.contacts) == (plan.definition, plan.fingerprint)


def test_only_the_last_plans_are_kept(store: Engine, tmp_path: Path) -> None:
    plan = first_plan(store, project(tmp_path))
    with writing(store) as connection:
        for number in range(KEPT + 3):
            keep_record(connection, replace(plan, digest=str(number)), PLAN)
    with reading(store) as connection:
        digests = list(connection.exec_driver_sql("SELECT digest FROM plan_record ORDER BY id").scalars())
    assert digests == [str(number) for number in range(3, KEPT + 3)]
