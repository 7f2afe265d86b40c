"""How a campaign is run: planned and sealed once, then sent, by as many hands as there are, until nothing is open."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection, Engine, func, select, update

from handbill.clock import Clock, real_clock
from handbill.definitions.campaign import Campaign, mail_of
from handbill.definitions.project import Project
from handbill.delivery.books import Books, books
from handbill.delivery.deliver import DrainResult, drain
from handbill.delivery.enqueue import enqueue
from handbill.delivery.job import job_of
from handbill.delivery.leases import holding
from handbill.delivery.messages import compile_emails
from handbill.delivery.print_batch import PrintResult, print_batches
from handbill.delivery.providers import require_answering, stays_here
from handbill.delivery.run_state import finish_run as mark_finished
from handbill.delivery.seeds import seed_copies
from handbill.delivery.uncertain import close_old
from handbill.delivery.worker import PATIENCE, Progress, Worker
from handbill.errors import NothingToDo, Problem, RunRefused
from handbill.operations.audit import Action, Doer, note, operator
from handbill.operations.rollout import rollout_wave
from handbill.planning.approval import plan_as_approved, read_plan
from handbill.planning.plan import Plan, campaign_named, make_plan, occasion_of
from handbill.planning.records import RUN, keep_record
from handbill.planning.registration import require_as_registered
from handbill.planning.seal import run_of_wave, seal_run
from handbill.planning.selection import Occasion
from handbill.rendering.print import compile_mail
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox, run

CHANNELS = ("email", "direct_mail")


@dataclass(frozen=True)
class StartedRun:
    """A run that may be drained. `fence` counts how often somebody took it over."""

    run_id: int
    campaign: str
    wave: str
    fence: int
    is_resumed: bool


@dataclass(frozen=True)
class DrainedRun:
    """What the drains of a run did: messages by the state that they went to, over all channels.

    `batches` are the names of the print batches that were handed over. `next_due_at` is when more is due; `stopped`
    says why it ended early, empty when it did not.
    """

    by_state: Mapping[str, int]
    batches: Sequence[str]
    next_due_at: datetime | None
    stopped: str


def start_run(
    engine: Engine,
    project: Project,
    campaign_name: str,
    *,
    clock: Clock = real_clock,
    plan_file: Path | None = None,
    new_wave: str | None = None,
    doer: Doer | None = None,
) -> StartedRun:
    """Takes up the open run of a campaign, or plans, seals and queues a new one: all in one transaction, or nothing.

    `plan_file` holds an approved plan that is to be run and no other. `new_wave` names an extra wave. Who began a run
    is written down: `doer`, or else whoever runs this process.

    Raises:
        NothingToDo: the wave has been sent, nobody is planned, or it is not due yet.
        RunRefused: it is paused or too late, or the clock is not real and the messages would be.
        PlanDrifted: the approved plan no longer fits the world.
        ChannelUnavailable: the mail server is not there, or refuses the sender; nothing was written.
    """
    campaign = campaign_named(project, campaign_name)
    _require_harmless(project, campaign, clock)
    _require_renderable(project, campaign)
    approved = _approved(plan_file, campaign) if plan_file else None
    extra_wave = approved.wave if approved and approved.is_extra_wave else new_wave
    extra_wave = rollout_wave(engine, campaign, extra_wave)
    occasion = occasion_of(project, campaign_name, now=clock(), wave=extra_wave)
    may_be_another = approved is None and extra_wave is None
    with reading(engine) as connection:
        found = _open_run(connection, occasion, may_be_another=may_be_another)
    if found is None and "email" in campaign.channels:
        require_answering(project)
    with writing(engine) as connection:
        _one_at_a_time(connection, campaign_name)
        run_id = _open_run(connection, occasion, may_be_another=may_be_another)
        if run_id is not None:
            return _take_over(connection, campaign, run_id)
        started = _begin(connection, occasion, approved)
        said = {"wave": started.wave, "run": started.run_id}
        note(connection, doer or operator(), Action.SEND, campaign.name, at=clock(), **said)
        return started


def drain_run(  # noqa: PLR0913 - what is sent, by which clock, until when, and which part of it is this process's
    engine: Engine,
    project: Project,
    settings: Settings,
    run_id: int,
    *,
    clock: Clock = real_clock,
    stop: threading.Event | None = None,
    progress: Progress | None = None,
    connections: int | None = None,
) -> DrainedRun:
    """Sends what is due on all channels, and goes on waiting while more is due within the next hour.

    May be killed and repeated at any instant. Under a clock that stands still it does not wait. `connections` is this
    process's part of those that the project allows.

    Raises:
        ChannelUnavailable: the mail server is not there, or refuses the sender: then the run is paused.
    """
    stop = stop or threading.Event()
    by_state: Counter[str] = Counter()
    batches: list[str] = []
    with holding(settings) as owner:
        worker = Worker(owner, clock, stop=stop, progress=progress, connections=connections)
        while True:
            once = _drain_channels(engine, project, settings, run_id, worker)
            by_state.update(once.by_state)
            batches += once.batches
            wait = once.next_due_at - clock() if once.next_due_at else None
            if once.stopped or stop.is_set() or wait is None or wait > PATIENCE or clock is not real_clock:
                return DrainedRun(by_state, batches, once.next_due_at, once.stopped)
            stop.wait(max(0.0, wait.total_seconds()))


def seal_and_queue(connection: Connection, occasion: Occasion, plan: Plan) -> int:
    """Makes a run of the plan whose selection is on this connection, with every message that it sends; answers its id.

    Raises:
        RunRefused: see `seal_run`.
    """
    project, now = occasion.project, occasion.now
    run_id = seal_run(connection, project, plan, now=now)
    if plan.sends:
        queued = enqueue(connection, project, occasion.campaign, occasion.wave, run_id, now=now)
        if queued != plan.sends:
            raise RuntimeError(f"{plan.sends} messages were planned and {queued} queued")
    return run_id


def finish_run(engine: Engine, run_id: int, *, clock: Clock = real_clock) -> Books:
    """Marks a run as finished when nothing of it is open any more; answers its books either way."""
    with writing(engine) as connection:
        close_old(connection, run_id, now=clock())
        mark_finished(connection, run_id, clock())
        return books(connection, run_id)


# ---------------------------------------------------------------- whether there is anything to run


def _require_harmless(project: Project, campaign: Campaign, clock: Clock) -> None:
    """A replay pretends that it is another time; the people who would get its mail live in this one."""
    if clock is not real_clock and "email" in campaign.channels and not stays_here(project):
        raise RunRefused(
            f"{campaign.name}: --now replays a campaign, and this one would send real e-mail. Leave out --now, or set "
            "channels.email to provider file or to a mail server on this machine."
        )


def _require_renderable(project: Project, campaign: Campaign) -> None:
    """Compiles every arm's e-mail and piece, so that a mistake in a template stops the run before it begins."""
    compile_emails(project, campaign)
    for name, arm in campaign.arms.items():
        if mail_of(campaign, arm):
            compile_mail(project, campaign, name)


def _approved(plan_file: Path, campaign: Campaign) -> Plan:
    plan = read_plan(plan_file)
    if plan.campaign != campaign.name:
        raise RunRefused(Problem(str(plan_file), what=f"this is a plan of {plan.campaign}, not of {campaign.name}.",
                                 mend=f"Run {plan.campaign}, or name another file."))  # fmt: skip
    return plan


def _open_run(connection: Connection, occasion: Occasion, *, may_be_another: bool) -> int | None:
    """The run to go on with: that of the wave that is due, or another one of the campaign that is still running.

    None: the wave has no run yet.
    """
    name, wave = occasion.campaign.name, occasion.wave.name
    running = select(run.c.id).where(run.c.campaign == name, run.c.state == "running").order_by(run.c.scheduled_at)
    run_id: int | None = connection.scalar(running.limit(1)) if may_be_another else None
    if run_id is not None:
        return run_id
    run_id = run_of_wave(connection, name, wave)
    if run_id is None:
        return None
    state, reason = connection.execute(select(run.c.state, run.c.state_reason).where(run.c.id == run_id)).one()
    if state == "paused":
        raise RunRefused(f"{name} is paused: {reason}. Run `handbill resume {name}` first.")
    if state in {"finished", "cancelled"}:
        raise NothingToDo(
            f"{name}: the wave {wave} is {state}, and a wave is never sent twice. "
            "Use --new-wave NAME to send another one."
        )
    return run_id


def _take_over(connection: Connection, campaign: Campaign, run_id: int) -> StartedRun:
    require_as_registered(connection, campaign)
    taken = update(run).where(run.c.id == run_id).values(fence=run.c.fence + 1).returning(run.c.wave, run.c.fence)
    wave, fence = connection.execute(taken).one()
    return StartedRun(run_id, campaign.name, wave, fence, is_resumed=True)


# ---------------------------------------------------------------- a new run


def _begin(connection: Connection, occasion: Occasion, approved: Plan | None) -> StartedRun:
    project, campaign, wave, now = occasion.project, occasion.campaign, occasion.wave, occasion.now
    if approved is not None:
        plan = plan_as_approved(connection, project, approved, now=now)
    else:
        plan = make_plan(connection, project, campaign.name, now=now, wave=wave.name if wave.is_extra else None)
    _require_due(plan, now)
    run_id = seal_and_queue(connection, occasion, plan)
    keep_record(connection, plan, RUN)
    if not plan.sends:
        raise NothingToDo(f"{plan.campaign}: nobody is to get anything. `handbill plan {plan.campaign}` says why.")
    return StartedRun(run_id, campaign.name, plan.wave, fence=1, is_resumed=False)


def _require_due(plan: Plan, now: datetime) -> None:
    if plan.scheduled_at > now + PATIENCE:
        raise NothingToDo(
            f"{plan.campaign} is not due before {plan.scheduled_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC. "
            "Run it then, or let `handbill up` do it."
        )


def _one_at_a_time(connection: Connection, campaign_name: str) -> None:
    """Lets a second scheduler wait until the first has sealed its run; on SQLite every writer waits for the other."""
    if connection.dialect.name == "postgresql":
        key = func.hashtextextended(f"handbill run {campaign_name}", 0)
        connection.execute(select(func.pg_advisory_xact_lock(key)))


# ---------------------------------------------------------------- sending


def _drain_channels(engine: Engine, project: Project, settings: Settings, run_id: int, worker: Worker) -> DrainedRun:
    """Sends once what is due on each channel of the run, e-mail first."""
    with reading(engine) as connection:
        channels = set(connection.scalars(select(outbox.c.channel).where(outbox.c.run_id == run_id).distinct()))
    by_state: Counter[str] = Counter()
    due: list[datetime] = []
    stopped: list[str] = []
    batches: Sequence[str] = ()
    for channel in CHANNELS:
        if channel not in channels:
            continue
        if channel == "email":
            with seed_copies(job_of(engine, project, settings, run_id, worker)):
                done: DrainResult | PrintResult = drain(engine, project, settings, run_id, worker)
        else:
            done = print_batches(engine, project, settings, run_id, worker)
            batches = done.batches
        by_state.update(done.by_state)
        due += [done.next_due_at] if done.next_due_at else []
        stopped += [done.stopped] if done.stopped else []
    return DrainedRun(by_state, batches, min(due, default=None), "; ".join(stopped))
