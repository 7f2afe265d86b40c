"""How the messages of a run leave by e-mail: claimed in batches, made and sent over several connections, settled."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, func, select

from handbill.contacts.profiles import load_profiles
from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project
from handbill.delivery.budget import stop_counting
from handbill.delivery.group_commit import GroupCommit
from handbill.delivery.leases import CLAIM_LEASE, COMMIT_LEASE, sweep_leases
from handbill.delivery.limits import Claims, claim_within_limits, limits_of
from handbill.delivery.messages import Composer
from handbill.delivery.outbox import ENDED, Claimed, Lease, Settlement, Verdict, mark_committing, release, settle
from handbill.delivery.providers import email_channel, email_provider, unavailable
from handbill.delivery.retry import RetryRules
from handbill.delivery.run_state import expire_overdue, next_due, pause_run
from handbill.delivery.sender import (
    Bench,
    Brake,
    BudgetSpent,
    RunStopped,
    Sender,
    SenderRefused,
    Unreachable,
    Work,
)
from handbill.delivery.worker import Worker
from handbill.errors import ChannelUnavailable, Problem, RunRefused
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox, run

CHANNEL = "email"
SWEEP_EVERY = 15.0
_LARGEST_BATCH = 500
_SMALLEST_BATCH = 20
_SECONDS_AHEAD = 10
_LONGEST_PAUSE = 0.5
_ASK_AGAIN_AFTER = 1.0


@dataclass(frozen=True)
class DrainResult:
    """What one drain did: messages by the state that they went to, and when the next one is due (None: none waits).

    `stopped` says why it ended early; empty when nothing more was due, or when the worker was told to stop.
    """

    by_state: Mapping[str, int]
    next_due_at: datetime | None
    stopped: str = ""


@dataclass(frozen=True)
class Job:
    """One run's e-mails, for one worker."""

    engine: Engine
    project: Project
    settings: Settings
    campaign: Campaign
    run_id: int
    worker: Worker

    @property
    def budget(self) -> int | None:
        """The hard limit of what e-mail may cost over all runs."""
        return email_channel(self.project).budget

    @property
    def topic(self) -> str | None:
        """What consent is read again for; service mail needs none."""
        return self.campaign.topic if self.campaign.kind == "marketing" else None


def drain(engine: Engine, project: Project, settings: Settings, run_id: int, worker: Worker) -> DrainResult:
    """Sends the e-mails of a run that are due, until none is left or something stops it.

    May be killed at any instant and repeated, and any number may work on one run at a time.

    Raises:
        ChannelUnavailable: the server cannot be reached, or refuses the sender: then the run is paused. Nobody failed.
        StoreUnavailable: the database went away.
    """
    job = Job(engine, project, settings, _campaign_of(engine, project, run_id), run_id, worker)
    bench = _bench(job)
    with _connections(job, bench):
        _feed(job, bench)
    stopped = _consequence(job, bench.brake.reason)
    with reading(engine) as connection:
        return DrainResult(dict(bench.tally), next_due(connection, run_id, CHANNEL), stopped)


# ---------------------------------------------------------------- what lies ready


def _feed(job: Job, bench: Bench) -> None:
    """Claims a batch whenever the last one runs low, until nothing is due."""
    left, started, sweep_at, claim_at = _count_due(job), time.monotonic(), 0.0, 0.0
    while not bench.brake.is_pulled:
        now = time.monotonic()
        if now >= sweep_at:
            _sweep(job, bench)
            sweep_at = now + SWEEP_EVERY
        pause, is_idle = _LONGEST_PAUSE, bench.unfinished == 0
        batch = _batch_size(bench, now - started)
        if bench.unfinished <= batch // 2 and (is_idle or now >= claim_at):
            claims = _claim(job, bench, batch)
            bench.put(_with_profiles(job, claims))
            if claims.wait is not None:
                pause = min(pause, claims.wait.total_seconds())
            elif not claims.rows:
                if is_idle:
                    return
                claim_at = now + _ASK_AGAIN_AFTER
        _report(job, bench, left, now - started)
        bench.changed.wait(pause)
        bench.changed.clear()


def _batch_size(bench: Bench, seconds: float) -> int:
    """What the connections get done in some seconds, so that claims do not lie about until their lease is over."""
    done = sum(bench.tally.values())
    return max(_SMALLEST_BATCH, min(_LARGEST_BATCH, int(done / max(seconds, 0.1) * _SECONDS_AHEAD)))


def _claim(job: Job, bench: Bench, batch: int) -> Claims:
    worker = job.worker
    with bench.group.turn, writing(job.engine) as connection:
        taken_at = worker.machine_time(connection)
        return claim_within_limits(
            connection,
            job.run_id,
            CHANNEL,
            limits=limits_of(email_channel(job.project)),
            lease=Lease(worker.owner, taken_at, taken_at + CLAIM_LEASE),
            limit=batch,
            now=worker.clock(),
        )


def _with_profiles(job: Job, claims: Claims) -> list[Work]:
    if not claims.rows:
        return []
    with reading(job.engine) as connection:
        profiles = load_profiles(connection, job.project, [row.contact_id for row in claims.rows])
    # Somebody who was erased a moment ago has no profile, and their messages are gone with them.
    return [(row, profiles[row.contact_id]) for row in claims.rows if row.contact_id in profiles]


def _sweep(job: Job, bench: Bench) -> None:
    now = job.worker.clock()
    with bench.group.turn, writing(job.engine) as connection:
        sweep_leases(
            connection,
            job.settings,
            job.run_id,
            now=now,
            machine_now=job.worker.machine_time(connection),
            channel=CHANNEL,
            on_uncertain=job.campaign.on_uncertain,
        )
        expire_overdue(connection, job.run_id, now)
        if job.budget is None:
            stop_counting(connection, CHANNEL)


def _count_due(job: Job) -> int:
    due = select(func.count()).where(
        outbox.c.run_id == job.run_id,
        outbox.c.channel == CHANNEL,
        outbox.c.state.in_(["queued", "claimed"]),
        outbox.c.not_before <= job.worker.clock(),
    )
    with reading(job.engine) as connection:
        return connection.scalar(due) or 0


def _report(job: Job, bench: Bench, left: int, seconds: float) -> None:
    if job.worker.progress:
        done = sum(bench.tally.values())
        job.worker.progress(bench.tally["accepted"], done / max(seconds, 0.001), max(0, left - done))


# ---------------------------------------------------------------- the connections


def _bench(job: Job) -> Bench:
    provider = email_provider(job.project)
    tally: Counter[str] = Counter()
    return Bench(
        provider=provider,
        compose=Composer(job.project, job.campaign, job.settings.secret).compose,
        group=GroupCommit(lambda settlements, rows: _write_down(job, tally, settlements, rows)),
        brake=Brake(job.worker.stop),
        rules=RetryRules(job.campaign.on_uncertain, job.worker.random),
        clock=job.worker.clock,
        reconnect_after=job.worker.reconnect_after,
        tally=tally,
    )


@contextmanager
def _connections(job: Job, bench: Bench) -> Iterator[None]:
    """One thread a connection. Afterwards nothing that was claimed stays claimed, whatever happened."""
    # As daemons: somebody who interrupts twice need not wait ten minutes for a server's last answer.
    threads = [threading.Thread(target=Sender(bench).run, daemon=True) for _ in range(bench.provider.connections)]
    for thread in threads:
        thread.start()
    try:
        yield
    except BaseException:
        bench.brake.pull()
        raise
    finally:
        for _ in threads:
            bench.work.put(None)
        for thread in threads:
            thread.join()
        with writing(job.engine) as connection:
            release(connection, job.run_id, CHANNEL, owner=job.worker.owner)
        _report(job, bench, 0, 1)


def _write_down(
    job: Job, tally: Counter[str], settlements: Sequence[Settlement], rows: Sequence[Claimed]
) -> Mapping[int, Verdict]:
    now = job.worker.clock()
    with writing(job.engine) as connection:
        settle(connection, settlements, now=now)
        verdicts = mark_committing(
            connection,
            rows,
            now=now,
            lease_until=job.worker.machine_time(connection) + COMMIT_LEASE,
            budget=job.budget,
            topic=job.topic,
        )
    tally.update(settlement.state for settlement in settlements)
    tally.update(ENDED[verdict] for verdict in verdicts.values() if verdict in ENDED)
    return verdicts


# ---------------------------------------------------------------- how it ends


def _consequence(job: Job, reason: BaseException | None) -> str:
    """Pauses the run where that is called for, and raises what somebody has to mend."""
    match reason:
        case None:
            return ""
        case RunStopped():
            return "paused or cancelled"
        case BudgetSpent():
            why = "the budget of the channel email is spent"
            _pause(job, why)
            return why
        case Unreachable():
            raise unavailable(job.project, reason.answer) from None
        case SenderRefused():
            mended = unavailable(job.project, reason.answer)
            _pause(job, str(mended.problems[0].what))
            name = job.campaign.name
            raise ChannelUnavailable(
                *mended.problems,
                Problem(what=f"{name} is paused, and nobody has failed.", mend=f"Then run `handbill resume {name}`."),
            ) from None
        case _:
            raise reason


def _pause(job: Job, why: str) -> None:
    with writing(job.engine) as connection:
        pause_run(connection, job.run_id, why)


def _campaign_of(engine: Engine, project: Project, run_id: int) -> Campaign:
    with reading(engine) as connection:
        name = str(connection.scalar(select(run.c.campaign).where(run.c.id == run_id)))
    if name not in project.campaigns:
        raise RunRefused(
            f"{name}: the campaign of this run is not in campaigns.yaml any more. Restore it, or cancel it."
        )
    return project.campaigns[name]
