"""What time it is: the real clock, or a fixed one for replays and tests."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""A function that answers the present moment as an aware UTC time."""


def real_clock() -> datetime:
    """The machine's time, aware, in UTC."""
    return datetime.now(UTC)


def fixed_clock(moment: datetime) -> Clock:
    """A clock that always answers `moment` (which must be aware), for replays with `--now` and for tests."""
    if moment.tzinfo is None:
        raise ValueError("a clock needs an aware time")
    at = moment.astimezone(UTC)
    return lambda: at


def awake_and_asleep() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine sleeps where there is such a one."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
