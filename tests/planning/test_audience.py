"""Who is left out of a campaign, and for which reason."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from handbill.contacts.consent import record_consent
from handbill.definitions.segment import Comparison, FieldClause
from handbill.planning.audience import Reason
from handbill.planning.plan import occasion_of, walk_stages
from handbill.planning.selection import selection
from handbill.store.connection import writing
from handbill.store.tables import contact
from tests.conftest import NOW
from tests.planning.shop import SPRING, WINBACK, add_contact, add_message, add_suppression, make_project

SERVICE = {**SPRING, "kind": "service", "topic": None}
POST = {"audience": {"include": ["everybody"]}, "schedule": {"at": "2026-12-01 10:00"}, "topic": "offers",
        "direct_mail": {"template": "winback-letter", "format": "letter"}}  # fmt: skip


def left_out(connection: Connection, root: Path, campaign: Any = SPRING, **project: Any) -> dict[str, str]:
    """The reason and detail of each contact, `planned` for those without one."""
    occasion = occasion_of(make_project(root, campaigns={"c": campaign}, **project), "c", now=NOW)
    walk_stages(connection, occasion)
    rows = connection.execute(
        select(contact.c.external_id, selection.c.reason, selection.c.detail).join_from(
            selection, contact, contact.c.id == selection.c.contact_id
        )
    )
    return {name: " ".join(filter(None, (reason or "planned", detail))) for name, reason, detail in rows}


def test_a_reachable_contact_is_planned(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann")
        assert left_out(connection, tmp_path) == {"ann": "planned"}


def test_only_the_segments_of_the_audience_are_selected(store: Engine, tmp_path: Path) -> None:
    british = FieldClause("country", (Comparison("eq", "GB"),))
    with writing(store) as connection:
        add_contact(connection, "ann")
        add_contact(connection, "bob", country="IE")
        audience = {**SPRING, "audience": {"include": ["british"]}}
        assert left_out(connection, tmp_path, audience, segments={"british": british}) == {"ann": "planned"}


def test_members_of_an_excluded_segment_are_left_out_with_its_name(store: Engine, tmp_path: Path) -> None:
    british = FieldClause("country", (Comparison("eq", "GB"),))
    with writing(store) as connection:
        add_contact(connection, "ann")
        add_contact(connection, "bob", country="IE")
        audience = {**SPRING, "audience": {"include": ["everybody"], "exclude": ["british"]}}
        found = left_out(connection, tmp_path, audience, segments={"british": british})
        assert found == {"ann": "excluded_segment british", "bob": "planned"}


def test_without_consent_to_the_topic_nobody_gets_marketing(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann", consents=())
        bob = add_contact(connection, "bob")
        record_consent(connection, bob, "email", "*", "withdrawn", NOW, "unsubscribe link")
        assert left_out(connection, tmp_path) == {"ann": "no_consent email", "bob": "no_consent email"}


def test_a_service_message_needs_no_consent(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann", consents=())
        assert left_out(connection, tmp_path, SERVICE) == {"ann": "planned"}


def test_a_suppressed_contact_is_left_out_with_the_reason(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann")
        add_contact(connection, "bob")
        add_suppression(connection, "email-ann", "complained")
        add_suppression(connection, "email-bob", "hard_bounce")
        assert left_out(connection, tmp_path) == {"ann": "suppressed email", "bob": "bounced email"}


def test_suppression_holds_for_service_messages_too(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann")
        add_suppression(connection, "email-ann", "hard_bounce")
        assert left_out(connection, tmp_path, SERVICE) == {"ann": "bounced email"}


def test_without_an_address_nobody_is_reached(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann", email=None, email_key=None, email_hash=None)
        add_contact(connection, "bob", address_key=None, postal_hash=None)
        add_contact(connection, "cid", address_problem="the postcode is missing", address_key=None)
        assert left_out(connection, tmp_path, WINBACK) == {
            "ann": "no_email_address",
            "bob": "no_postal_address",
            "cid": "undeliverable_address",
        }


def test_every_arm_holds_only_people_whom_all_channels_can_reach(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann", consents=("email",))
        add_contact(connection, "bob", consents=("direct_mail",))
        add_suppression(connection, "postal-cid", "moved", channel="direct_mail")
        add_contact(connection, "cid")
        assert left_out(connection, tmp_path, WINBACK) == {
            "ann": "no_consent direct_mail",
            "bob": "no_consent email",
            "cid": "suppressed direct_mail",
        }


def test_the_first_reason_counts(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann", consents=(), email=None, email_key=None)
        add_suppression(connection, "email-ann", "complained")
        assert left_out(connection, tmp_path) == {"ann": "no_consent email"}


def test_of_two_contacts_with_one_inbox_the_first_is_the_recipient(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        for name in ("ann", "bob", "cid"):
            add_contact(connection, name, email_key="family@example.org")
        add_suppression(connection, "email-ann", "complained")
        found = left_out(connection, tmp_path)
        assert found == {"ann": "suppressed email", "bob": "planned", "cid": "duplicate_address"}


def test_a_household_gets_one_piece(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        for name in ("ann", "bob", "cid"):
            add_contact(connection, name, household_key="h1" if name != "cid" else "h2")
        assert left_out(connection, tmp_path, WINBACK) == {
            "ann": "planned",
            "bob": "household_already_mailed",
            "cid": "planned",
        }


def test_a_household_gets_one_piece_without_an_experiment_too(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann", household_key="h1")
        add_contact(connection, "bob", household_key="h1")
        assert left_out(connection, tmp_path, POST) == {"ann": "planned", "bob": "household_already_mailed"}


def test_members_of_one_household_are_all_mailed_where_no_post_is_sent(store: Engine, tmp_path: Path) -> None:
    by_household = {**SPRING, "experiment": {**SPRING["experiment"], "unit": "household"}}
    with writing(store) as connection:
        add_contact(connection, "ann", household_key="h1")
        add_contact(connection, "bob", household_key="h1")
        assert left_out(connection, tmp_path, by_household) == {"ann": "planned", "bob": "planned"}
        assert connection.scalars(select(selection.c.unit_id)).all() == ["h1", "h1"]


def test_who_is_in_this_wave_already_is_left_out(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_contact(connection, "bob")
        add_message(connection, ann, campaign="c")
        assert left_out(connection, tmp_path) == {"ann": "already_enrolled", "bob": "planned"}


def test_another_wave_does_not_count_as_this_one(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_message(connection, add_contact(connection, "ann"), campaign="c", wave="first")
        assert left_out(connection, tmp_path) == {"ann": "planned"}


def test_recipients_time_zones_decide_the_planned_contact(store: Engine, tmp_path: Path) -> None:
    local = {**SPRING, "schedule": {"at": "2026-12-01 10:00", "timezone": "recipient"}}
    with writing(store) as connection:
        for name, timezone in (
            ("ann", "America/New_York"),
            ("bob", "Mars/Crater"),
            ("cid", None),
            ("dee", "Asia/Tokyo"),
        ):
            add_contact(connection, name, timezone=timezone)
        left_out(connection, tmp_path, local)
        due = connection.scalars(select(selection.c.due_at).order_by(selection.c.contact_id)).all()
    ten, three, one = (datetime(2026, 12, 1, hour, tzinfo=UTC) for hour in (10, 15, 1))
    assert due == [three, ten, ten, one]


def test_the_origin_is_never_in_the_past(store: Engine, tmp_path: Path) -> None:
    local = {**SPRING, "schedule": {"at": "2026-12-01 10:00", "timezone": "recipient"}}
    with writing(store) as connection:
        add_contact(connection, "ann", timezone="Asia/Tokyo")
        left_out(connection, tmp_path, local)
        assert connection.scalar(select(selection.c.origin_at)) == NOW


def test_who_is_beyond_max_lateness_in_their_time_zone_is_left_out(store: Engine, tmp_path: Path) -> None:
    local = {"at": "2026-12-01 10:00", "timezone": "recipient", "max_lateness": "6 hours"}
    with writing(store) as connection:
        add_contact(connection, "ann", timezone="Asia/Tokyo")  # 10:00 there was eight hours ago
        add_contact(connection, "bob", timezone="Europe/Paris")
        found = left_out(connection, tmp_path, {**SPRING, "schedule": local})
        assert found == {"ann": "too_late", "bob": "planned"}


def test_post_counts_as_late_from_its_hand_over_on(store: Engine, tmp_path: Path) -> None:
    in_time = {"in_home": "2026-12-04", "max_lateness": "12 hours"}  # three days under way: due at midnight
    late = {"in_home": "2026-12-03", "max_lateness": "12 hours"}
    with writing(store) as connection:
        add_contact(connection, "ann")
        assert left_out(connection, tmp_path, {**WINBACK, "schedule": in_time}) == {"ann": "planned"}
        assert left_out(connection, tmp_path, {**WINBACK, "schedule": late}) == {"ann": "too_late"}


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_is_said_in_words(reason: Reason) -> None:
    assert reason.sentence
    assert reason.sentence[-1] != "."


def test_a_selection_is_made_anew_each_time(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann", created_at=NOW - timedelta(days=1))
        assert left_out(connection, tmp_path) == left_out(connection, tmp_path) == {"ann": "planned"}
