"""Who has had enough messages, and who never gets any."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from handbill.definitions.policy import Cap
from handbill.definitions.project import Project
from handbill.definitions.segment import Comparison, EventClause, Segment
from handbill.planning.caps import in_words
from handbill.planning.conditions import compile_segment
from handbill.planning.plan import occasion_of, walk_stages
from handbill.planning.selection import selection
from handbill.store.connection import writing
from handbill.store.draw import unit_fraction
from tests.conftest import NOW
from tests.planning.shop import SPRING, WINBACK, add_contact, add_message, make_contacts, make_project, selected
from tests.planning.test_audience import SERVICE, left_out

TWO_A_WEEK: Mapping[str, Any] = {"caps": [{"max": 2, "per": "7 days", "channel": "email"}]}


def reason_in(connection: Connection, project: Project, campaign: str) -> str | None:
    """Why the only contact is left out of a campaign."""
    walk_stages(connection, occasion_of(project, campaign, now=NOW))
    return connection.scalar(select(selection.c.reason))


def test_whoever_had_as_many_messages_as_a_cap_allows_is_left_out_with_the_cap(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann, bob = add_contact(connection, "ann"), add_contact(connection, "bob")
        for campaign in ("autumn", "black-friday"):
            add_message(connection, ann, campaign=campaign)
        add_message(connection, bob)
        found = left_out(connection, tmp_path, policies=TWO_A_WEEK)
        assert found == {"ann": "capped at most 2 e-mails in 7 days", "bob": "planned"}


def test_messages_outside_the_period_or_on_other_channels_do_not_count(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_message(connection, ann, campaign="autumn")
        add_message(connection, ann, campaign="summer", days_ago=8)
        add_message(connection, ann, campaign="catalogue", channel="direct_mail")
        assert left_out(connection, tmp_path, policies=TWO_A_WEEK) == {"ann": "planned"}


@pytest.mark.parametrize(
    ("state", "days_ago", "expected"),
    [("queued", -2, "capped"), ("committing", 0, "capped"), ("uncertain", 1, "capped"), ("failed", 1, "planned")],
)
def test_a_message_counts_when_it_was_or_may_have_been_or_will_be_sent(
    store: Engine, tmp_path: Path, state: str, days_ago: float, expected: str
) -> None:
    once = {"caps": [{"max": 1, "per": "7 days", "channel": "email"}]}
    with writing(store) as connection:
        add_message(connection, add_contact(connection, "ann"), state=state, days_ago=days_ago)
        assert left_out(connection, tmp_path, policies=once)["ann"].startswith(expected)


def test_a_household_cap_counts_what_its_other_members_got(store: Engine, tmp_path: Path) -> None:
    monthly = {"caps": [{"max": 1, "per": "30 days", "channel": "direct_mail", "unit": "household"}]}
    with writing(store) as connection:
        ann = add_contact(connection, "ann", household_key="h1")
        add_contact(connection, "bob", household_key="h1")
        add_contact(connection, "cid", household_key="h2")
        add_message(connection, ann, channel="direct_mail", days_ago=20)
        capped = "capped at most 1 letter in 30 days for a household"
        found = left_out(connection, tmp_path, WINBACK, policies=monthly)
        assert found == {"ann": capped, "bob": capped, "cid": "planned"}


def test_a_household_cap_counts_the_members_of_this_campaign_too(store: Engine, tmp_path: Path) -> None:
    weekly = {"caps": [{"max": 2, "per": "7 days", "channel": "email", "unit": "household"}]}
    with writing(store) as connection:
        for name in ("ann", "bob", "cid"):
            add_contact(connection, name, household_key="h1")
        found = left_out(connection, tmp_path, policies=weekly)
        capped = "capped at most 2 e-mails in 7 days for a household"
        assert found == {"ann": "planned", "bob": "planned", "cid": capped}


def test_a_cap_over_all_channels_counts_what_the_fullest_arm_sends(store: Engine, tmp_path: Path) -> None:
    attention = {"caps": [{"max": 2, "per": "30 days"}]}
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_contact(connection, "bob")
        add_message(connection, ann)
        found = left_out(connection, tmp_path, WINBACK, policies=attention)
        assert found == {"ann": "capped at most 2 messages in 30 days", "bob": "planned"}


@pytest.mark.parametrize(
    ("days_ago", "expected"),
    [
        ((6, -6), "planned"),  # never three within seven days
        ((6, 5), "capped"),
        ((-1, -6), "capped"),
        ((3, -3.9), "capped"),  # three in 6.9 days
        ((3, -4), "planned"),  # the first is over when the last leaves
        ((7, 1), "planned"),
    ],
)
def test_a_cap_holds_for_every_stretch_of_time_around_the_planned_contact(
    store: Engine, tmp_path: Path, days_ago: tuple[float, float], expected: str
) -> None:
    at_once = {**SPRING, "schedule": {"at": "2026-12-01 09:00"}}
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        for number, days in enumerate(days_ago):
            state = "accepted" if days > 0 else "queued"
            add_message(connection, ann, campaign=f"other-{number}", days_ago=days, state=state)
        found = left_out(connection, tmp_path, at_once, policies=TWO_A_WEEK)
        assert found["ann"].startswith(expected)


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["email"] * 5, "capped"),  # 5 and a letter with an e-mail, 6: more than 10
        (["email"] * 4, "planned"),
        (["direct_mail"], "capped"),
        ([], "planned"),
    ],
)
def test_points_weigh_channels_against_each_other(
    store: Engine, tmp_path: Path, messages: list[str], expected: str
) -> None:
    attention = {"caps": [{"max": "10 points", "per": "30 days", "points": {"email": 1, "direct_mail": 5}}]}
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        for number, channel in enumerate(messages):
            add_message(connection, ann, campaign=f"other-{number}", channel=channel)
        found = left_out(connection, tmp_path, WINBACK, policies=attention)["ann"]
    words = "capped at most 10 points (e-mail 1, letter 5) in 30 days"
    assert found == (words if expected == "capped" else "planned")


def test_a_channel_without_points_does_not_count(store: Engine, tmp_path: Path) -> None:
    letters = {"caps": [{"max": "5 points", "per": "30 days", "points": {"direct_mail": 5}}]}
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        for number in range(6):
            add_message(connection, ann, campaign=f"other-{number}")
        assert left_out(connection, tmp_path, WINBACK, policies=letters) == {"ann": "planned"}


def test_whoever_some_arm_would_press_too_hard_is_left_out_of_all_arms(store: Engine, tmp_path: Path) -> None:
    arms = {
        "nothing": {"share": "40%", "holdout": True},
        "email": {"share": "30%", "email": {"template": "winback", "subject": "We miss you"}},
        "letter": {"share": "30%", "direct_mail": {"template": "winback-letter", "format": "letter"}},
    }
    either = {**WINBACK, "experiment": {**WINBACK["experiment"], "arms": arms}}
    caps = {"caps": [{"max": 2, "per": "30 days", "channel": "email"}]}
    with writing(store) as connection:
        for contact_id in make_contacts(connection, 30):
            add_message(connection, contact_id, campaign="autumn")
            add_message(connection, contact_id, campaign="summer")
        found = left_out(connection, tmp_path, either, policies=caps)
        assert set(found.values()) == {"capped at most 2 e-mails in 30 days"}, "holdout and letters like the e-mails"


def test_a_cap_that_the_campaign_alone_would_break_leaves_out_everybody(store: Engine, tmp_path: Path) -> None:
    one = {"caps": [{"max": 1, "per": "30 days"}]}
    with writing(store) as connection:
        add_contact(connection, "ann")
        found = left_out(connection, tmp_path, WINBACK, policies=one)
        assert found == {"ann": "capped at most 1 message in 30 days"}


def test_a_message_that_is_overdue_counts_as_of_now(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        ann, bob = add_contact(connection, "ann"), add_contact(connection, "bob")
        for number in range(2):
            add_message(connection, ann, campaign=f"paused-{number}", state="queued", days_ago=9)
            add_message(connection, bob, campaign=f"sent-{number}", days_ago=9)
        found = left_out(connection, tmp_path, policies=TWO_A_WEEK)
        assert found == {"ann": "capped at most 2 e-mails in 7 days", "bob": "planned"}


def test_messages_that_people_asked_for_neither_count_nor_are_capped(store: Engine, tmp_path: Path) -> None:
    once = {"caps": [{"max": 1, "per": "7 days"}]}
    project = make_project(tmp_path, campaigns={"c": SPRING, "receipt": SERVICE}, policies=once)
    with writing(store) as connection:
        ann = add_contact(connection, "ann")
        add_message(connection, ann, campaign="receipt", wave="earlier")
        assert reason_in(connection, project, "c") is None
        add_message(connection, ann, campaign="autumn")
        assert reason_in(connection, project, "c") == "capped"
        assert reason_in(connection, project, "receipt") is None


def test_the_global_holdout_is_drawn_by_household_and_spares_service_messages(store: Engine, tmp_path: Path) -> None:
    tenth = {"global_holdout": {"share": "10%", "salt": "everybody-2026"}}
    with writing(store) as connection:
        make_contacts(connection, 60)
        drawn = {f"c-{n:05}" for n in range(60) if unit_fraction("everybody-2026", f"h-c-{n:05}") < 0.1}
        found = left_out(connection, tmp_path, policies=tenth)
        assert {name for name, reason in found.items() if reason == "global_holdout"} == drawn
        assert set(left_out(connection, tmp_path, SERVICE, policies=tenth).values()) == {"planned"}


def test_a_message_that_was_sent_is_an_event_for_segments(store: Engine, tmp_path: Path) -> None:
    sent = Segment("s", "s", EventClause("email.sent", (Comparison("gte", 1),)))
    with writing(store) as connection:
        add_message(connection, add_contact(connection, "ann"))
        add_message(connection, add_contact(connection, "bob"), state="failed")
        assert selected(connection, compile_segment(make_project(tmp_path), sent, NOW)) == ["ann"]


@pytest.mark.parametrize(
    ("cap", "expected"),
    [
        ({"max": "1", "per": "1 day"}, "at most 1 message in 1 day"),
        ({"max": "3", "per": "12 hours", "channel": "email"}, "at most 3 e-mails in 12 hours"),
        ({"max": "2", "per": "90 minutes", "channel": "direct_mail"}, "at most 2 letters in 90 minutes"),
        ({"max": "1", "per": "30 seconds"}, "at most 1 message in 30 seconds"),
        (
            {"max": "10 points", "per": "30 days", "points": {"email": 1, "direct_mail": 5}, "unit": "household"},
            "at most 10 points (e-mail 1, letter 5) in 30 days for a household",
        ),
        ({"max": "1 points", "per": "1 day", "points": {"email": 1}}, "at most 1 point (e-mail 1) in 1 day"),
    ],
)
def test_a_cap_is_said_in_words(cap: Mapping[str, str], expected: str) -> None:
    assert in_words(Cap.model_validate(cap)) == expected
