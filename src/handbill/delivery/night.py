"""Which recipients of a run must be left alone while it is being sent, and until when their messages wait."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select, update

from handbill.definitions.campaign import Campaign
from handbill.definitions.policy import QuietHours
from handbill.definitions.project import Project
from handbill.definitions.values import zone
from handbill.planning.quiet_hours import end_of_quiet, is_quiet, quiet_hours_of
from handbill.planning.timezones import zone_of
from handbill.store.tables import outbox

CHANNEL = "email"
NOWHERE = ""
"""Stands for the time zone of whoever has none; they live by the project's."""
_MINUTE = timedelta(minutes=1)


class Night:
    """The time zones of a run's recipients, and in which of them it is quiet; worked out anew every minute."""

    def __init__(self, policy: QuietHours | None, zones: Mapping[str, ZoneInfo]) -> None:
        self._policy = policy
        self._zones = zones
        self._known: tuple[datetime, frozenset[str]] | None = None

    def asleep(self, now: datetime) -> frozenset[str]:
        """The names of the time zones, as the outbox has them, where it is quiet now."""
        minute = now.replace(second=0, microsecond=0)
        if self._known is None or self._known[0] != minute:
            self._known = minute, frozenset(self.mornings(now))
        return self._known[1]

    def mornings(self, now: datetime) -> dict[str, datetime]:
        """When the quiet ends, for each time zone where it is quiet now."""
        policy = self._policy
        if policy is None:
            return {}
        return {name: end_of_quiet(policy, now, own) for name, own in self._zones.items() if is_quiet(policy, now, own)}


NO_NIGHT = Night(None, {})
"""For messages that leave at any hour."""


def night_of(connection: Connection, project: Project, campaign: Campaign, run_id: int) -> Night:
    """The night of a run's e-mails, by the quiet hours that are declared now."""
    policy = quiet_hours_of(project, campaign)
    if policy is None:
        return NO_NIGHT
    names = select(func.coalesce(outbox.c.timezone, NOWHERE)).where(
        outbox.c.run_id == run_id, outbox.c.channel == CHANNEL
    )
    home = zone(project.timezone)
    return Night(policy, {name: zone_of(name, home) for name in connection.scalars(names.distinct())})


def hold_back(connection: Connection, run_id: int, night: Night, now: datetime) -> int:
    """Lets the queued messages to people who must be left alone now wait until their quiet ends; answers how many."""
    held = 0
    names_by_morning: dict[datetime, list[str]] = {}
    for name, morning in night.mornings(now).items():
        names_by_morning.setdefault(morning, []).append(name)
    for morning, names in names_by_morning.items():
        held += connection.execute(
            update(outbox)
            .where(
                outbox.c.run_id == run_id,
                outbox.c.channel == CHANNEL,
                outbox.c.state == "queued",
                outbox.c.not_before < morning,
                func.coalesce(outbox.c.timezone, NOWHERE).in_(names),
            )
            .values(not_before=morning)
        ).rowcount
    return held
