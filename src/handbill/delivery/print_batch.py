"""How the printed pieces of a run leave: claimed, rendered, looked over once more, handed to the printer as batches."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, func, select

from handbill.contacts.profiles import load_profiles
from handbill.definitions.project import Project
from handbill.delivery.budget import stop_counting
from handbill.delivery.claiming import Lease, claim, release
from handbill.delivery.leases import sweep_leases
from handbill.delivery.outbox import Verdict
from handbill.delivery.print_handover import CHANNEL, PRINT_LEASE, Job, make_batch
from handbill.delivery.print_pieces import Piece, by_format
from handbill.delivery.print_recovery import recover
from handbill.delivery.run_state import expire_overdue, next_due, pause_run
from handbill.delivery.worker import Worker
from handbill.errors import RunRefused
from handbill.rendering.press_room import PressRoom, Rendered
from handbill.rendering.print import PieceInput
from handbill.settings import Settings
from handbill.store.connection import reading, writing
from handbill.store.tables import contact, outbox, run

LARGEST_BATCH = 2_000


@dataclass(frozen=True)
class PrintResult:
    """What was handed over: batches by name, pieces by the state that they went to, and when the next one is due.

    `stopped` says why it ended early; empty when nothing more was due.
    """

    batches: tuple[str, ...]
    by_state: Mapping[str, int]
    next_due_at: datetime | None
    stopped: str = ""


def print_batches(engine: Engine, project: Project, settings: Settings, run_id: int, worker: Worker) -> PrintResult:
    """Hands over the printed pieces of a run that are due, in batches of one format.

    May be killed at any instant and repeated: each piece is in exactly one batch that was handed over.

    Raises:
        RunRefused: a batch of the same name lies there that the database does not know.
        ChannelUnavailable: the batches' directory cannot be written.
        SetupIncomplete: this machine lacks what typesetting needs.
    """
    job = _open(engine, project, settings, run_id, worker)
    left = _recover(job)
    try:
        with PressRoom(project) as room:
            stopped = _print_all(job, room)
    finally:
        _let_go(job)
    with reading(engine) as connection:
        due = next_due(connection, run_id, CHANNEL)
    return PrintResult(tuple(job.batches), dict(job.tally), due, stopped or "; ".join(left))


def _open(engine: Engine, project: Project, settings: Settings, run_id: int, worker: Worker) -> Job:
    with reading(engine) as connection:
        found = connection.execute(select(run.c.campaign, run.c.wave).where(run.c.id == run_id)).one()
    campaign, channel = project.campaigns.get(found.campaign), project.channels.direct_mail
    if campaign is None:
        what = f"{found.campaign}: the campaign of this run is not in campaigns.yaml any more."
        raise RunRefused(f"{what} Restore it, or cancel it.")
    if channel is None:
        what = f"{found.campaign}: this run has post, but channels has no direct_mail."
        raise RunRefused(f"{what} Restore it in campaigns.yaml, or cancel the run.")
    return Job(engine, project, settings, channel, campaign, run_id, found.wave, worker)


def _recover(job: Job) -> list[str]:
    """Finishes or undoes what processes that are gone had begun; answers with what had to be left."""
    worker, now = job.worker, job.worker.clock()
    with reading(job.engine) as connection:
        machine_now = worker.machine_time(connection)
    left = recover(job.engine, job.settings, job.run_id, owner=worker.owner, now=now, machine_now=machine_now)
    with writing(job.engine) as connection:
        # `hold`, whatever the campaign says of e-mail: whether a batch was handed over can be looked up.
        sweep_leases(connection, job.settings, job.run_id, now=now, machine_now=machine_now, channel=CHANNEL)
        expire_overdue(connection, job.run_id, now)
        if job.channel.budget is None:
            stop_counting(connection, CHANNEL)
    return left


def _let_go(job: Job) -> None:
    """Leaves nothing claimed or begun behind, whatever happened."""
    owner, now = job.worker.owner, job.worker.clock()
    with writing(job.engine) as connection:
        release(connection, job.run_id, CHANNEL, owner=owner)
        machine_now = job.worker.machine_time(connection)
    recover(job.engine, job.settings, job.run_id, owner=owner, now=now, machine_now=machine_now)


def _print_all(job: Job, room: PressRoom) -> str:
    """Batch after batch until nothing is due; answers why it ended early."""
    rendered = _meter(job)
    while not job.worker.stop.is_set():
        pieces = _claim(job)
        if not pieces:
            return ""
        refused: set[Verdict] = set()
        for format_, its_pieces in by_format(job.campaign, pieces):
            refused |= make_batch(job, room, format_, its_pieces, rendered)
        if Verdict.OVER_BUDGET in refused:
            why = f"the budget of the channel {CHANNEL} is spent"
            with writing(job.engine) as connection:
                pause_run(connection, job.run_id, why)
            return why
        if Verdict.NOT_RUNNING in refused:
            return "paused or cancelled"
    return "stopped"


def _claim(job: Job) -> list[Piece]:
    worker = job.worker
    with writing(job.engine) as connection:
        taken_at = worker.machine_time(connection)
        lease = Lease(worker.owner, taken_at, taken_at + PRINT_LEASE)
        rows = claim(connection, job.run_id, CHANNEL, lease=lease, limit=LARGEST_BATCH, now=worker.clock())
    with reading(job.engine) as connection:
        ids = [row.contact_id for row in rows]
        profiles = load_profiles(connection, job.project, ids)
        households = dict(_households(connection, ids))
    # Somebody who was erased a moment ago has no profile, and their pieces are gone with them.
    return [
        Piece(row, PieceInput(profiles[row.contact_id], tuple(row.address.split("\n")), row.code, 0),
              households[row.contact_id])
        for row in rows if row.contact_id in profiles
    ]  # fmt: skip


def _households(connection: Connection, contact_ids: Sequence[int]) -> Iterator[tuple[int, str]]:
    for start in range(0, len(contact_ids), 1_000):
        some = contact_ids[start : start + 1_000]
        found = connection.execute(select(contact.c.id, contact.c.household_key).where(contact.c.id.in_(some)))
        yield from ((row.id, row.household_key) for row in found)


def _meter(job: Job) -> Rendered:
    """Passes on how many pieces are made, how many a second, and how many are left."""
    due = select(func.count()).where(
        outbox.c.run_id == job.run_id,
        outbox.c.channel == CHANNEL,
        outbox.c.state == "queued",
        outbox.c.not_before <= job.worker.clock(),
    )
    with reading(job.engine) as connection:
        left = connection.scalar(due) or 0
    done, started = 0, time.monotonic()

    def rendered(count: int) -> None:
        nonlocal done
        done += count
        if job.worker.progress:
            job.worker.progress(done, done / max(time.monotonic() - started, 0.001), max(0, left - done))

    return rendered
