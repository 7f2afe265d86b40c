"""How the messages of a run leave by e-mail: claimed in batches, made and sent over several connections, settled."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Engine, select

from handbill.channels.switchboard import Switchboard, await_file, rest
from handbill.definitions.project import Project
from handbill.delivery.bench import Bench, Brake
from handbill.delivery.breakers import BreakerTripped
from handbill.delivery.claiming import release
from handbill.delivery.feeding import feed, report
from handbill.delivery.fencing import advance, remember, require_latest
from handbill.delivery.group_commit import GroupCommit
from handbill.delivery.job import CHANNEL, Job, job_of
from handbill.delivery.leases import MachineTime, often
from handbill.delivery.messages import Composer
from handbill.delivery.night import Night, hold_back, night_of
from handbill.delivery.outbox import ENDED, Claimed, Settlement, Verdict
from handbill.delivery.providers import signing_key, unavailable
from handbill.delivery.published import Listed, publish
from handbill.delivery.retry import RetryRules
from handbill.delivery.run_state import expire_overdue, next_due, pause_run
from handbill.delivery.sender import BudgetSpent, RunStopped, Sender, SenderRefused, Unreachable
from handbill.delivery.settling import settle_and_mark
from handbill.delivery.worker import Worker
from handbill.errors import ChannelUnavailable, Problem
from handbill.settings import Settings
from handbill.store.connection import keep_few_pages, reading, writing
from handbill.store.patience import Patience
from handbill.store.tables import run


@dataclass(frozen=True)
class DrainResult:
    """What one drain did: messages by the state that they went to, and when the next one is due (None: none waits).

    `stopped` says why it ended early; empty when nothing more was due, or when the worker was told to stop.
    """

    by_state: Mapping[str, int]
    next_due_at: datetime | None
    stopped: str = ""


def drain(engine: Engine, project: Project, settings: Settings, run_id: int, worker: Worker) -> DrainResult:
    """Sends the e-mails of a run that are due, until none is left or something stops it.

    May be killed at any instant and repeated, and any number may work on one run at a time.

    Raises:
        ChannelUnavailable: the server cannot be reached, or refuses the sender: then the run is paused. Nobody failed.
        StoreUnavailable: the database went away.
        RunRefused: the database is an older copy, and people would get the campaign twice.
    """
    keep_few_pages(engine)
    job = job_of(engine, project, settings, run_id, worker)
    require_latest(job)
    bench, started = _bench(job), time.monotonic()
    _send_all(job, bench)
    report(job, bench, 0, time.monotonic() - started)
    stopped = _consequence(job, bench.brake.reason)
    with reading(engine) as connection:
        return DrainResult(dict(bench.tally), next_due(connection, run_id, CHANNEL), stopped)


# ---------------------------------------------------------------- the connections


def _bench(job: Job) -> Bench:
    provider = job.worker.provider(job.project)
    tally: Counter[str] = Counter()
    patience = Patience(rest, await_file)  # while one waits for the database, the others go on
    bench = Bench(
        provider=provider,
        compose=Composer(
            job.project, job.campaign, job.settings.keys, signing_key(job.project), lambda links: _publish(job, links)
        ).compose,
        group=GroupCommit(
            partial(_write_down, job, tally, patience, often(job.worker.machine_time)),
            lambda: bench.open_lines - bench.group.waiting,
        ),
        brake=Brake(job.worker.stop),
        rules=RetryRules(job.campaign.on_uncertain, job.worker.random),
        clock=job.worker.clock,
        reconnect_after=job.worker.reconnect_after,
        tally=tally,
        patience=patience,
        night=_night(job),
        lease=job.worker.terms.commit.total_seconds(),
    )
    return bench


def _publish(job: Job, links: Sequence[Listed]) -> Mapping[Listed, int]:
    with writing(job.engine) as connection:
        return publish(connection, job.campaign.name, links, now=job.worker.clock())


def _night(job: Job) -> Night:
    with reading(job.engine) as connection:
        return night_of(connection, job.project, job.campaign, job.run_id)


def _send_all(job: Job, bench: Bench) -> None:
    """All connections on one switchboard. Afterwards nothing that was claimed stays claimed, whatever happened."""
    try:
        with Switchboard(bench.make_ahead) as board:
            board.start(lambda: _feed(job, bench))
            for _ in range(min(bench.provider.connections, job.worker.connections or bench.provider.connections)):
                board.start(Sender(bench).run)
            try:
                board.run()
            except BaseException as error:  # what is on its way gets its answer; who interrupts twice does not wait
                bench.brake.pull(error)
                _run_to_its_end(board, bench)
                raise
    finally:
        with writing(job.engine) as connection:
            reached = advance(connection, job.run_id)
            release(connection, job.run_id, CHANNEL, owner=job.worker.owner)
            hold_back(connection, job.run_id, bench.night, job.worker.clock())
            expire_overdue(connection, job.run_id, job.worker.clock())
        remember(job, *reached)


def _run_to_its_end(board: Switchboard, bench: Bench) -> None:
    try:
        board.run()
    except BaseException:
        bench.patience.abandon()
        raise


def _feed(job: Job, bench: Bench) -> None:
    try:
        feed(job, bench)
    except BaseException as error:  # noqa: BLE001 - the drain raises it, when all have ended
        bench.brake.pull(error)
    finally:
        bench.close()


def _write_down(
    job: Job,
    tally: Counter[str],
    patience: Patience,
    machine_time: MachineTime,
    settlements: Sequence[Settlement],
    rows: Sequence[Claimed],
) -> Mapping[int, Verdict]:
    now = job.worker.clock()
    with writing(job.engine, patience) as connection:
        verdicts = settle_and_mark(
            connection,
            settlements,
            rows,
            now=now,
            lease_until=machine_time(connection) + job.worker.terms.commit,
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
            return _state_in_words(job)
        case BudgetSpent():
            why = "the budget of the channel email is spent"
            _pause(job, why)
            return why
        case BreakerTripped():
            _pause(job, str(reason))
            return str(reason)
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


def _state_in_words(job: Job) -> str:
    with reading(job.engine) as connection:
        state = connection.scalar(select(run.c.state).where(run.c.id == job.run_id))
    return "too late" if state == "running" else str(state)


def _pause(job: Job, why: str) -> None:
    with writing(job.engine) as connection:
        pause_run(connection, job.run_id, why)
