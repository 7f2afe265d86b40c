"""How many e-mails of a new sender leave on which day."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from handbill.planning.plan import make_plan, occasion_of, walk_stages
from handbill.planning.selection import selection
from handbill.planning.turns import Crowd
from handbill.planning.warm_up import Curve, in_words, spread
from handbill.store.connection import writing
from tests.conftest import NOW
from tests.planning.shop import SPRING, default_channels, make_contacts, make_project

HOME = ZoneInfo("Europe/London")
DAY = timedelta(days=1)
FIRST = date(2026, 12, 1)


def plain_days(sizes: list[int], start: int, double_every: int, age: int, today: int) -> list[Counter[int]]:
    """Day after day, one message after another: who may not leave any more today waits for tomorrow."""
    left, day, crowds = today, 0, []
    for size in sizes:
        days: Counter[int] = Counter()
        for _ in range(size):
            while not left:
                day += 1
                left = start * 2 ** ((age + day) // double_every)
            days[day] += 1
            left -= 1
        crowds.append(days)
    return crowds


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
    st.integers(1, 9),
    st.integers(1, 4),
    st.integers(0, 6),
    st.data(),
)
def test_a_run_is_spread_as_somebody_would_who_counts_day_after_day(
    sizes: list[int], start: int, double_every: int, age: int, data: st.DataObject
) -> None:
    curve = Curve(start, double_every * DAY, HOME, FIRST - age * DAY)
    today = data.draw(st.integers(0, curve.cap_on(FIRST)))
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    crowds = [Crowd(now, zone, "", size) for zone, size in zip("ABCD", sizes, strict=False)]
    parts = spread(crowds, curve, now, today)
    made = [
        Counter({(p.crowd.since - now).days: p.crowd.messages for p in parts if p.whole == crowd}) for crowd in crowds
    ]
    assert made == plain_days(sizes, start, double_every, age, today)
    for crowd in crowds:
        mine = [part for part in parts if part.whole == crowd]
        assert [part.first for part in mine] == [sum(p.crowd.messages for p in mine[:n]) for n in range(len(mine))]


def test_the_next_day_begins_at_the_same_time_across_a_change_of_clocks() -> None:
    curve = Curve(1, DAY * 9, HOME, date(2026, 10, 24))
    now = datetime(2026, 10, 24, 8, tzinfo=UTC)  # nine o'clock in London; in the night clocks are set back
    days = [part.crowd.since for part in spread([Crowd(now, "", "", 2)], curve, now, 1)]
    assert days == [now, datetime(2026, 10, 25, 9, tzinfo=UTC)]


def test_the_curve_is_told_for_the_days_of_the_run() -> None:
    curve = Curve(200, 3 * DAY, HOME, FIRST)
    assert in_words(curve, NOW, NOW + 6 * DAY) == (
        "Warm-up: at most 200 e-mails a day from 2026-12-01 on, 400 from 2026-12-04 on, 800 from 2026-12-07 on."
    )


def test_a_plan_tells_when_the_last_leaves_under_the_warm_up(store: Engine, tmp_path: Path) -> None:
    channels = default_channels()
    channels["email"] |= {"warm_up": {"start": "3/day", "double_every": "1 day"}}
    campaign = {**SPRING, "experiment": None, "schedule": {"at": "2026-12-01 09:00"}}
    project = make_project(tmp_path, campaigns={"c": campaign}, channels=channels)
    with writing(store) as connection:
        make_contacts(connection, 12)
        walk_stages(connection, occasion_of(project, "c", now=NOW))
        turns = connection.scalars(select(selection.c.email_at).where(selection.c.reason.is_(None)))
        leaves = Counter(turn.date() for turn in turns)
        plan = make_plan(connection, project, "c", now=NOW)
    assert leaves == {FIRST: 3, FIRST + DAY: 6, FIRST + 2 * DAY: plan.sends - 9}
    assert plan.departures[-1].last_at.date() == FIRST + 2 * DAY
    assert (
        "Warm-up: at most 3 e-mails a day from 2026-12-01 on, 6 from 2026-12-02 on, 12 from 2026-12-03 on."
        in plan.remarks
    )
