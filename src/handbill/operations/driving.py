"""What a scheduler needs of a run: a folder and ids in, counts out, in steps that may stop and be repeated."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, select

from handbill.clock import Clock, fixed_clock, real_clock
from handbill.definitions.project import Project
from handbill.delivery.books import Books, books
from handbill.errors import Mendable
from handbill.operations.control import sentence
from handbill.operations.crew import Crew, hire
from handbill.operations.live import LiveRun, watch_campaign
from handbill.operations.opening import opened
from handbill.operations.rollout import decide, may_decide
from handbill.operations.run import drain_run, finish_run, start_run
from handbill.planning.plan import campaign_named
from handbill.planning.rollout import standing_of
from handbill.planning.schedule import wave_of
from handbill.planning.seal import run_of_wave
from handbill.store.connection import reading
from handbill.store.tables import run


@dataclass(frozen=True)
class Step:
    """What one step of sending did. `more` says whether messages are due still; `next_due_at` when the next ones are.

    `stopped` says why it ended early; empty when it did not.
    """

    by_state: dict[str, int]
    batches: list[str]
    more: bool
    next_due_at: str | None
    stopped: str


def require_known(project_dir: Path, campaign: str) -> None:
    """Says what is wrong with the files, the database or the campaign's name, before anything is started for it.

    Raises:
        ProjectInvalid: the declarations have mistakes; all of them are listed.
        StoreUnavailable: the database cannot be reached, or its tables are of another version.
        RunRefused: there is no such campaign.
    """
    with opened(project_dir) as (project, _, _):
        campaign_named(project, campaign)


def begin(
    project_dir: Path, campaign: str, *, plan: str | None = None, new_wave: str | None = None, now: str | None = None
) -> int:
    """Takes up the campaign's open run, or plans and seals a new one; answers the run's id. See `start_run`."""
    with opened(project_dir) as (project, _, engine):
        started = start_run(
            engine,
            project,
            campaign,
            clock=clock_of(now),
            plan_file=Path(plan) if plan else None,
            new_wave=new_wave,
        )
    return started.run_id


def decide_if_due(project_dir: Path, campaign: str, *, now: str | None = None) -> str:
    """Picks the winner of the campaign's test where its time has come; answers the arm, else nothing."""
    with opened(project_dir) as (project, _, engine):
        with reading(engine) as connection:
            standing = standing_of(connection, campaign_named(project, campaign))
        if standing is None or not may_decide(standing, clock_of(now)()):
            return ""
        return decide(engine, project, campaign, clock=clock_of(now)).winner


def begin_sending(project_dir: Path, run_id: int, workers: int | None = None, *, now: str | None = None) -> Crew:
    """The processes that send a run, this one included; others have begun when it answers. See `hire`."""
    return hire(project_dir, run_id, workers, clock=clock_of(now), now=now)


def send_for(
    project_dir: Path,
    run_id: int,
    seconds: float,
    *,
    now: str | None = None,
    connections: int | None = None,
    stop: threading.Event | None = None,
) -> Step:
    """Sends for so many seconds at most, or until `stop` is set, then settles what is on its way and answers."""
    with opened(project_dir) as (project, settings, engine), _stopping_after(seconds, stop) as over:
        done = drain_run(engine, project, settings, run_id, clock=clock_of(now), stop=over, connections=connections)
        next_due_at = done.next_due_at
        is_due = next_due_at is not None and next_due_at <= clock_of(now)()
    return Step(
        dict(done.by_state),
        list(done.batches),
        more=not done.stopped and (is_due or over.is_set()),
        next_due_at=next_due_at.isoformat() if next_due_at else None,
        stopped=done.stopped,
    )


def end(project_dir: Path, run_id: int, *, now: str | None = None, trouble: Mendable | None = None) -> str:
    """Closes the run when nothing of it is open; answers its books as a sentence.

    Raises `trouble`, which another process met, where it left the run paused.
    """
    with opened(project_dir) as (_, _, engine):
        finish_run(engine, run_id, clock=clock_of(now))
        if trouble and _is_paused(engine, run_id):
            raise trouble
        with reading(engine) as connection:
            return sentence(connection, run_id)


def progress_of(project_dir: Path, run_id: int) -> Books:
    """How far a run is, from any process."""
    with opened(project_dir) as (_, _, engine), reading(engine) as connection:
        return books(connection, run_id)


@contextmanager
def watching(project_dir: Path, campaign: str) -> Iterator[Callable[[], LiveRun | None]]:
    """A question that may be asked again and again while others work: how far is the campaign's latest run?"""
    with opened(project_dir) as (project, _, engine):
        yield lambda: _latest_run(engine, project, campaign)


def domains_of(project_dir: Path, campaign: str) -> list[dict[str, str | int]]:
    """How the messages of the campaign's latest run fare in the largest recipient domains, a row for each."""
    with opened(project_dir) as (project, _, engine):
        found = _latest_run(engine, project, campaign)
    return [
        {"domain": each.name, "sent": each.sent, "not sent": each.not_sent, "unsure": each.unsure,
         "waiting": each.waiting}
        for each in (found.domains if found else ())
    ]  # fmt: skip


def pieces_of(project_dir: Path, run_id: int) -> int:
    """How many printed pieces of a run were handed over."""
    with opened(project_dir) as (_, _, engine), reading(engine) as connection:
        return books(connection, run_id, channel="direct_mail").accepted


def due_campaigns(project_dir: Path, *, now: str | None = None) -> list[str]:
    """The campaigns that have an open run, or a wave whose time has come and that nobody has started."""
    moment = clock_of(now)()
    with opened(project_dir) as (project, _, engine), reading(engine) as connection:
        return [name for name in project.campaigns if _is_due(connection, project, name, moment)]


def clock_of(now: str | None) -> Clock:
    """The real clock, or one that stands at an ISO 8601 time with its offset."""
    return fixed_clock(datetime.fromisoformat(now)) if now else real_clock


def _latest_run(engine: Engine, project: Project, campaign: str) -> LiveRun | None:
    found = watch_campaign(engine, project, campaign, now=real_clock())
    return found.runs[0] if found and found.runs else None


def _is_paused(engine: Engine, run_id: int) -> bool:
    with reading(engine) as connection:
        return connection.scalar(select(run.c.state).where(run.c.id == run_id)) == "paused"


def _is_due(connection: Connection, project: Project, name: str, moment: datetime) -> bool:
    if connection.scalar(select(run.c.id).where(run.c.campaign == name, run.c.state == "running")):
        return True
    campaign = project.campaigns[name]
    standing = standing_of(connection, campaign)
    if standing is not None and standing.stage != "test":
        decided = standing.decision
        return run_of_wave(connection, name, decided.wave) is None if decided else may_decide(standing, moment)
    wave = wave_of(project, campaign, moment)
    has_run = run_of_wave(connection, name, wave.name) is not None
    return wave.scheduled_at <= moment and not wave.is_over(moment) and not has_run


@contextmanager
def _stopping_after(seconds: float, stop: threading.Event | None) -> Iterator[threading.Event]:
    stop = stop or threading.Event()
    timer = threading.Timer(seconds, stop.set)
    timer.start()
    try:
        yield stop
    finally:
        timer.cancel()
