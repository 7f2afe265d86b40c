"""When nobody may be disturbed: whether it is quiet for somebody at a moment, until when, and from when on again.

Quiet is what the clock on the recipient's wall says (or that of the zone that the policy names): where clocks are put
back, an hour that comes twice is quiet twice, and where they are put forward, a time that is skipped never comes.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from handbill.definitions.campaign import Campaign
from handbill.definitions.policy import QuietHours
from handbill.definitions.project import Project
from handbill.definitions.values import RECIPIENT, zone

_DAY = timedelta(days=1)


def quiet_hours_of(project: Project, campaign: Campaign) -> QuietHours | None:
    """The quiet hours that the campaign's e-mails keep; None for transactional ones, and where no e-mail is sent."""
    keeps = campaign.kind != "transactional" and "email" in campaign.channels
    return project.policies.quiet_hours if keeps else None


def is_by_recipient(quiet: QuietHours | None) -> bool:
    """Whether each recipient's own clock decides."""
    return quiet is not None and quiet.timezone == RECIPIENT


def is_quiet(quiet: QuietHours, moment: datetime, own_zone: ZoneInfo) -> bool:
    """Whether somebody who lives in `own_zone` must be left alone at the moment."""
    clock = moment.astimezone(_zone(quiet, own_zone)).time()
    if quiet.from_ <= quiet.to:
        return quiet.from_ <= clock < quiet.to
    return clock >= quiet.from_ or clock < quiet.to


def end_of_quiet(quiet: QuietHours, moment: datetime, own_zone: ZoneInfo) -> datetime:
    """The moment itself, unless it is quiet then: else the first one after it that is not."""
    here = _zone(quiet, own_zone)
    while is_quiet(quiet, moment, own_zone):
        moment = _next(quiet.to, moment, here)
    return moment


def start_of_quiet(quiet: QuietHours, moment: datetime, own_zone: ZoneInfo) -> datetime:
    """The next moment from which on it is quiet; the moment itself when it is."""
    here = _zone(quiet, own_zone)
    if is_quiet(quiet, moment, own_zone):
        return moment
    found = _next(quiet.from_, moment, here)
    # Clocks that are put back can bring the quiet back as well, before its usual time.
    again = _change_between(moment, found, here)
    return again if again is not None and is_quiet(quiet, again, own_zone) else found


def _zone(quiet: QuietHours, own_zone: ZoneInfo) -> ZoneInfo:
    return own_zone if quiet.timezone == RECIPIENT else zone(quiet.timezone)


def _next(at: time, moment: datetime, here: ZoneInfo) -> datetime:
    """The first moment after this one at which clocks come to `at`, or jump over it."""
    day = moment.astimezone(here).date()
    days = (day + number * _DAY for number in range(-1, 4))
    return min(each for day_ in days for each in _moments(day_, at, here) if each > moment)


def _moments(day: date, at: time, here: ZoneInfo) -> Iterator[datetime]:
    """When clocks come to `at` on a day: once, twice where they are put back over it, else the jump over it."""
    written = datetime.combine(day, at)
    first, second = (written.replace(tzinfo=here, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(here).replace(tzinfo=None) == written:
        yield first
        yield second
    else:
        # In a gap the two readings lie on either side of the jump.
        yield _change(second, first, here)


def _change_between(since: datetime, until: datetime, here: ZoneInfo) -> datetime | None:
    """The moment between two others at which the zone's offset changes; None when it stays."""
    if since.astimezone(here).utcoffset() == until.astimezone(here).utcoffset():
        return None
    return _change(since, until, here)


def _change(since: datetime, until: datetime, here: ZoneInfo) -> datetime:
    """The first moment after `since` with the offset of `until`; changes happen at full seconds."""
    offset, low, high = until.astimezone(here).utcoffset(), since, until
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) // 2
        low, high = (low, middle) if middle.astimezone(here).utcoffset() == offset else (middle, high)
    return high.replace(microsecond=0)
