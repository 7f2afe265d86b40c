"""When everybody's message leaves, holdouts included, under rates, limits of domains and quiet hours."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, select

from handbill.definitions.project import Project
from handbill.planning.plan import make_plan, occasion_of, walk_stages
from handbill.planning.seal import seal_run
from handbill.planning.selection import selection
from handbill.planning.timing import Departure, departures, in_words
from handbill.store.connection import reading, writing
from handbill.store.tables import assignment, contact, enrollment
from tests.conftest import NOW
from tests.planning.shop import SPRING, WINBACK, add_contact, default_channels, make_contacts, make_project

NIGHT: Mapping[str, Any] = {"quiet_hours": {"from": "21:00", "to": "08:00"}}
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def shop(root: Path, campaign: Mapping[str, Any], *, policies: Mapping[str, Any] = NIGHT, **email: Any) -> Project:
    channels = default_channels()
    channels["email"] |= email
    return make_project(root, campaigns={"c": campaign}, policies=policies, channels=channels)


def at(written: str, **more: Any) -> Mapping[str, Any]:
    """One arm that goes out at that time in London."""
    return {**SPRING, "experiment": None, "schedule": {"at": written, **more}}


def leaving(connection: Connection, project: Project, now: datetime = NOW) -> list[Departure]:
    occasion = occasion_of(project, "c", now=now)
    walk_stages(connection, occasion)
    return list(departures(connection, occasion))


def reasons(connection: Connection) -> dict[str, str | None]:
    pairs = select(contact.c.external_id, selection.c.reason).join(selection, selection.c.contact_id == contact.c.id)
    return dict(connection.execute(pairs).tuples().all())


def test_what_falls_into_quiet_hours_is_shifted_to_their_end_in_each_time_zone(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path, at("2026-12-01 20:30"), rate="10/second")
    with writing(store) as connection:
        for number, name in enumerate(("Europe/London", "Europe/Paris", "Europe/Paris", "Asia/Kolkata", None)):
            add_contact(connection, f"c-{number}", timezone=name)
        london, kolkata, paris = leaving(connection, project)
    evening = datetime(2026, 12, 1, 20, 30, tzinfo=UTC)
    assert (london.timezone, london.messages, london.shifted, london.first_at) == ("Europe/London", 2, 0, evening)
    assert (kolkata.messages, kolkata.shifted_from, kolkata.shifted_to) == (1, evening, evening + 6 * HOUR)
    assert (paris.messages, paris.shifted, paris.first_at) == (2, 2, evening + 10.5 * HOUR)
    assert list(in_words([london, kolkata, paris])) == [
        "Quiet hours in Asia/Kolkata: 1 e-mail waits from 2026-12-02 02:00 to 2026-12-02 08:00.",
        "Quiet hours in Europe/Paris: 2 e-mails wait from 2026-12-01 21:30 to 2026-12-02 08:00.",
    ]


@pytest.mark.parametrize(("lateness", "expected"), [("12 hours", None), ("10 hours", "quiet"), ("10 minutes", "quiet")])
def test_whose_quiet_hours_last_longer_than_max_lateness_is_left_out(
    store: Engine, tmp_path: Path, lateness: str, expected: str | None
) -> None:
    project = shop(tmp_path, at("2026-12-01 22:00", max_lateness=lateness))
    with writing(store) as connection:
        add_contact(connection, "ann")
        add_contact(connection, "bob", timezone="America/New_York")
        leaving(connection, project)
        assert reasons(connection) == {"ann": expected, "bob": None}


@pytest.mark.parametrize(("kind", "hour"), [("marketing", 8), ("service", 8), ("transactional", 22)])
def test_only_transactional_mail_leaves_in_quiet_hours(store: Engine, tmp_path: Path, kind: str, hour: int) -> None:
    topic = "offers" if kind == "marketing" else None
    with writing(store) as connection:
        add_contact(connection, "ann")
        (found,) = leaving(connection, shop(tmp_path, {**at("2026-12-01 22:00"), "kind": kind, "topic": topic}))
    assert found.first_at.hour == hour


@pytest.mark.parametrize(("day", "morning"), [("2026-03-28", "2026-03-29 07:00"), ("2026-10-24", "2026-10-25 08:00")])
def test_the_shift_is_right_across_both_changes_of_the_clock(
    store: Engine, tmp_path: Path, day: str, morning: str
) -> None:
    with writing(store) as connection:
        add_contact(connection, "ann")
        now = datetime.fromisoformat(day).replace(tzinfo=UTC)
        (found,) = leaving(connection, shop(tmp_path, at(f"{day} 23:30")), now)
    assert found.first_at == datetime.fromisoformat(morning).replace(tzinfo=UTC)


def test_the_shifted_time_is_the_origin_of_every_arm(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path, {**SPRING, "schedule": {"at": "2026-12-01 22:00"}}, rate="1/minute")
    with writing(store) as connection:
        make_contacts(connection, 60)
        seal_run(connection, project, make_plan(connection, project, "c", now=NOW), now=NOW)
        origins = connection.execute(select(assignment.c.arm, assignment.c.origin_at).distinct()).tuples().all()
    assert {arm for arm, _ in origins} == {"nothing", "plain", "discount"}
    assert {origin for _, origin in origins} == {datetime(2026, 12, 2, 8, tzinfo=UTC)}


def test_post_keeps_no_quiet_hours_but_shares_the_origin_of_the_e_mails(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 30)
        post, email = leaving(connection, shop(tmp_path, WINBACK))
        origins = set(connection.scalars(select(selection.c.origin_at)))
    assert (post.channel, post.first_at) == ("direct_mail", datetime(2026, 12, 7, tzinfo=UTC))
    assert (email.first_at, email.shifted) == (datetime(2026, 12, 10, 8, tzinfo=UTC), email.messages)
    assert origins == {email.first_at}


def test_a_holdout_gets_the_time_at_which_its_message_would_have_left(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path, {**SPRING, "schedule": {"at": "2026-12-01 10:00"}}, rate="1/minute")
    with writing(store) as connection:
        make_contacts(connection, 60)
        run_id = seal_run(connection, project, make_plan(connection, project, "c", now=NOW), now=NOW)
        rows = connection.execute(
            select(enrollment.c.due_at, selection.c.arm)
            .join(selection, selection.c.contact_id == enrollment.c.contact_id)
            .where(enrollment.c.run_id == run_id)
            .order_by(enrollment.c.contact_id)
        ).tuples().all()  # fmt: skip
    mailed = [due_at for due_at, arm in rows if arm != "nothing"]
    ten = NOW + HOUR
    assert mailed == [ten + number * MINUTE for number in range(len(mailed))], "holdouts hold nobody up"
    for number, (due_at, arm) in enumerate(rows):
        if arm == "nothing":
            assert due_at == max((earlier for earlier, other in rows[:number] if other != "nothing"), default=ten)


def test_whoever_gets_post_is_due_when_it_is_handed_over(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path, WINBACK)
    with writing(store) as connection:
        make_contacts(connection, 40)
        seal_run(connection, project, make_plan(connection, project, "c", now=NOW), now=NOW)
        rows = connection.execute(
            select(selection.c.arm, enrollment.c.due_at)
            .join(enrollment, enrollment.c.contact_id == selection.c.contact_id)
        ).tuples().all()  # fmt: skip
    days = {arm: {due_at.day for each, due_at in rows if each == arm} for arm in ("nothing", "email", "letter", "both")}
    assert days == {"nothing": {7}, "email": {10}, "letter": {7}, "both": {7}}


def test_a_queue_that_reaches_the_night_goes_on_in_the_morning(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path, at("2026-12-01 20:00"), rate="1/minute")
    with writing(store) as connection:
        make_contacts(connection, 90)
        (found,) = leaving(connection, project)
        times = sorted(connection.scalars(select(selection.c.email_at)))
    evening, morning = datetime(2026, 12, 1, 20, tzinfo=UTC), datetime(2026, 12, 2, 8, tzinfo=UTC)
    assert times == [*(evening + n * MINUTE for n in range(60)), *(morning + n * MINUTE for n in range(30))]
    assert (found.first_at, found.last_at, found.shifted) == (evening, morning + 29 * MINUTE, 0)


def test_a_domain_with_a_limit_of_its_own_finishes_later(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path, at("2026-12-01 10:00"), policies={}, rate="60/minute",
                   per_domain={"slow.example": "1/minute"})  # fmt: skip
    with writing(store) as connection:
        for number in range(10):
            add_contact(connection, f"s-{number}", email_key=f"{number}@slow.example")
        make_contacts(connection, 10)
        (found,) = leaving(connection, project)
        times = dict(connection.execute(
            select(contact.c.external_id, selection.c.email_at).join(selection, selection.c.contact_id == contact.c.id)
        ).tuples().all())  # fmt: skip
    ten = NOW + HOUR
    assert [(times[f"s-{n}"] - ten) / MINUTE for n in range(10)] == pytest.approx(range(10))
    assert max(times[f"c-{n:05}"] for n in range(10)) < ten + MINUTE
    assert found.last_at == ten + 9 * MINUTE


def test_messages_whose_turn_comes_too_late_are_counted_and_said(store: Engine, tmp_path: Path) -> None:
    project = shop(tmp_path, at("2026-12-01 10:00", max_lateness="1 hour"), policies={}, rate="1/minute")
    with writing(store) as connection:
        make_contacts(connection, 70)
        found = leaving(connection, project)
    assert [each.too_late for each in found] == [10]
    assert list(in_words(found)) == [
        (
            "10 of the e-mails would expire before their turn comes. Raise rate or per_domain, allow a longer "
            "max_lateness, or start earlier."
        )
    ]


def test_without_a_limit_everybody_leaves_at_once(store: Engine, tmp_path: Path) -> None:
    with writing(store) as connection:
        make_contacts(connection, 5)
        (found,) = leaving(connection, shop(tmp_path, at("2026-12-01 10:00"), rate=None))
    assert found.first_at == found.last_at == NOW + HOUR


def test_an_audience_that_is_all_holdout_has_times_too(store: Engine, tmp_path: Path) -> None:
    arms = {"nothing": {"share": "99.9%", "holdout": True}, "plain": {"share": "0.1%", "email": {"subject": "Hello"}}}
    experiment = {**SPRING["experiment"], "arms": arms, "compare": []}
    project = shop(tmp_path, {**SPRING, "experiment": experiment, "schedule": {"at": "2026-12-01 10:00"}})
    with writing(store) as connection:
        make_contacts(connection, 3)
        assert leaving(connection, project) == []
        assert set(connection.scalars(select(selection.c.email_at))) == {NOW + HOUR}
    with reading(store) as connection:
        assert connection.execute(select(assignment)).all() == []
