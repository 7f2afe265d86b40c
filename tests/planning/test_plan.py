"""What a plan answers before money is spent."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from handbill.definitions.project import Project
from handbill.errors import RunRefused
from handbill.planning.headcount import LeftOut
from handbill.planning.plan import Plan, make_plan
from handbill.store.connection import reading, writing
from handbill.store.tables import metadata
from tests.conftest import NOW
from tests.planning.shop import (
    SPRING,
    WINBACK,
    add_contact,
    add_message,
    add_order,
    add_suppression,
    default_channels,
    make_contacts,
    make_project,
)


def plan(store: Engine, project: Project, name: str = "spring-sale", **given: Any) -> Plan:
    """A plan as `handbill plan` makes it: nothing is kept."""
    with reading(store) as connection:
        return make_plan(connection, project, name, now=given.pop("now", NOW), **given)


def fill(store: Engine, count: int = 40) -> list[int]:
    with writing(store) as connection:
        return make_contacts(connection, count)


def test_selected_are_those_left_out_and_those_planned(store: Engine, tmp_path: Path) -> None:
    fill(store)
    with writing(store) as connection:
        add_contact(connection, "no-consent", consents=())
        add_contact(connection, "no-inbox", email=None, email_key=None)
        for number in range(3):
            add_suppression(connection, f"email-c-{number:05}", "unsubscribed")
    found = plan(store, make_project(tmp_path))
    assert found.selected == 42
    assert found.left_out == (
        LeftOut("no_consent", "email", 1),
        LeftOut("suppressed", "email", 3),
        LeftOut("no_email_address", None, 1),
    )
    assert found.planned == 37 == sum(arm.contacts for arm in found.arms)


def test_arms_are_counted_by_contacts_and_units(store: Engine, tmp_path: Path) -> None:
    by_household = {**SPRING, "experiment": {**SPRING["experiment"], "unit": "household"}}
    with writing(store) as connection:
        for number in range(40):
            add_contact(connection, f"c-{number}", household_key=f"h-{number // 2}")
    found = plan(store, make_project(tmp_path, campaigns={"c": by_household}), "c")
    assert [arm.name for arm in found.arms] == ["nothing", "plain", "discount"]
    assert [arm.contacts for arm in found.arms] == [2 * arm.units for arm in found.arms]
    assert sum(arm.units for arm in found.arms) == 20
    assert [(arm.holdout, arm.channels, arm.expected) for arm in found.arms] == [
        (True, (), 0.1), (False, ("email",), 0.45), (False, ("email",), 0.45)
    ]  # fmt: skip


def test_the_split_is_checked_against_the_declared_shares(store: Engine, tmp_path: Path) -> None:
    fill(store)
    found = plan(store, make_project(tmp_path))
    assert found.split.ok is True
    assert found.split.p_value is not None


def test_costs_count_every_message_and_what_is_left_of_the_budget(store: Engine, tmp_path: Path) -> None:
    ids = fill(store)
    with writing(store) as connection:
        add_message(connection, ids[0], channel="direct_mail", days_ago=300)
        add_message(connection, ids[1], channel="direct_mail", state="failed", days_ago=300)
    found = plan(store, make_project(tmp_path), "winback")
    sizes = {arm.name: arm.contacts for arm in found.arms}
    email, post = found.costs
    assert email.messages == sizes["email"] + sizes["both"]
    assert email.cost == pytest.approx(email.messages * 0.001)
    assert (email.budget, email.committed, email.left) == (None, None, None)
    assert post.messages == sizes["letter"] + sizes["both"]
    assert (post.budget, post.committed) == (2500, 0.5)
    assert post.left == pytest.approx(2500 - 0.5 - post.messages * 0.78)
    assert found.sends == email.messages + post.messages


def test_a_short_budget_is_said(store: Engine, tmp_path: Path) -> None:
    fill(store, 8)
    channels = default_channels()
    channels["direct_mail"]["budget"] = "1"
    found = plan(store, make_project(tmp_path, channels=channels), "winback")
    short = found.costs[1].left or 0
    assert f"The budget for direct_mail is short of {-short:,.2f} GBP: sending stops when it is spent." in found.remarks


def test_an_arm_breaks_even_where_the_margin_of_the_responses_pays_for_all_messages(
    store: Engine, tmp_path: Path
) -> None:
    ids = fill(store)
    with writing(store) as connection:
        add_order(connection, ids[0], 8, days_ago=100, discount=2_000_000)
        add_order(connection, ids[1], 10, days_ago=100)
        add_order(connection, ids[2], 100, days_ago=400)
    plain, discount = plan(store, make_project(tmp_path)).break_even
    assert (plain.arm, plain.cost_each) == ("plain", 0.001)
    assert plain.margin_per_order == pytest.approx(4)
    assert plain.response_rate == pytest.approx(0.001 / 4)
    assert discount.margin_per_order == pytest.approx(10 * 0.4 - 10 * 0.15)


def test_without_past_orders_no_break_even_is_made_up(store: Engine, tmp_path: Path) -> None:
    fill(store, 2)
    first, *_ = plan(store, make_project(tmp_path)).break_even
    assert (first.response_rate, first.reason) == (None, "none of these contacts has ordered in the last 365 days")


def test_the_imported_cost_of_orders_makes_the_margin_where_no_rate_is_declared(store: Engine, tmp_path: Path) -> None:
    goal = {"event": "order", "value": "margin", "costs": "imported", "within": "14 days"}
    ids = fill(store, 5)
    with writing(store) as connection:
        add_order(connection, ids[0], 10, days_ago=100, cost=7_000_000)
        add_order(connection, ids[1], 99, days_ago=100)
    first, *_ = plan(store, make_project(tmp_path, campaigns={"spring-sale": {**SPRING, "goal": goal}})).break_even
    assert first.margin_per_order == pytest.approx(3)


def test_a_plan_says_the_least_effect_that_it_would_find(store: Engine, tmp_path: Path) -> None:
    ids = fill(store, 200)
    with writing(store) as connection:
        for contact_id in ids[:40]:
            add_order(connection, contact_id, 10, days_ago=5)
    found = plan(store, make_project(tmp_path))
    plain, discount = found.learnings
    assert (plain.arm, plain.control, plain.metric, plain.wanted) == ("plain", "nothing", "conversion", 0.05)
    assert (plain.usual, discount.usual) == (0.2, 0.2)
    assert plain.detectable is not None
    assert plain.detectable > 0.05
    assert plain.needed is not None
    control, arm = plain.units
    assert plain.needed[1] / plain.needed[0] == pytest.approx(arm / control, rel=0.01)
    (remark,) = [each for each in found.remarks if each.startswith("Too few for plain")]
    assert remark == (
        "Too few for plain against nothing: an effect of 5.00 percentage points on conversion is worth finding, but "
        f"only one of {plain.detectable * 100:.2f} percentage points would be found. It takes {plain.needed[0]:,} and "
        f"{plain.needed[1]:,} units to find 5.00 percentage points."
    )


def test_an_effect_on_money_is_planned_from_its_past_spread(store: Engine, tmp_path: Path) -> None:
    primary = {"metric": "margin", "comparison": "discount - plain", "minimum_effect": "100"}
    ids = fill(store, 60)
    with writing(store) as connection:
        for contact_id in ids[:20]:
            add_order(connection, contact_id, 10, days_ago=5)
    experiment = {**SPRING["experiment"], "primary": primary}
    found = plan(store, make_project(tmp_path, campaigns={"spring-sale": {**SPRING, "experiment": experiment}}))
    (margin,) = found.learnings
    assert (margin.arm, margin.control) == ("discount", "plain")
    assert margin.usual == pytest.approx(20 * 10 * 0.4 / 60)
    assert margin.detectable is not None
    assert not margin.is_underpowered


def test_without_history_the_least_effect_is_not_made_up(store: Engine, tmp_path: Path) -> None:
    fill(store)
    found = plan(store, make_project(tmp_path))
    assert {(each.detectable, each.reason) for each in found.learnings} == {
        (None, "none of these units has reached the goal in the last 14 days, so there is no usual conversion")
    }


def test_households_count_as_units_with_all_their_members_orders(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        for number in range(40):
            other = add_contact(connection, f"other-{number}", household_key=f"h-{number}", consents=())
            add_contact(connection, f"c-{number}", household_key=f"h-{number}")
            if number < 10:
                add_order(connection, other, 10, days_ago=5)
    found = plan(store, make_project(tmp_path), "winback")
    assert {each.usual for each in found.learnings} == {0.25}


def test_departures_follow_the_rate_one_time_zone_after_another(store: Engine, tmp_path: Path) -> None:
    local = {**SPRING, "schedule": {"at": "2026-12-02 10:00", "timezone": "recipient"}, "experiment": None}
    channels = default_channels()
    channels["email"]["rate"] = "1/minute"
    with writing(store) as connection:
        make_contacts(connection, 3, timezone="Europe/Paris")
        add_contact(connection, "ann", timezone="Asia/Tokyo")
        add_contact(connection, "bob", timezone="Mars/Crater")
        add_contact(connection, "cid")
    found = plan(store, make_project(tmp_path, campaigns={"c": local}, channels=channels), "c").departures
    ten = NOW.replace(hour=10, day=2)
    minutes = [[(at - ten) / timedelta(minutes=1) for at in (each.first_at, each.last_at)] for each in found]
    assert [(each.timezone, each.messages) for each in found] == [
        ("Asia/Tokyo", 1), ("Europe/Paris", 3), ("Europe/London", 2)
    ]  # fmt: skip
    assert minutes == [[-540, -540], [-60, -58], [0, 1]]


def test_post_departs_days_before_the_e_mails(store: Engine, tmp_path: Path) -> None:
    fill(store)
    email, post = sorted(plan(store, make_project(tmp_path), "winback").departures, key=lambda each: each.channel)[::-1]
    assert (email.first_at - post.first_at, post.first_at) == (timedelta(days=3), post.last_at)


def test_e_mails_at_midnight_are_remarked(store: Engine, tmp_path: Path) -> None:
    remark = "The e-mails leave at midnight. Write in_home with a time, such as 2026-12-01 09:00."
    assert remark in plan(store, make_project(tmp_path), "winback").remarks


def test_a_reading_window_that_ends_before_the_post_arrives_is_remarked(store: Engine, tmp_path: Path) -> None:
    hasty = {**WINBACK, "schedule": {"at": "2026-12-10 09:00"}, "goal": {**WINBACK["goal"], "within": "2 days"}}
    assert plan(store, make_project(tmp_path, campaigns={"c": hasty}), "c").remarks == (
        "The reading window of 2 days is over before the post arrives, 3 days after the first contact.",
    )


def test_a_wave_that_is_over_is_remarked(store: Engine, tmp_path: Path) -> None:
    late = {**SPRING, "schedule": {"at": "2026-11-30 10:00", "max_lateness": "6 hours"}}
    assert plan(store, make_project(tmp_path, campaigns={"c": late}), "c").remarks == (
        "It is too late: nothing was to leave after 2026-11-30 16:00 UTC. Change schedule or max_lateness.",
    )


def test_the_same_world_has_the_same_digest_at_any_time(store: Engine, tmp_path: Path) -> None:
    fill(store)
    project = make_project(tmp_path)
    assert plan(store, project).digest == plan(store, project, now=NOW + timedelta(minutes=5)).digest


@pytest.mark.parametrize("changed", ["subject", "template", "consent", "salt", "wave"])
def test_any_change_of_words_or_people_changes_the_digest(store: Engine, tmp_path: Path, changed: str) -> None:
    fill(store)
    project = make_project(tmp_path)
    before = plan(store, project).digest
    experiment, wave = dict(SPRING["experiment"]), None
    if changed == "subject":
        experiment["arms"] = {**experiment["arms"], "plain": {"share": "45%", "email": {"subject": "Spring!"}}}
    elif changed == "salt":
        experiment["salt"] = "spring-2027"
    elif changed == "template":
        (tmp_path / "templates/email/spring.txt").write_text("Hello")
    elif changed == "wave":
        wave = "again"
    else:
        with writing(store) as connection:
            add_suppression(connection, "email-c-00000", "unsubscribed")
    edited = {"spring-sale": {**SPRING, "experiment": experiment}, "winback": WINBACK}
    project = replace(project, campaigns=make_project(tmp_path, campaigns=edited).campaigns)
    assert plan(store, project, wave=wave).digest != before


def test_a_plan_writes_nothing(store: Engine, tmp_path: Path) -> None:
    fill(store)
    with reading(store) as connection:
        make_plan(connection, make_project(tmp_path), "spring-sale", now=NOW)
        connection.commit()
    with reading(store) as connection:
        filled = {
            table.name for table in metadata.sorted_tables if connection.scalar(select(func.count()).select_from(table))
        }
    assert filled == {"contact", "consent"}


def test_an_unknown_campaign_is_named_with_the_nearest(store: Engine, tmp_path: Path) -> None:
    with pytest.raises(RunRefused) as caught:
        plan(store, make_project(tmp_path), "spring-sail")
    assert str(caught.value) == (
        'campaigns.yaml: campaign "spring-sail" is not known. Use spring-sale or winback. Did you mean "spring-sale"?'
    )


def test_a_campaign_without_goal_or_experiment_is_planned_all_the_same(store: Engine, tmp_path: Path) -> None:
    bare = {key: value for key, value in SPRING.items() if key not in {"experiment", "goal"}}
    fill(store, 3)
    found = plan(store, make_project(tmp_path, campaigns={"c": bare}), "c")
    assert (found.planned, found.learnings, found.break_even) == (3, (), ())
    assert (found.split.ok, found.split.reason) == (None, "There is one arm only.")


def test_an_empty_audience_is_a_plan_of_nothing(store: Engine, tmp_path: Path) -> None:
    found = plan(store, make_project(tmp_path))
    assert (found.selected, found.planned, found.sends, found.departures) == (0, 0, 0, ())
    assert {each.reason for each in found.learnings} == {"an arm has fewer than two units"}
    assert found.remarks == ()
