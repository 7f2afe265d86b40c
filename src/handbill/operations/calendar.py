"""What goes out in the coming days: every wave of every campaign, whether it is due, running or still to come."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, select

from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project
from handbill.definitions.values import zone
from handbill.errors import RunRefused
from handbill.planning.layout import Page, Part
from handbill.planning.phrases import CHANNEL_WORDS, listed
from handbill.planning.schedule import Wave, next_wave, wave_of
from handbill.store.connection import reading
from handbill.store.tables import run


@dataclass(frozen=True)
class Entry:
    """A wave. `scheduled_at` is the first moment at which anything of it leaves.

    `state` is planned, due, or that of its run; `schedule` says where recipients' own clocks count.
    """

    scheduled_at: datetime
    campaign: str
    wave: str
    channels: tuple[str, ...]
    state: str
    by_recipient: bool


def coming(engine: Engine, project: Project, *, now: datetime, days: int = 30) -> list[Entry]:
    """The waves of the next days in their order, and those of the past that are due or under way."""
    until = now + timedelta(days=days)
    with reading(engine) as connection:
        found = [
            _entry(connection, campaign, wave, now)
            for campaign in project.campaigns.values()
            for wave in _waves(project, campaign, now, until)
        ]
    open_ones = (each for each in found if each.scheduled_at >= now or each.state in {"due", "running", "paused"})
    return sorted(open_ones, key=lambda each: (each.scheduled_at, each.campaign))


def page_of(entries: list[Entry], project: Project, *, now: datetime, days: int = 30) -> Page:
    """One row a wave, on the project's clock."""
    here = zone(project.timezone)
    title = f"The {days} days from {now.astimezone(here):%Y-%m-%d}"
    if not entries:
        return Page(title, "", (Part("Waves", sentences=("Nothing goes out.",)),))
    rows = [("Leaves", "Campaign", "Wave", "Sends", "State")]
    for each in entries:
        own = " on each recipient's clock" if each.by_recipient else ""
        sends = listed([CHANNEL_WORDS[channel] for channel in each.channels]) or "nothing"
        at = f"{each.scheduled_at.astimezone(here):%a %Y-%m-%d %H:%M}"
        rows.append((at, each.campaign, each.wave, sends + own, each.state))
    return Page(title, "", (Part("Waves", tuple(rows), (f"Times are those of {project.timezone}.",), tone="faint"),))


def as_json(entries: list[Entry]) -> list[dict[str, Any]]:
    """The same as plain values."""
    found: list[dict[str, Any]] = TypeAdapter(list[Entry]).dump_python(entries, mode="json")
    return found


def _waves(project: Project, campaign: Campaign, now: datetime, until: datetime) -> Iterator[Wave]:
    try:
        wave: Wave | None = wave_of(project, campaign, now)
    except RunRefused:
        return  # a schedule that never comes round; `plan` says so
    while wave is not None and wave.scheduled_at <= until:
        yield wave
        later = next_wave(project, campaign, max(wave.scheduled_at, now))
        wave = later if later and later.scheduled_at > wave.scheduled_at else None


def _entry(connection: Connection, campaign: Campaign, wave: Wave, now: datetime) -> Entry:
    mine = select(run.c.state).where(run.c.campaign == campaign.name, run.c.wave == wave.name)
    state = connection.scalar(mine)
    if state is None and wave.scheduled_at <= now:
        state = "too late" if wave.is_over(now) else "due"
    return Entry(wave.scheduled_at, campaign.name, wave.name, campaign.channels, state or "planned", wave.zone is None)
