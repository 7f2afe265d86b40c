"""How connections are kept busy: batches are claimed as the last one runs low, as fast as the limits allow."""

import time

from sqlalchemy import func, select

from handbill.contacts.profiles import load_profiles
from handbill.delivery.bench import Bench, Work
from handbill.delivery.breakers import BreakerTripped, require_goodwill
from handbill.delivery.budget import stop_counting
from handbill.delivery.claiming import Lease
from handbill.delivery.fencing import advance, remember
from handbill.delivery.job import CHANNEL, Job
from handbill.delivery.leases import sweep_leases
from handbill.delivery.limits import Claims, claim_within_limits, limits_of
from handbill.delivery.night import hold_back
from handbill.delivery.providers import email_channel
from handbill.delivery.run_state import expire_overdue
from handbill.delivery.warming import room_today
from handbill.rendering.variables import purchases_of
from handbill.store.connection import reading, writing
from handbill.store.tables import outbox

SWEEP_EVERY = 15.0
"""Seconds between looks at leases that are over, and messages whose time is."""
_LARGEST_BATCH = 500
_SMALLEST_BATCH = 20
_SECONDS_AHEAD = 10
_LONGEST_PAUSE = 0.5
_ASK_AGAIN_AFTER = 1.0


def feed(job: Job, bench: Bench) -> None:
    """Claims a batch whenever the last one runs low, until nothing is due."""
    asleep = _hold_back(job, bench)
    left, started, sweep_at, claim_at = _count_due(job), time.monotonic(), 0.0, 0.0
    while not bench.brake.is_pulled:
        now = time.monotonic()
        if now >= sweep_at:
            _sweep(job, bench)
            if bench.night.asleep(job.worker.clock()) != asleep:
                asleep = _hold_back(job, bench)
            sweep_at = now + SWEEP_EVERY
        pause, is_idle = _LONGEST_PAUSE, bench.unfinished == 0
        batch = _batch_size(bench, now - started)
        bench.low_water = batch // 2
        if bench.unfinished <= bench.low_water and (is_idle or now >= claim_at):
            if is_idle:
                bench.group.flush()  # a warm-up counts what has left, and what is only leaving may not get out
            claims = _claim(job, bench, batch)
            bench.put(_with_profiles(job, claims))
            if claims.wait is not None:
                pause = min(pause, claims.wait.total_seconds())
            elif not claims.rows:
                if is_idle:
                    return
                claim_at = now + _ASK_AGAIN_AFTER
        report(job, bench, left, now - started)
        bench.runs_low.wait(pause)


def report(job: Job, bench: Bench, left: int, seconds: float) -> None:
    """Tells whoever listens how far the job is, after so many seconds; `left` were due at its beginning."""
    if job.worker.progress:
        done = sum(bench.tally.values())
        job.worker.progress(bench.tally["accepted"], done / max(seconds, 0.001), max(0, left - done))


def _batch_size(bench: Bench, seconds: float) -> int:
    """What the connections get done in some seconds, so that claims do not lie about until their lease is over."""
    done = sum(bench.tally.values())
    return max(_SMALLEST_BATCH, min(_LARGEST_BATCH, int(done / max(seconds, 0.1) * _SECONDS_AHEAD)))


def _claim(job: Job, bench: Bench, batch: int) -> Claims:
    worker = job.worker
    with writing(job.engine, bench.patience) as connection:
        # The run first and its messages then, as whoever cancels it: so no two wait for each other.
        reached = advance(connection, job.run_id)
        taken_at = worker.machine_time(connection)
        room = room_today(connection, job.project, job.run_id, batch, worker.clock())
        claims = claim_within_limits(
            connection,
            job.run_id,
            CHANNEL,
            limits=limits_of(email_channel(job.project), bench.night.asleep(worker.clock())),
            lease=Lease(worker.owner, taken_at, taken_at + worker.terms.claim),
            limit=room,
            now=worker.clock(),
        )
    remember(job, *reached)
    return claims


def _hold_back(job: Job, bench: Bench) -> frozenset[str]:
    """Puts messages whose recipients' quiet hours have begun off until these end; answers whose they are."""
    now = job.worker.clock()
    with writing(job.engine, bench.patience) as connection:
        hold_back(connection, job.run_id, bench.night, now)
    return bench.night.asleep(now)


def _with_profiles(job: Job, claims: Claims) -> list[Work]:
    if not claims.rows:
        return []
    with reading(job.engine) as connection:
        ids = [row.contact_id for row in claims.rows]
        profiles = load_profiles(connection, job.project, ids, purchases_of(job.campaign))
    # Somebody who was erased a moment ago has no profile, and their messages are gone with them.
    return [Work(row, profiles[row.contact_id]) for row in claims.rows if row.contact_id in profiles]


def _sweep(job: Job, bench: Bench) -> None:
    now = job.worker.clock()
    # With patience, like all who write on this thread: a connection that holds what we wait for must go on.
    with writing(job.engine, bench.patience) as connection:
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
    try:
        with reading(job.engine) as connection:
            require_goodwill(connection, job.run_id)
    except BreakerTripped as reason:
        bench.brake.pull(reason)


def _count_due(job: Job) -> int:
    due = select(func.count()).where(
        outbox.c.run_id == job.run_id,
        outbox.c.channel == CHANNEL,
        outbox.c.state.in_(["queued", "claimed"]),
        outbox.c.not_before <= job.worker.clock(),
    )
    with reading(job.engine) as connection:
        return connection.scalar(due) or 0
