"""When the messages leave: everybody's turn, and the first and last of each channel and time zone."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Float,
    FromClause,
    Integer,
    Label,
    MetaData,
    Row,
    Select,
    Table,
    Text,
    and_,
    case,
    cast,
    func,
    insert,
    literal,
    select,
    type_coerce,
    update,
)

from handbill.definitions.campaign import Channel
from handbill.definitions.values import zone
from handbill.planning.quiet_hours import end_of_quiet, is_by_recipient, is_quiet, quiet_hours_of, start_of_quiet
from handbill.planning.selection import Occasion, count_rows, leaves_at, make_anew, selection
from handbill.planning.timezones import zone_of
from handbill.planning.turns import Crowd, Pace, Quiet, Stretch, never_quiet, turns
from handbill.planning.warm_up import Curve, curve_of, left_today, spread
from handbill.store.tables import contact
from handbill.store.types import UtcTime, from_micros, micros_of, to_micros

MICROS = 1_000_000
EVERYWHERE = ""
"""The time zone of a crowd, and the domain, where these make no difference."""

stretches = Table(
    "stretch",
    MetaData(),
    Column("since", BigInteger, primary_key=True),
    Column("timezone", Text, primary_key=True),
    Column("domain", Text, primary_key=True),
    Column("first", Float, primary_key=True),
    Column("after", Float, nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("step", Float, nullable=False),
    prefixes=["TEMPORARY"],
)
"""The turns of crowds, while they are given to people."""


@dataclass(frozen=True)
class Departure:
    """The messages of one channel for recipients in one time zone.

    `shifted` of them wait for the end of quiet hours, from `shifted_from` to `shifted_to`; the turn of `too_late` comes
    after their last moment, so that they are not sent.
    """

    channel: Channel
    timezone: str
    messages: int
    first_at: datetime
    last_at: datetime
    shifted: int = 0
    shifted_from: datetime | None = None
    shifted_to: datetime | None = None
    too_late: int = 0


def set_turns(connection: Connection, occasion: Occasion) -> None:
    """Gives every planned contact the moment at which their e-mail's turn comes, or would come.

    Only messages take up time. Whoever gets no e-mail, such as a holdout, stands between the others without holding
    them up, and gets the time of the message before; so the times of all arms are alike.
    """
    if "email" not in occasion.campaign.channels:
        return
    planned = update(selection).where(selection.c.reason.is_(None))
    pace, curve = _limits(occasion), curve_of(connection, occasion.project, occasion.now)
    if pace.channel is None and not pace.domains and curve is None:
        connection.execute(planned.values(email_at=selection.c.origin_at))
        return
    found = _turns(connection, occasion, pace, curve)
    make_anew(connection, stretches)
    if found:
        connection.execute(insert(stretches), [_as_row(each) for each in found])
        count_rows(connection, stretches)
    places = _places(connection, occasion, pace).subquery()
    here = and_(
        selection.c.contact_id == places.c.contact_id,
        *(places.c[name] == stretches.c[name] for name in ("since", "timezone", "domain")),
        places.c.place >= stretches.c.first,
        places.c.place < stretches.c.after,
    )
    waits = cast((places.c.place - stretches.c.first) * stretches.c.step * MICROS, BigInteger)
    connection.execute(planned.where(here).values(email_at=stretches.c.starts_at + waits))
    # Where nobody at all is written to, nobody waits.
    connection.execute(planned.where(selection.c.email_at.is_(None)).values(email_at=selection.c.origin_at))


def departures(connection: Connection, occasion: Occasion) -> tuple[Departure, ...]:
    """All messages by channel and time zone, in the order in which they leave.

    Post is handed over in one piece. Call it when everybody has their turn.
    """
    found = [each for channel in occasion.campaign.channels for each in _of_channel(connection, occasion, channel)]
    return tuple(sorted(found, key=lambda each: (each.first_at, each.channel, each.timezone)))


def in_words(departures: Sequence[Departure]) -> Iterator[str]:
    """What waits for the end of quiet hours, and what would come too late, one sentence each."""
    for each in departures:
        if each.shifted and each.shifted_from and each.shifted_to:
            here = zone(each.timezone)
            since, until = (f"{at.astimezone(here):%Y-%m-%d %H:%M}" for at in (each.shifted_from, each.shifted_to))
            yield f"Quiet hours in {each.timezone}: {_e_mails(each.shifted)} from {since} to {until}."
    late = sum(each.too_late for each in departures)
    if late:
        yield (
            f"{late:,} of the e-mails would expire before their turn comes. "
            "Raise rate or per_domain, allow a longer max_lateness, or start earlier."
        )


def message_at(occasion: Occasion) -> ColumnElement[datetime]:
    """When somebody's first message leaves, or would have left for a holdout, as an expression over the selection."""
    campaign = occasion.campaign
    times = {channel: _leaves(occasion, channel) for channel in campaign.channels}
    whens = {}
    for name, arm in campaign.arms.items():
        own = [times[channel] for channel in campaign.channels if getattr(arm, channel)] or list(times.values())
        whens[name] = own[0] if len(own) == 1 else case((own[0] < own[1], own[0]), else_=own[1])
    return type_coerce(case(whens, value=selection.c.arm), UtcTime)


def domain_of(connection: Connection, email_key: ColumnElement[Any]) -> ColumnElement[str]:
    """The recipient's domain, which limits are declared for."""
    place = func.instr(email_key, "@") if connection.dialect.name == "sqlite" else func.strpos(email_key, "@")
    return func.substr(email_key, place + 1)


# ---------------------------------------------------------------- turns


def _turns(connection: Connection, occasion: Occasion, pace: Pace, curve: Curve | None) -> Sequence[Stretch]:
    """The stretches in which the crowds leave, on as many days as a warm-up demands."""
    crowds, quiet = _crowds(connection, occasion, pace), _quiet(occasion)
    if curve is None:
        return turns(crowds, pace, occasion.now, quiet)
    today, _ = left_today(connection, occasion.project, curve, occasion.now)
    parts = spread(crowds, curve, occasion.now, today)
    by_crowd = {part.crowd: part for part in parts}
    return [
        Stretch(part.whole, part.first + each.first, part.first + each.after, each.starts_at, each.step)
        for each in turns([part.crowd for part in parts], pace, occasion.now, quiet)
        for part in (by_crowd[each.crowd],)
    ]


def _limits(occasion: Occasion) -> Pace:
    channel = occasion.project.channels.email
    if channel is None:
        return Pace(None, {})
    domains = {domain.lower(): rate.per_second for domain, rate in channel.per_domain.items()}
    return Pace(channel.rate.per_second if channel.rate else None, domains)


def _quiet(occasion: Occasion) -> Quiet:
    """The quiet hours by time zone; each answer holds until the next change."""
    policy = quiet_hours_of(occasion.project, occasion.campaign)
    if policy is None:
        return never_quiet
    home = zone(occasion.project.timezone)
    known: dict[str, tuple[datetime, datetime, bool]] = {}

    def ask(timezone: str, moment: datetime) -> tuple[bool, datetime]:
        since, until, answer = known.get(timezone, (moment, moment, False))
        if not since <= moment < until:
            own = zone_of(timezone, home)
            answer = is_quiet(policy, moment, own)
            until = (end_of_quiet if answer else start_of_quiet)(policy, moment, own)
            known[timezone] = (moment, until, answer)
        return answer, until

    return ask


def _crowds(connection: Connection, occasion: Occasion, pace: Pace) -> list[Crowd]:
    """How many messages wait in each crowd."""
    keys, people = _crowd_of(connection, occasion, pace)
    counted = select(*keys, func.count()).select_from(people)
    counted = counted.where(selection.c.reason.is_(None), _is_written_to(occasion)).group_by(*keys).order_by(*keys)
    return [Crowd(from_micros(since), *rest) for since, *rest in connection.execute(counted)]


def _places(connection: Connection, occasion: Occasion, pace: Pace) -> Select[Any]:
    """Which crowd everybody stands in, and the number of the message in it that leaves with them or before them."""
    keys, people = _crowd_of(connection, occasion, pace)
    is_message = case((_is_written_to(occasion), 1), else_=0)
    number = func.sum(is_message).over(partition_by=keys, order_by=selection.c.contact_id, rows=(None, 0)) - 1
    place = case((number > 0, number), else_=0).label("place")
    return select(selection.c.contact_id, *keys, place).select_from(people).where(selection.c.reason.is_(None))


def _crowd_of(
    connection: Connection, occasion: Occasion, pace: Pace
) -> tuple[tuple[Label[Any], Label[Any], Label[Any]], FromClause]:
    """What makes a crowd, and the tables that say it."""
    by_zone = is_by_recipient(quiet_hours_of(occasion.project, occasion.campaign))
    timezone = selection.c.timezone if by_zone else literal(EVERYWHERE, Text)
    since = type_coerce(selection.c.origin_at, BigInteger)
    people: FromClause = selection
    domain: ColumnElement[str] = literal(EVERYWHERE, Text)
    if pace.domains:
        people = selection.join(contact, contact.c.id == selection.c.contact_id)
        own = domain_of(connection, contact.c.email_key)
        domain = case((own.in_(sorted(pace.domains)), own), else_=domain)
    return (since.label("since"), timezone.label("timezone"), domain.label("domain")), people


def _is_written_to(occasion: Occasion) -> ColumnElement[bool]:
    return selection.c.arm.in_([name for name, arm in occasion.campaign.arms.items() if arm.email])


def _as_row(each: Stretch) -> dict[str, Any]:
    return {
        "since": to_micros(each.crowd.since),
        "timezone": each.crowd.timezone,
        "domain": each.crowd.domain,
        "first": each.first,
        "after": each.after,
        "starts_at": to_micros(each.starts_at),
        "step": each.step,
    }


# ---------------------------------------------------------------- departures


def _leaves(occasion: Occasion, channel: Channel) -> ColumnElement[int]:
    """When a message on the channel has its turn, in microseconds."""
    return type_coerce(selection.c.email_at, BigInteger) if channel == "email" else leaves_at(occasion, channel)


def _of_channel(connection: Connection, occasion: Occasion, channel: Channel) -> Iterable[Departure]:
    quiet = quiet_hours_of(occasion.project, occasion.campaign) if channel == "email" else None
    by_zone = occasion.wave.zone is None or is_by_recipient(quiet)
    home = zone(occasion.project.timezone)
    timezone = selection.c.timezone if by_zone else literal(EVERYWHERE, Text)
    arms = [name for name, arm in occasion.campaign.arms.items() if getattr(arm, channel)]
    rows = select(timezone.label("timezone"), *_columns(occasion, channel)).where(
        selection.c.reason.is_(None), selection.c.arm.in_(arms)
    )
    found: dict[str, Departure] = {}
    for row in connection.execute(rows.group_by(timezone)):
        key = zone_of(row.timezone, home).key if by_zone else (occasion.wave.zone or home).key
        departure = _departure(channel, key, row)
        found[key] = _together(found[key], departure) if key in found else departure
    return found.values()


def _columns(occasion: Occasion, channel: Channel) -> Iterator[ColumnElement[Any]]:
    leaves, present = _leaves(occasion, channel), literal(to_micros(occasion.now), BigInteger)
    due_at, origin_at = (type_coerce(selection.c[name], BigInteger) for name in ("due_at", "origin_at"))
    wanted = case((due_at > present, due_at), else_=present)
    is_shifted = origin_at > wanted if channel == "email" else literal(False)
    lateness = occasion.wave.max_lateness
    is_late = leaves >= due_at + micros_of(lateness) if channel == "email" and lateness is not None else None
    yield func.count().label("messages")
    yield func.min(leaves).label("first_at")
    yield func.max(leaves).label("last_at")
    yield func.coalesce(func.sum(case((is_shifted, 1), else_=0)), 0).label("shifted")
    yield func.min(case((is_shifted, wanted))).label("shifted_from")
    yield func.max(case((is_shifted, origin_at))).label("shifted_to")
    yield (literal(0, Integer) if is_late is None else func.sum(case((is_late, 1), else_=0))).label("too_late")


def _departure(channel: Channel, timezone: str, row: Row[Any]) -> Departure:
    shifted_from, shifted_to = (
        None if at is None else from_micros(int(at)) for at in (row.shifted_from, row.shifted_to)
    )
    return Departure(
        channel,
        timezone,
        row.messages,
        from_micros(int(row.first_at)),
        from_micros(int(row.last_at)),
        int(row.shifted),
        shifted_from,
        shifted_to,
        int(row.too_late),
    )


def _together(one: Departure, other: Departure) -> Departure:
    """The departures of two names of one time zone."""
    starts = [at for at in (one.shifted_from, other.shifted_from) if at]
    ends = [at for at in (one.shifted_to, other.shifted_to) if at]
    return Departure(
        one.channel,
        one.timezone,
        one.messages + other.messages,
        min(one.first_at, other.first_at),
        max(one.last_at, other.last_at),
        one.shifted + other.shifted,
        min(starts, default=None),
        max(ends, default=None),
        one.too_late + other.too_late,
    )


def _e_mails(number: int) -> str:
    return f"{number:,} e-mail waits" if number == 1 else f"{number:,} e-mails wait"
