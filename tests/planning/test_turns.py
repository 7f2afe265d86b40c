"""When the turn of each message in a queue comes."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from handbill.planning.turns import Crowd, Pace, Stretch, turns
from tests.conftest import NOW

HOUR = timedelta(hours=1)
ONE_A_SECOND = Pace(1.0, {})


def seconds(stretches: Iterable[Stretch], crowd: Crowd) -> list[float]:
    """When each message of the crowd leaves, in seconds after NOW."""
    mine = [each for each in stretches if each.crowd == crowd]
    return [
        (each.starts_at - NOW).total_seconds() + (number - each.first) * each.step
        for number in range(crowd.messages)
        for each in mine
        if each.first <= number < each.after
    ]


def test_the_first_leaves_at_once_and_the_others_one_after_another() -> None:
    crowd = Crowd(NOW, "", "", 4)
    assert seconds(turns([crowd], ONE_A_SECOND, NOW), crowd) == [0, 1, 2, 3]


def test_whoever_has_waited_longest_goes_first() -> None:
    early, late = Crowd(NOW, "", "", 3), Crowd(NOW + timedelta(seconds=1), "", "", 2)
    found = turns([late, early], ONE_A_SECOND, NOW)
    assert (seconds(found, early), seconds(found, late)) == ([0, 1, 2], [3, 4])


def test_those_who_wait_from_the_same_moment_on_take_turns() -> None:
    few, many = Crowd(NOW, "A", "", 2), Crowd(NOW, "B", "", 6)
    found = turns([few, many], ONE_A_SECOND, NOW)
    assert seconds(found, few) == pytest.approx([0, 4])
    assert seconds(found, many) == pytest.approx([0, 4 / 3, 8 / 3, 4, 16 / 3, 20 / 3])


def test_a_domain_takes_its_part_of_the_pace_and_no_more() -> None:
    slow, others = Crowd(NOW, "", "gmail.com", 3), Crowd(NOW, "", "", 3)
    found = turns([slow, others], Pace(1.0, {"gmail.com": 0.25}), NOW)
    assert seconds(found, slow) == [0, 4, 8]
    assert seconds(found, others) == pytest.approx([0, 4 / 3, 8 / 3])


def test_a_domain_has_its_limit_where_the_channel_has_none() -> None:
    slow, others = Crowd(NOW, "", "gmail.com", 3), Crowd(NOW, "", "", 1000)
    found = turns([slow, others], Pace(None, {"gmail.com": 0.5}), NOW)
    assert seconds(found, slow) == [0, 2, 4]
    assert set(seconds(found, others)) == {0}


def test_nobody_leaves_while_it_is_quiet_and_the_others_go_on() -> None:
    west, east = Crowd(NOW, "west", "", 4000), Crowd(NOW, "east", "", 4000)

    def quiet(timezone: str, moment: datetime) -> tuple[bool, datetime | None]:
        """In the east from one hour after NOW until three hours after it."""
        if timezone == "west" or moment >= NOW + 3 * HOUR:
            return False, None
        return moment >= NOW + HOUR, NOW + (3 * HOUR if moment >= NOW + HOUR else HOUR)

    found = turns([west, east], ONE_A_SECOND, NOW, quiet)
    times = seconds(found, east)
    assert [sum(1 for at in times if low <= at < high) for low, high in ((0, 3600), (3600, 10800), (10800, 1e9))] == [
        1800, 0, 2200
    ]  # fmt: skip
    assert seconds(found, west)[-1] == pytest.approx(1800 * 2 + 2200 - 1, abs=2), "alone it goes twice as fast"


def test_every_message_has_its_turn_at_any_pace() -> None:
    for pace in (0.00002, 7 / 3, 49.9999, 1e6, None):
        crowd = Crowd(NOW, "", "", 10_007)
        found = turns([crowd, Crowd(NOW, "B", "", 3)], Pace(pace, {}), NOW)
        assert len(seconds(found, crowd)) == crowd.messages
