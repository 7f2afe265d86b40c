"""Whether a campaign says when it goes out, at a time that exists."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from handbill.definitions.checks.draft import Draft
from handbill.definitions.cron import parse_cron
from handbill.definitions.findings import Finding
from handbill.definitions.values import RECIPIENT, parse_timezone, zone
from handbill.definitions.words import quoted

_WAYS = ("at", "cron", "every", "in_home")


def check_schedule(draft: Draft, timezone: str | None, transit: timedelta | None) -> Iterator[Finding]:
    """Exactly one way to say when, and a window that outlasts the `transit` of post.

    `timezone` is the project's, None where it cannot be read.
    """
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
    yield from _check_transit(draft, transit)


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


def _check_transit(draft: Draft, transit: timedelta | None) -> Iterator[Finding]:
    """With e-mail beside it, post is waited for from the moment when the e-mail leaves."""
    beside = draft.arms_on("email") and draft.arms_on("direct_mail") and not draft.has("schedule", "in_home")
    if transit and beside and draft.goal and draft.goal.within <= transit:
        what = f"the window closes before post arrives: it is {transit / timedelta(days=1):g} days under way."
        yield Finding(("goal", "within"), what, "Write a longer window, such as 60 days.")


def _check_exists(moment: datetime, timezone: str | None) -> Iterator[Finding]:
    """A clock that is put forward skips an hour, and one that is put back shows an hour twice."""
    if timezone == RECIPIENT:
        return
    try:
        place = zone(parse_timezone(timezone))
    except ValueError:
        return  # reported already
    before, after = (moment.replace(tzinfo=place, fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
    if before == after:
        return
    said, shift = quoted(f"{moment:%Y-%m-%d %H:%M}"), abs(after - before)
    what = (
        f"{said} does not exist in {timezone}: the clocks are put forward over it."
        if after > before
        else f"{said} comes twice in {timezone}: the clocks are put back over it."
    )
    mend = f"Write {moment - shift:%Y-%m-%d %H:%M} or {moment + shift:%Y-%m-%d %H:%M}."
    yield Finding(("schedule", "at"), what, mend)
