"""When the messages leave: first and last of each channel and time zone, under the declared rate."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func

from handbill.definitions.campaign import Channel
from handbill.definitions.values import zone
from handbill.planning.selection import Occasion, planned_contacts, selection
from handbill.planning.timezones import zone_of
from handbill.store.tables import contact


@dataclass(frozen=True)
class Departure:
    """The messages of one channel for recipients in one time zone."""

    channel: Channel
    timezone: str
    messages: int
    first_at: datetime
    last_at: datetime


def departures(connection: Connection, occasion: Occasion) -> tuple[Departure, ...]:
    """All messages by channel and time zone, in the order in which they leave.

    The rate holds for the channel as a whole, so a zone may have to wait for an earlier one. Limits for single
    domains may make it later still. Post is handed over in one piece.
    """
    groups = _groups(connection, occasion)
    found = [each for channel in occasion.campaign.channels for each in _of_channel(occasion, channel, groups)]
    return tuple(sorted(found, key=lambda each: (each.first_at, each.channel, each.timezone)))


def _groups(connection: Connection, occasion: Occasion) -> dict[tuple[datetime, str], Counter[str]]:
    """How many contacts of each arm, by planned contact and time zone."""
    by_recipient = occasion.wave.zone is None
    home = occasion.wave.zone or zone(occasion.project.timezone)
    keys = (selection.c.origin_at, selection.c.arm, *((contact.c.timezone,) if by_recipient else ()))
    groups: dict[tuple[datetime, str], Counter[str]] = {}
    for origin_at, arm, *rest, contacts in connection.execute(planned_contacts(*keys, func.count()).group_by(*keys)):
        timezone = zone_of(rest[0], home).key if rest else home.key
        groups.setdefault((origin_at, timezone), Counter())[arm] += contacts
    return groups


def _of_channel(
    occasion: Occasion, channel: Channel, groups: dict[tuple[datetime, str], Counter[str]]
) -> Iterator[Departure]:
    arms = [name for name, arm in occasion.campaign.arms.items() if getattr(arm, channel)]
    rate = getattr(getattr(occasion.project.channels, channel), "rate", None)
    free_at = occasion.now
    for (origin_at, timezone), contacts in sorted(groups.items()):
        messages = sum(contacts[name] for name in arms)
        if messages:
            first_at = max(origin_at - occasion.wave.leads[channel], free_at)
            # The first message leaves at once, so n of them take n - 1 turns.
            last_at = first_at + (timedelta(seconds=(messages - 1) / rate.per_second) if rate else timedelta(0))
            yield Departure(channel, timezone, messages, first_at, last_at)
            free_at = last_at
