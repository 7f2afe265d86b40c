"""How many e-mails a new sender may send on each day, and how many of them have left today."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from email.utils import parseaddr
from zoneinfo import ZoneInfo

import idna
from sqlalchemy import ColumnElement, Connection, case, exists, func, or_, select

from handbill.definitions.project import Project
from handbill.definitions.values import zone
from handbill.planning.turns import Crowd
from handbill.store.tables import outbox, run

CHANNEL = "email"
ON_THE_WAY = ("claimed", "committing")
UNSURE = ("uncertain", "closed_unknown")
_MOST_DOUBLINGS = 30
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Curve:
    """`start` e-mails on the first day, twice as many after each `double_every`; days are those of the project's zone.

    `began_on` is the day of the sender's first e-mail that was accepted; a sender that has sent none begins today.
    """

    start: int
    double_every: timedelta
    zone: ZoneInfo
    began_on: date

    def cap_on(self, day: date) -> int:
        """E-mails that may leave on a day."""
        doublings = (day - self.began_on) // self.double_every
        return int(self.start * 2 ** max(0, min(doublings, _MOST_DOUBLINGS)))

    def day_of(self, moment: datetime) -> date:
        """The day that a moment belongs to."""
        return moment.astimezone(self.zone).date()

    def begins_at(self, day: date, at: time = time()) -> datetime:
        """When a day begins, or a time of it."""
        return datetime.combine(day, at, self.zone)


@dataclass(frozen=True)
class Part:
    """Some messages of a crowd, from its `first` on, that may leave from `crowd.since` on."""

    whole: Crowd
    first: int
    crowd: Crowd


def curve_of(connection: Connection, project: Project, now: datetime) -> Curve | None:
    """The curve of the project's sender; None where no warm-up is declared."""
    channel = project.channels.email
    if channel is None or channel.warm_up is None:
        return None
    home = zone(project.timezone)
    mine = _of_sender(channel.from_)
    is_accepted = (outbox.c.state == "accepted", mine)
    # The first run that has such a message is small, or old: nothing else is looked through.
    earliest = (
        select(run.c.id).where(exists().where(outbox.c.run_id == run.c.id, *is_accepted)).order_by(run.c.started_at)
    )
    its_messages = outbox.c.run_id == earliest.limit(1).scalar_subquery()
    first_at = connection.scalar(select(func.min(outbox.c.accepted_at)).where(its_messages, *is_accepted))
    began_on = (first_at or now).astimezone(home).date()
    return Curve(channel.warm_up.start.count, channel.warm_up.double_every, home, began_on)


def left_today(connection: Connection, project: Project, curve: Curve, now: datetime) -> tuple[int, int]:
    """How many more may be sent today; and how many more when none of those that are just leaving gets out."""
    channel = project.channels.email
    assert channel is not None  # noqa: S101 - for the type checker: the curve is its
    since = curve.begins_at(curve.day_of(now))
    recent = select(run.c.id).where(or_(run.c.finished_at.is_(None), run.c.finished_at >= since))
    mine = (outbox.c.run_id.in_(recent), _of_sender(channel.from_))
    sent = or_(
        (outbox.c.state == "accepted") & (outbox.c.accepted_at >= since),
        outbox.c.state.in_(UNSURE) & (outbox.c.settled_at >= since),
    )
    on_the_way = outbox.c.state.in_(ON_THE_WAY)
    # In one statement: between two, a message that was leaving would be gone, and counted in neither.
    counts = select(func.count(case((sent, 1))), func.count(case((on_the_way, 1))))
    states = outbox.c.state.in_(("accepted", *UNSURE, *ON_THE_WAY))
    gone, leaving = connection.execute(counts.where(*mine, states)).one()
    cap = curve.cap_on(curve.day_of(now))
    return max(0, cap - gone - leaving), max(0, cap - gone)


def spread(crowds: Sequence[Crowd], curve: Curve, now: datetime, today: int) -> list[Part]:
    """The crowds in parts, none of which makes a day's messages more than may leave on it; `today` are left now.

    Those who have waited longest go first. What is left over waits for the same time of the next day.
    """
    used = {curve.day_of(now): curve.cap_on(curve.day_of(now)) - today}
    parts: list[Part] = []
    for crowd in sorted(crowds, key=lambda each: (each.since, each.timezone, each.domain)):
        parts += _parts_of(crowd, curve, now, used)
    return parts


def next_day(curve: Curve, now: datetime, at: time) -> datetime:
    """When messages that are over today's number may leave."""
    return curve.begins_at(curve.day_of(now) + _DAY, at)


def in_words(curve: Curve, since: datetime, until: datetime) -> str:
    """The curve over the days of a run: `Warm-up: at most 200 e-mails on 2026-12-01, 400 from 2026-12-04 on.`"""
    steps: list[str] = []
    day, cap = curve.day_of(since), -1
    while day <= curve.day_of(until):
        if (now := curve.cap_on(day)) != cap:
            cap = now
            steps.append(f"{cap:,} from {day} on" if steps else f"{cap:,} e-mails a day from {day} on")
        day += _DAY
    return f"Warm-up: at most {', '.join(steps)}."


def _parts_of(crowd: Crowd, curve: Curve, now: datetime, used: dict[date, int]) -> Iterator[Part]:
    since = max(crowd.since, now)
    day, at, given = curve.day_of(since), since, 0
    while given < crowd.messages:
        free = curve.cap_on(day) - used.get(day, 0)
        taken = min(free, crowd.messages - given)
        if taken > 0:
            used[day] = used.get(day, 0) + taken
            yield Part(crowd, given, Crowd(at, crowd.timezone, crowd.domain, taken))
            given += taken
        day += _DAY
        at = curve.begins_at(day, since.astimezone(curve.zone).time())


def _of_sender(sender: str) -> ColumnElement[bool]:
    """E-mails of the sender's domain, which their Message-ID ends in."""
    domain = parseaddr(sender)[1].rpartition("@")[2].lower()
    ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    return (outbox.c.channel == CHANNEL) & outbox.c.message_id.endswith(f"@{ascii_domain}", autoescape=True)
