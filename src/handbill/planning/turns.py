"""When the turn of each waiting message comes, under the limits of a channel and the quiet hours of its recipients.

Worked out for crowds, not for people: those who wait from the same moment on, in the same time zone, for the same limit
of a domain, leave at an even pace. What comes out are stretches of time with a pace each.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf


@dataclass(frozen=True)
class Crowd:
    """So many messages that may leave from `since` on, to recipients in one time zone; `domain` has its own limit."""

    since: datetime
    timezone: str
    domain: str
    messages: int


@dataclass(frozen=True)
class Stretch:
    """The messages of a crowd from the `first` on, but before `after`: one every `step` seconds, from `starts_at` on.

    Counted from 0. The numbers may lie between two messages.
    """

    crowd: Crowd
    first: float
    after: float
    starts_at: datetime
    step: float


@dataclass(frozen=True)
class Pace:
    """Messages a second: of the channel, and of recipient domains on it. None: no limit."""

    channel: float | None
    domains: Mapping[str, float]


Quiet = Callable[[str, datetime], tuple[bool, datetime | None]]
"""Whether it is quiet in a time zone at a moment, and when that changes next (None: never)."""


def never_quiet(_timezone: str, _moment: datetime) -> tuple[bool, datetime | None]:
    """For messages that leave at any hour."""
    return False, None


def turns(crowds: Sequence[Crowd], pace: Pace, now: datetime, quiet: Quiet = never_quiet) -> list[Stretch]:
    """The stretches in which the crowds leave, from `now` on.

    As the sending loop does it: domains with a limit of their own take their part of the channel's pace first, then
    whoever has waited longest; those who wait from the same moment on take turns. Nobody leaves while it is quiet.
    """
    left = {crowd: float(crowd.messages) for crowd in crowds if crowd.messages}
    found: list[Stretch] = []
    at = now
    while left:
        awake, changes = _awake(left, at, quiet)
        speeds = _speeds(awake, left, pace)
        if any(speed == inf for speed in speeds.values()):
            until = at
        else:
            ends = [at + timedelta(seconds=left[crowd] / speed) for crowd, speed in speeds.items()]
            until = min([*changes, *ends])
        for crowd, speed in speeds.items():
            found.append(_leave(crowd, left, speed, at, until))
        at = until
    return [each for each in found if each.after > each.first]


def _awake(left: Mapping[Crowd, float], at: datetime, quiet: Quiet) -> tuple[list[Crowd], list[datetime]]:
    """Who may leave now, and when that changes for anybody."""
    zones = {crowd.timezone: quiet(crowd.timezone, at) for crowd in left}
    changes = {change for _, change in zones.values() if change is not None}
    changes |= {crowd.since for crowd in left if crowd.since > at}
    return [crowd for crowd in left if crowd.since <= at and not zones[crowd.timezone][0]], sorted(changes)


def _speeds(awake: Sequence[Crowd], left: Mapping[Crowd, float], pace: Pace) -> dict[Crowd, float]:
    """Messages a second of each crowd that moves."""
    room = inf if pace.channel is None else pace.channel
    speeds: dict[Crowd, float] = {}
    for domain, limit in pace.domains.items():
        first = _longest_waiting([crowd for crowd in awake if crowd.domain == domain])
        share = min(limit, room)
        if first and share > 0:
            room -= share
            speeds |= _shared(first, left, share)
    others = _longest_waiting([crowd for crowd in awake if crowd.domain not in pace.domains])
    return speeds | (_shared(others, left, room) if room > 0 else {})


def _longest_waiting(crowds: Sequence[Crowd]) -> list[Crowd]:
    earliest = min((crowd.since for crowd in crowds), default=None)
    return [crowd for crowd in crowds if crowd.since == earliest]


def _shared(crowds: Sequence[Crowd], left: Mapping[Crowd, float], speed: float) -> dict[Crowd, float]:
    """The speed divided as the crowds' sizes are, because they stand mixed in the queue."""
    total = sum(left[crowd] for crowd in crowds)
    return {crowd: speed if speed == inf else speed * left[crowd] / total for crowd in crowds}


def _leave(crowd: Crowd, left: dict[Crowd, float], speed: float, at: datetime, until: datetime) -> Stretch:
    """Lets a part of the crowd go."""
    first = crowd.messages - left[crowd]
    gone = left[crowd] if speed == inf else min(left[crowd], speed * (until - at).total_seconds())
    # Times are whole microseconds, so that something may be left of the last message.
    if left[crowd] - gone <= _NOBODY + speed * _MOMENT:
        gone = left.pop(crowd)
    else:
        left[crowd] -= gone
    return Stretch(crowd, first, crowd.messages if crowd not in left else first + gone, at, 1 / speed)


_NOBODY = 0.001
_MOMENT = 0.000_002
