"""Whether a campaign says when it goes out, at a time that exists."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from handbill.definitions.checks.draft import Draft
from handbill.definitions.cron import parse_cron
from handbill.definitions.findings import Finding
from handbill.definitions.values import RECIPIENT, parse_timezone, zone
from handbill.definitions.words import quoted

_WAYS = ("at", "cron", "in_home")


def check_schedule(draft: Draft, timezone: str | None) -> Iterator[Finding]:
    """Exactly one way to say when; `timezone` is the project's, None where it cannot be read."""
    schedule = draft.schedule
    if schedule is None:
        return
    written = [way for way in _WAYS if draft.has("schedule", way)]
    if len(written) != 1:
        said = " and ".join(written) if written else "no time"
        yield Finding(("schedule",), f"the schedule names {said}.", "Write one of at, cron or in_home.", at_key=True)
    yield from _check_zone(schedule.timezone)
    yield from _check_cron(schedule.cron)
    if schedule.in_home:
        yield from _check_in_home(draft, schedule.in_home)
    if schedule.at:
        yield from _check_exists(schedule.at, schedule.timezone or timezone)


def _check_zone(name: str | None) -> Iterator[Finding]:
    if name is None or name == RECIPIENT:
        return
    try:
        parse_timezone(name)
    except ValueError as error:
        what, _, mend = str(error).partition(". ")
        yield Finding(("schedule", "timezone"), f"{what}.", mend.replace("London.", "London, or recipient.", 1))


def _check_cron(fields: str | None) -> Iterator[Finding]:
    try:
        parse_cron(fields or "* * * * *")
    except ValueError as error:
        what, _, mend = str(error).partition(". ")
        yield Finding(("schedule", "cron"), f"{what}.", mend)


def _check_in_home(draft: Draft, moment: datetime) -> Iterator[Finding]:
    path = ("schedule", "in_home")
    if draft.every_arm_is_read and not draft.arms_on("direct_mail"):
        yield Finding(path, "in_home is the day on which post arrives, but no arm sends post.", "Write at or cron.")
    if moment.time().isoformat() != "00:00:00":
        yield Finding(path, "in_home is a day, not a time of day.", f"Write {moment.date()}.")


def _check_exists(moment: datetime, timezone: str | None) -> Iterator[Finding]:
    """A clock that is put forward skips an hour; a time in it exists nowhere in that zone."""
    try:
        place = zone(parse_timezone(timezone))
    except ValueError:
        return  # recipient, or a zone that is reported already
    back = moment.replace(tzinfo=place).astimezone(UTC).astimezone(place).replace(tzinfo=None)
    if back != moment:
        what = f"{quoted(f'{moment:%Y-%m-%d %H:%M}')} does not exist in {timezone}: the clocks are put forward over it."
        yield Finding(("schedule", "at"), what, f"Write {moment + timedelta(hours=1):%Y-%m-%d %H:%M}.")
