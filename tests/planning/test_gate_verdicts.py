"""Each gate of a campaign says what it looked at, and the verdict is that of the plan."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, insert, select

from handbill.definitions.segment import Comparison, FieldClause
from handbill.planning.gate_verdicts import Standing, standing_of
from handbill.planning.plan import occasion_of, walk_stages
from handbill.store.connection import writing
from handbill.store.draw import unit_fraction
from handbill.store.tables import consent, contact
from tests.conftest import NOW
from tests.planning.shop import SPRING, add_contact, add_message, add_suppression, make_project


def standing(
    connection: Connection, root: Path, who: str = "ann", campaign: str = "spring-sale", **given: Any
) -> Standing:
    project = make_project(root, **given)
    occasion = occasion_of(project, campaign, now=NOW)
    walk_stages(connection, occasion)
    person = connection.execute(select(contact).where(contact.c.external_id == who)).one()
    return standing_of(connection, occasion, person)


def lines(found: Standing) -> list[str]:
    return [f"{each.gate}: {each.verdict}: {each.value}" for each in found.gates]


def test_somebody_who_passes_is_in_the_drawn_arm(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann")
        found = standing(connection, tmp_path)
    assert lines(found) == [
        "consent: passes: e-mail: granted for offers 2025-10-27 09:00 Europe/London (entry 1, source test)",
        "suppression: passes: e-mail: not on the list",
        "address: passes: e-mail: ann@example.org",
        "time: passes: due 2026-12-01 10:00 Europe/London",
        "one message an address: passes: nobody with the same address comes first",
        "wave: passes: not in wave once yet",
    ]
    assert (found.selected, found.reason, found.unit, found.unit_id) == (True, None, "contact", "ann")
    assert found.fraction == unit_fraction("spring-2026", "ann")
    assert (found.arm, found.sealed_arm) == ("discount" if found.fraction >= 0.55 else "plain", None)


def test_gates_behind_the_one_that_refuses_are_not_asked(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_suppression(connection, "email-ann", "complained")
        found = standing(connection, tmp_path)
        assert [each.verdict for each in found.gates][:4] == ["passes", "refuses", "not asked", "not asked"]
        assert (
            lines(found)[1] == "suppression: refuses: e-mail: complained 2026-11-30 09:00 Europe/London (source test)"
        )
        assert found.reason == "on the suppression list (e-mail)"
        connection.execute(insert(consent).values(
            contact_id=ann, channel="email", topic="*", state="withdrawn", at=NOW - timedelta(days=2),
            source="page"))  # fmt: skip
        found = standing(connection, tmp_path)
    assert lines(found)[0] == (
        "consent: refuses: e-mail: withdrawn for all topics 2026-11-29 09:00 Europe/London (entry 3, source page)"
    )
    assert found.reason == "no consent (e-mail)"


def test_caps_count_the_messages_around_the_planned_contact(store: Engine, tmp_path: Path) -> None:
    caps = {
        "caps": [{"max": 1, "per": "7 days", "channel": "email"}, {"max": 5, "per": "30 days", "unit": "household"}]
    }
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_message(connection, ann, days_ago=2)
        add_message(connection, ann, campaign="letters", channel="direct_mail", days_ago=20)
        found = standing(connection, tmp_path, policies=caps)
    assert lines(found)[4] == (
        "caps: refuses: at most 1 e-mail in 7 days: 1 by e-mail around it; "
        "at most 5 messages in 30 days for a household: 1 by post, 1 by e-mail around it"
    )
    assert found.reason == "had as many messages as a cap allows (at most 1 e-mail in 7 days)"


def test_the_draws_of_the_holdout_and_the_layer_are_said(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann")
        found = standing(connection, tmp_path, policies={"global_holdout": {"share": "100%", "salt": "all"}})
    drawn = unit_fraction("all", "h-ann")
    assert f"global holdout: refuses: household drawn at {drawn:.4f}, and those below 1 are held out" in lines(found)


def test_post_says_who_of_a_household_comes_first(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann", household_key="h")
        add_contact(connection, "bob", household_key="h")
        found = standing(connection, tmp_path, "bob", "winback")
    assert "one message an address: refuses: ann comes first (post)" in lines(found)
    assert (found.unit, found.unit_id) == ("household", "h")
    assert found.reason == "somebody else in the household is the recipient"


def test_somebody_whom_no_segment_holds_is_asked_nothing(store: Engine, tmp_path: Path) -> None:
    french = {"french": FieldClause("country", (Comparison("eq", "FR"),))}
    campaigns = {"spring-sale": {**SPRING, "audience": {"include": ["french"]}}}
    with writing(store) as connection:
        add_contact(connection, "ann")
        found = standing(connection, tmp_path, campaigns=campaigns, segments=french)
    assert (found.selected, found.reason) == (False, None)
    assert {each.verdict for each in found.gates} == {"not asked"}


def test_a_segment_that_is_excluded_refuses(store: Engine, tmp_path: Path) -> None:
    british = FieldClause("country", (Comparison("eq", "GB"),))
    audience = {"include": ["everybody"], "exclude": ["british"]}
    with writing(store) as connection:
        add_contact(connection, "ann")
        add_contact(connection, "bob", country="IE")
        given: Any = {"campaigns": {"spring-sale": {**SPRING, "audience": audience}}, "segments": {"british": british}}
        ann, bob = (standing(connection, tmp_path, who, **given) for who in ("ann", "bob"))
    assert lines(ann)[0] == "excluded segments: refuses: in british"
    assert lines(bob)[0] == "excluded segments: passes: not in british"
