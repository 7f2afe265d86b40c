"""Random policies, campaigns and people: everybody is accounted for, and no rule is broken.

Two campaigns are sealed and queued in either order, on both databases. A plain reading of the rules judges the result.
"""

import tempfile
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select

from handbill.definitions.campaign import CHANNELS
from handbill.definitions.policy import Cap
from handbill.definitions.project import Project
from handbill.definitions.values import zone
from handbill.delivery.enqueue import enqueue
from handbill.planning.caps import weights
from handbill.planning.plan import Plan, make_plan, occasion_of
from handbill.planning.quiet_hours import is_quiet
from handbill.planning.seal import seal_run
from handbill.planning.timezones import zone_of
from handbill.store.draw import unit_fraction
from handbill.store.tables import contact, enrollment, exclusion, outbox
from tests.conftest import NOW
from tests.planning.shop import SPRING, add_contact, add_message, add_suppression, default_channels, make_project

HOURS = st.sampled_from(("2026-12-01 09:00", "2026-12-01 22:30", "2026-12-02 10:00", "2026-12-04 07:00"))
ARM = {
    "email": {"email": {"template": "spring", "subject": "Hello"}},
    "letter": {"direct_mail": {"template": "winback-letter", "format": "letter"}},
}
ARM["both"] = ARM["email"] | ARM["letter"]
PERIODS = ("1 day", "2 days", "7 days")

people = st.fixed_dictionaries({
    "household": st.integers(0, 4),
    "timezone": st.sampled_from(("Europe/London", "Asia/Tokyo", "America/New_York", None)),
    "consents": st.sampled_from((("email", "direct_mail"), ("email", "direct_mail"), ("email",), ())),
    "suppressed": st.sampled_from((None, None, None, "email", "direct_mail")),
    "had": st.lists(st.tuples(st.sampled_from(CHANNELS), st.sampled_from((-3, -1, 0.5, 2, 6))), max_size=2),
})  # fmt: skip

caps = st.one_of(
    st.fixed_dictionaries({
        "max": st.integers(1, 3), "per": st.sampled_from(PERIODS), "unit": st.sampled_from(("contact", "household")),
        "channel": st.sampled_from((None, *CHANNELS)),
    }),
    st.fixed_dictionaries({
        "max": st.integers(5, 8).map("{} points".format), "per": st.sampled_from(PERIODS),
        "unit": st.sampled_from(("contact", "household")), "points": st.just({"email": 1, "direct_mail": 4}),
    }),
)  # fmt: skip

campaigns = st.fixed_dictionaries({
    "at": HOURS,
    "timezone": st.sampled_from((None, "recipient")),
    "max_lateness": st.sampled_from((None, "6 hours", "2 days")),
    "priority": st.sampled_from((40, 50)),
    "arms": st.sampled_from((("email",), ("letter",), ("both",), ("email", "letter"), ("email", "both"))),
    "holdout": st.booleans(),
})  # fmt: skip

policies = st.fixed_dictionaries({
    "caps": st.lists(caps, max_size=3),
    "quiet_hours": st.sampled_from((None, {"from": "21:00", "to": "08:00"},
                                    {"from": "12:00", "to": "14:30", "timezone": "Europe/London"})),
    "global_holdout": st.sampled_from((None, {"share": "30%", "salt": "everybody"})),
})  # fmt: skip


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")], ids="-".join)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(crowd=st.lists(people, min_size=1, max_size=8), rules=policies, one=campaigns, two=campaigns)
def test_whatever_is_declared_everybody_is_accounted_for_and_no_rule_is_broken(
    store: Engine, order: tuple[str, str], crowd: list[Any], rules: Mapping[str, Any], one: Any, two: Any
) -> None:
    with tempfile.TemporaryDirectory() as folder, store.connect() as connection, connection.begin() as everything:
        project = make_shop(Path(folder), rules, {"one": one, "two": two})
        invite(connection, crowd)
        now = NOW
        for name in order:
            plan = make_plan(connection, project, name, now=now)
            check_sum(plan, len(crowd))
            start(connection, project, plan, now)
            now += timedelta(minutes=1)
        check_consent(connection, crowd)
        check_global_holdout(connection, rules["global_holdout"])
        check_quiet(connection, project)
        for cap in project.policies.caps:
            check_cap(connection, cap)
        everything.rollback()


# ---------------------------------------------------------------- the world


def make_shop(root: Path, rules: Mapping[str, Any], written: Mapping[str, Any]) -> Project:
    channels = default_channels()
    channels["direct_mail"].pop("budget")
    chosen = {name: rule for name, rule in rules.items() if rule is not None}
    declared = {name: _campaign(name, each) for name, each in written.items()}
    return make_project(root, campaigns=declared, policies=chosen, channels=channels)


def _campaign(name: str, drawn: Mapping[str, Any]) -> dict[str, Any]:
    schedule = {key: drawn[key] for key in ("at", "timezone", "max_lateness") if drawn[key]}
    names = [*drawn["arms"], *(["nothing"] if drawn["holdout"] else [])]
    common = {"topic": "offers", "audience": {"include": ["everybody"]}, "schedule": schedule,
              "priority": drawn["priority"]}  # fmt: skip
    if len(names) == 1:
        return common | ARM[names[0]]
    shares = {
        each: f"{100 // len(names) + (100 % len(names) if number == 0 else 0)}%" for number, each in enumerate(names)
    }
    arms = {each: {"share": shares[each], **ARM.get(each, {"holdout": True})} for each in names}
    experiment = {"hypothesis": "It sells.", "salt": f"{name}-salt", "arms": arms, "control": names[-1],
                  "unit": "household", "primary": {"metric": "conversion"}}  # fmt: skip
    goal = {"event": "order", "within": "14 days"}
    return common | {"experiment": experiment, "goal": goal}


def invite(connection: Connection, crowd: list[Any]) -> None:
    for number, person in enumerate(crowd):
        name = f"p-{number}"
        contact_id = add_contact(connection, name, household_key=f"h-{person['household']}",
                                 timezone=person["timezone"], consents=person["consents"])  # fmt: skip
        if person["suppressed"]:
            kind = "email" if person["suppressed"] == "email" else "postal"
            add_suppression(connection, f"{kind}-{name}", "complained", channel=person["suppressed"])
        for order, (channel, days_ago) in enumerate(person["had"]):
            state = "accepted" if days_ago > 0 else "queued"
            add_message(connection, contact_id, campaign=f"earlier-{order}", channel=channel, days_ago=days_ago,
                        state=state)  # fmt: skip


def start(connection: Connection, project: Project, plan: Plan, now: datetime) -> None:
    run_id = seal_run(connection, project, plan, now=now)
    campaign = project.campaigns[plan.campaign]
    wave = occasion_of(project, plan.campaign, now=now).wave
    assert enqueue(connection, project, campaign, wave, run_id, now=now) == plan.sends
    enrolled = connection.execute(select(enrollment.c.contact_id).where(enrollment.c.run_id == run_id)).all()
    reasons = connection.execute(select(exclusion.c.contact_id).where(exclusion.c.run_id == run_id)).all()
    assert len(enrolled) == plan.planned
    assert len({*enrolled, *reasons}) == len(enrolled) + len(reasons) == plan.selected


# ---------------------------------------------------------------- a plain reading of the rules


def messages(connection: Connection) -> list[Any]:
    rows = select(outbox, contact.c.household_key, contact.c.external_id, contact.c.timezone.label("own_zone"))
    return list(connection.execute(rows.join(contact, contact.c.id == outbox.c.contact_id)))


def ours(connection: Connection) -> list[Any]:
    return [each for each in messages(connection) if each.address != "a"]


def check_sum(plan: Plan, people_there: int) -> None:
    assert plan.selected == people_there == plan.planned + sum(each.contacts for each in plan.left_out)
    assert plan.planned == sum(arm.contacts for arm in plan.arms)


def check_consent(connection: Connection, crowd: list[Any]) -> None:
    for message in ours(connection):
        person = crowd[int(message.external_id.removeprefix("p-"))]
        assert message.channel in person["consents"]
        assert message.channel != person["suppressed"]


def check_global_holdout(connection: Connection, holdout: Mapping[str, Any] | None) -> None:
    for message in ours(connection) if holdout else []:
        assert unit_fraction("everybody", message.household_key) >= 0.3


def check_quiet(connection: Connection, project: Project) -> None:
    quiet = project.policies.quiet_hours
    for message in ours(connection) if quiet else []:
        own = zone_of(message.own_zone, zone(project.timezone))
        assert quiet is not None
        assert message.channel == "direct_mail" or not is_quiet(quiet, message.not_before, own)


def check_cap(connection: Connection, cap: Cap) -> None:
    """No stretch of the period's length that holds a message of ours holds more than the cap allows."""
    counted = weights(cap)
    pressed: dict[Any, list[tuple[datetime, int, bool]]] = {}
    for message in messages(connection):
        if message.channel in counted:
            who = message.household_key if cap.unit == "household" else message.contact_id
            at = message.accepted_at or max(message.not_before, NOW)
            pressed.setdefault(who, []).append((at, counted[message.channel], message.address != "a"))
    for rows in pressed.values():
        for since, _, _ in rows:
            inside = [row for row in rows if since <= row[0] < since + cap.per]
            if any(is_ours for _, _, is_ours in inside):
                assert sum(weight for _, weight, _ in inside) <= cap.max


# ---------------------------------------------------------------- arms pass the same gates


def test_every_arm_loses_people_at_the_same_rate(store: Engine, tmp_path: Path) -> None:
    """The gates come before the draw, so that whoever would be in one arm is left out as often as in another."""
    rules = {"caps": [{"max": 1, "per": "7 days"}], "quiet_hours": {"from": "21:00", "to": "08:00"}}
    late = {**SPRING, "schedule": {"at": "2026-12-01 22:30", "max_lateness": "6 hours"}}
    project = make_project(tmp_path, campaigns={"c": late}, policies=rules)
    zones = ("Europe/London", "America/New_York")
    with store.connect() as connection:
        for number in range(120):
            contact_id = add_contact(connection, f"p-{number}", timezone=zones[number % 3 == 0])
            if number % 4 == 0:
                add_message(connection, contact_id)
        plan = make_plan(connection, project, "c", now=NOW)
        seal_run(connection, project, plan, now=NOW)
        left = dict(
            connection.execute(select(contact.c.external_id, exclusion.c.reason).join(exclusion)).tuples().all()
        )
    arms = Counter("nothing" if unit_fraction("spring-2026", f"p-{n}") < 0.1 else "mailed" for n in range(120))
    out = Counter("nothing" if unit_fraction("spring-2026", name) < 0.1 else "mailed" for name in left)
    expected = {f"p-{n}": "capped" if n % 4 == 0 and n % 3 == 0 else "quiet" for n in range(120) if n % 4 == 0 or n % 3}
    assert left == {name: ("quiet" if int(name[2:]) % 3 else "capped") for name in expected}
    assert out["nothing"] / arms["nothing"] == pytest.approx(out["mailed"] / arms["mailed"], abs=0.15)
