"""Whom a campaign would give more than a cap allows, given the messages that press on them already.

A cap holds for any stretch of time as long as its period. So it is asked of every stretch that a message of this
campaign falls into, those that end with it as well as those that begin with it: what others send before and after
counts, but two messages that are further apart than the period never press together.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    case,
    func,
    literal,
    select,
    true,
    union_all,
)

from handbill.definitions.campaign import CHANNELS, Campaign, Channel
from handbill.definitions.policy import Cap
from handbill.planning.selection import Occasion, leaves_at, selection
from handbill.store.tables import contact
from handbill.store.types import micros_of


def _messages(name: str) -> Table:
    return Table(
        name,
        MetaData(),
        Column("contact_id", BigInteger, nullable=False),
        Column("household_key", Text, comment="only where a cap counts by household"),
        Column("channel", Text, nullable=False),
        Column("at", BigInteger, nullable=False, comment="when it leaves, in microseconds as UtcTime has them"),
        Column("campaign", Text, nullable=False),
        Column("turn", Integer, nullable=False, comment="the how-manieth campaign to go first; 0 for sealed ones"),
        prefixes=["TEMPORARY"],
    )


sealed = _messages("sealed_message")
"""Messages of other runs around the planned contacts, sent or to be sent."""
reserved = _messages("reserved_message")
"""Messages that campaigns which go first are about to send; no run has them yet."""


def weights(cap: Cap) -> dict[Channel, int]:
    """What a message of each channel counts for the cap; channels that do not count are absent."""
    if cap.in_points:
        return {channel: points for channel, points in cap.points.items() if points}
    return {channel: 1 for channel in CHANNELS if cap.channel in {None, channel}}


def in_words(cap: Cap) -> str:
    """`at most 2 e-mails in 7 days`, `at most 10 points (e-mail 1, letter 5) in 30 days for a household`."""
    unit = " for a household" if cap.unit == "household" else ""
    return f"at most {_number(cap)} in {_duration(cap.per)}{unit}"


def over(occasion: Occasion, cap: Cap, campaigns: tuple[str, ...] = ()) -> Iterator[Select[tuple[int]]]:
    """Statements that answer the planned contacts for whom this campaign would break the cap.

    Counted are the sealed messages, and those that are reserved for `campaigns`. There is one statement for each
    combination of channels that an arm may send: whoever any arm would press too hard is over, because who is left
    out must not depend on the arm.
    """
    counted = weights(cap)
    for channels in _combinations(occasion.campaign, counted):
        yield _over(occasion, cap, channels, campaigns)


@dataclass(frozen=True)
class _Own:
    """What of a campaign a cap is asked about."""

    occasion: Occasion
    channels: tuple[Channel, ...]
    counted: dict[Channel, int]

    @property
    def weight(self) -> int:
        return sum(self.counted[channel] for channel in self.channels)


def _combinations(campaign: Campaign, counted: dict[Channel, int]) -> list[tuple[Channel, ...]]:
    """The channels of each arm that the cap counts, without those that another arm's include."""
    arms = {tuple(channel for channel in counted if getattr(arm, channel)) for arm in campaign.arms.values()}
    return sorted(each for each in arms if each and not any(set(each) < set(other) for other in arms))


def _over(
    occasion: Occasion, cap: Cap, channels: tuple[Channel, ...], campaigns: tuple[str, ...]
) -> Select[tuple[int]]:
    own = _Own(occasion, channels, weights(cap))
    others = _others(own, campaigns)
    rows = _by_household(own, cap, others) if cap.unit == "household" else _by_contact(own, cap, others)

    def in_stretch(column: ColumnElement[int]) -> ColumnElement[int]:
        """Summed over the stretch of time that begins with a message."""
        return func.sum(column).over(partition_by=rows.c.who, order_by=rows.c.at, range_=(0, micros_of(cap.per) - 1))

    sums = (in_stretch(rows.c.weight).label("pressure"), in_stretch(rows.c.own).label("own"))
    pressure = select(rows.c.who, *sums).subquery()
    return select(pressure.c.who).where(pressure.c.own > 0, pressure.c.pressure > cap.max).distinct()


def _others(own: _Own, campaigns: tuple[str, ...]) -> CTE:
    """Messages of others that the cap counts, with their weight."""
    parts = [_counted(sealed, own).where(sealed.c.channel.in_(own.counted))]
    if campaigns:
        counts = (reserved.c.campaign.in_(campaigns), reserved.c.channel.in_(own.counted))
        parts.append(_counted(reserved, own).where(*counts))
    return union_all(*parts).cte("others")


def _counted(messages: Table, own: _Own) -> Select[Any]:
    points = {channel: literal(weight, Integer) for channel, weight in own.counted.items()}
    weight = case(points, value=messages.c.channel).label("weight")
    return select(messages.c.contact_id, messages.c.household_key, messages.c.at, weight)


def _by_contact(own: _Own, cap: Cap, others: CTE) -> CTE:
    mine = [
        select(selection.c.contact_id.label("who"), leaves_at(own.occasion, channel).label("at"),
               literal(own.counted[channel], Integer).label("weight"), literal(1, Integer).label("own"))
        .where(selection.c.reason.is_(None), _in_question(own, cap, selection.c.contact_id, others))
        for channel in own.channels
    ]  # fmt: skip
    theirs = (
        select(others.c.contact_id, others.c.at, others.c.weight, literal(0, Integer))
        .join_from(others, selection, selection.c.contact_id == others.c.contact_id)
        .where(selection.c.reason.is_(None), _in_question(own, cap, others.c.contact_id, others))
    )
    return union_all(*mine, theirs).cte("counted")


def _by_household(own: _Own, cap: Cap, others: CTE) -> CTE:
    """For each planned member: what the household gets from others, and from this campaign up to this member.

    Where the campaign sends post, one member is the recipient for all.
    """
    members = _members(own)
    other = members.alias("other_member")
    one_each = "direct_mail" in own.occasion.campaign.channels
    which = other.c.contact_id == members.c.contact_id if one_each else other.c.contact_id <= members.c.contact_id
    parts = [select(others.c.household_key.label("who"), others.c.weight)]
    if not one_each:
        parts.append(select(members.c.household_key, literal(own.weight, Integer)))
    held = 0 if one_each else own.weight
    in_question = _in_question(own, cap, members.c.household_key, union_all(*parts).subquery(), held)
    is_own = case((other.c.contact_id == members.c.contact_id, 1), else_=0)
    mine = [
        select(members.c.contact_id.label("who"), other.c[channel].label("at"),
               literal(own.counted[channel], Integer).label("weight"), is_own.label("own"))
        .join_from(members, other, (other.c.household_key == members.c.household_key) & which)
        .where(in_question)
        for channel in own.channels
    ]  # fmt: skip
    theirs = (
        select(members.c.contact_id, others.c.at, others.c.weight, literal(0, Integer))
        .join_from(members, others, others.c.household_key == members.c.household_key)
        .where(in_question)
    )
    return union_all(*mine, theirs).cte("counted")


def _in_question(own: _Own, cap: Cap, who: ColumnElement[Any], rows: FromClause, held: int = 0) -> ColumnElement[bool]:
    """Whether all messages together are more than the cap allows, however far apart: only these few are looked at.

    `rows` hold what presses on whom; `held` is what of this campaign's own weight is among them.
    """
    if own.weight > cap.max:
        return true()
    column = rows.c.who if "who" in rows.c else rows.c.contact_id
    many = select(column).group_by(column).having(func.sum(rows.c.weight) > cap.max - own.weight + held)
    return who.in_(many)


def _members(own: _Own) -> CTE:
    """Planned contacts with their household, and when they get each channel's message."""
    times = [leaves_at(own.occasion, channel).label(channel) for channel in own.channels]
    return (
        select(selection.c.contact_id, contact.c.household_key, *times)
        .join_from(selection, contact, contact.c.id == selection.c.contact_id)
        .where(selection.c.reason.is_(None))
        .cte("member")
    )


_NOUNS = {"email": ("e-mail", "e-mails"), "direct_mail": ("letter", "letters"), None: ("message", "messages")}


def _number(cap: Cap) -> str:
    if cap.in_points:
        each = ", ".join(f"{_NOUNS[channel][0]} {points}" for channel, points in cap.points.items())
        return f"{cap.max} {'point' if cap.max == 1 else 'points'} ({each})"
    one, many = _NOUNS[cap.channel]
    return f"{cap.max} {one if cap.max == 1 else many}"


def _duration(period: timedelta) -> str:
    for unit, length in (("day", timedelta(days=1)), ("hour", timedelta(hours=1)), ("minute", timedelta(minutes=1))):
        if not period % length:
            number = period // length
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{period.total_seconds():g} seconds"
