"""When a campaign is due: its wave, the moment for each time zone, and how much earlier post must leave."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from handbill.definitions.campaign import Campaign, Channel
from handbill.definitions.project import Project
from handbill.definitions.values import RECIPIENT, zone
from handbill.errors import RunRefused

ONCE = "once"
"""The wave of a one-off."""
EARLIEST_ZONE, LATEST_ZONE = ZoneInfo("Etc/GMT-14"), ZoneInfo("Etc/GMT+12")
"""Where a day begins first and last on Earth; POSIX names carry the opposite sign."""


@dataclass(frozen=True)
class Wave:
    """One occasion on which a campaign goes out.

    `scheduled_at` is the first moment at which anything of it is due anywhere, `latest_at` the moment after which
    nothing more is sent (None: no limit). `local_at` is the planned contact as clock time, in `zone`, or in each
    recipient's own zone where `zone` is None. `leads` says how long before the planned contact a channel's messages
    leave: post needs its time under way. `is_extra` waves were asked for by name, besides those of the schedule.
    """

    name: str
    scheduled_at: datetime
    latest_at: datetime | None
    local_at: datetime
    zone: ZoneInfo | None
    leads: dict[Channel, timedelta]
    max_lateness: timedelta | None
    is_extra: bool = False

    @property
    def longest_lead(self) -> timedelta:
        """How long before the planned contact the first message leaves."""
        return max(self.leads.values(), default=timedelta(0))

    def due_at(self, own_zone: ZoneInfo) -> datetime:
        """The planned contact of somebody in `own_zone`; a clock time that is skipped is an hour later."""
        return self.local_at.replace(tzinfo=self.zone or own_zone).astimezone(UTC)

    def is_over(self, now: datetime) -> bool:
        """Whether it is too late to send anything of this wave."""
        return self.latest_at is not None and now > self.latest_at


def wave_of(project: Project, campaign: Campaign, now: datetime, name: str | None = None) -> Wave:
    """The wave that is due at `now`, or the next one.

    A one-off has one wave, called `once`. Of a cron schedule it is the latest tick that is not past its lateness,
    else the next one; its name is its time. A `name` makes an extra wave, due at once unless the schedule's time is
    still to come.

    Raises:
        RunRefused: the cron schedule never comes round.
    """
    own = _own_zone(project, campaign)
    written, usual_name = _written(campaign, own, now)
    found = _wave(project, campaign, usual_name, written, own)
    if name is None or name == usual_name:
        return found
    if found.scheduled_at > now:
        return replace(found, name=name, is_extra=True)
    here = own or zone(project.timezone)
    leads, shift = _leads(project, campaign)
    first_contact = now + max(leads.values(), default=timedelta(0)) - shift
    at_once = _wave(project, campaign, name, first_contact.astimezone(here).replace(tzinfo=None), here)
    return replace(at_once, is_extra=True)


def next_wave(project: Project, campaign: Campaign, now: datetime) -> Wave | None:
    """The wave after the one that is due; None for a one-off, and for a schedule that does not come round again."""
    if campaign.schedule.cron is None:
        return None
    own = _own_zone(project, campaign)
    coming = _first(campaign.schedule.cron, now.astimezone(own or EARLIEST_ZONE), reverse=False)
    if coming is None:
        return None
    local_at = coming.replace(tzinfo=None)
    return _wave(project, campaign, _cron_name(local_at, own), local_at, own)


def _own_zone(project: Project, campaign: Campaign) -> ZoneInfo | None:
    """The zone of the schedule's times; None where it is each recipient's own."""
    name = campaign.schedule.timezone or project.timezone
    return None if name == RECIPIENT else zone(name)


def _wave(project: Project, campaign: Campaign, name: str, written: datetime, own: ZoneInfo | None) -> Wave:
    leads, shift = _leads(project, campaign)
    local_at = written + shift
    first = local_at.replace(tzinfo=own or EARLIEST_ZONE).astimezone(UTC) - max(leads.values(), default=timedelta(0))
    last = local_at.replace(tzinfo=own or LATEST_ZONE).astimezone(UTC)
    lateness = campaign.schedule.max_lateness
    return Wave(name, first, None if lateness is None else last + lateness, local_at, own, leads, lateness)


def _leads(project: Project, campaign: Campaign) -> tuple[dict[Channel, timedelta], timedelta]:
    """The lead of each channel, and how long after the written time the planned contact is.

    `in_home` names the day on which post arrives; e-mail leaves on that day. `at` names when it is handed over; post
    alone then meets people only after its time under way, and with e-mail beside it the e-mail is the first contact.
    """
    post = project.channels.direct_mail
    transit = post.transit if post and post.transit and "direct_mail" in campaign.channels else timedelta(0)
    alone = campaign.channels == ("direct_mail",)
    lead = transit if campaign.schedule.in_home or alone else timedelta(0)
    shift = timedelta(0) if campaign.schedule.in_home else lead
    return {channel: lead if channel == "direct_mail" else timedelta(0) for channel in campaign.channels}, shift


def _written(campaign: Campaign, own: ZoneInfo | None, now: datetime) -> tuple[datetime, str]:
    """The clock time that the schedule names, and the wave's name."""
    schedule = campaign.schedule
    if schedule.cron:
        tick = _tick(campaign, schedule.cron, own or EARLIEST_ZONE, now)
        return tick, _cron_name(tick, own)
    written = schedule.at or schedule.in_home
    if written is None:
        raise RunRefused(f"{campaign.name}: nothing says when it goes out. Add at, cron or in_home to its schedule.")
    return written, ONCE


def _tick(campaign: Campaign, cron: str, own: ZoneInfo, now: datetime) -> datetime:
    """Clock time of the latest tick that is not past its lateness, else of the next one."""
    lateness = campaign.schedule.max_lateness
    # The library leaves out the moment that it starts from, and a tick at `now` is due. Added in UTC: clock time plus
    # a second forgets which of two equal hours it is.
    just_after = now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
    past = _first(cron, just_after.astimezone(own), reverse=True)
    if past is not None and (lateness is None or past.astimezone(UTC) + lateness >= now):
        return past.replace(tzinfo=None)
    coming = _first(cron, now.astimezone(own), reverse=False)
    if coming is None:
        raise RunRefused(f'{campaign.name}: the schedule "{cron}" never comes round. Correct its day or month.')
    return coming.replace(tzinfo=None)


def _first(cron: str, start: datetime, *, reverse: bool) -> datetime | None:
    """The first tick after `start`, or the last before it; None when no such day exists, such as 30 February."""
    try:
        return next(CronSim(cron, start, reverse=reverse), None)
    except CronSimError:
        return None


def _cron_name(local_at: datetime, own: ZoneInfo | None) -> str:
    """`2026-12-01T09:00Z`: clock times repeat when clocks go back, these do not."""
    if own is None:
        return f"{local_at:%Y-%m-%dT%H:%M}"
    return f"{local_at.replace(tzinfo=own).astimezone(UTC):%Y-%m-%dT%H:%MZ}"
