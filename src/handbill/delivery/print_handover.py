"""How one print batch is made and handed over, so that a kill at any instant leaves each piece in exactly one batch.

The order is: render, write a draft, mark the pieces and the batch in one transaction, rename the draft, settle. The
rename is the point of no return. print_recovery.py picks up wherever a process was killed.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from handbill.channels.print_house import Batch, Draft, ManifestRow, hand_over, remove_draft, write_draft
from handbill.definitions.campaign import Campaign
from handbill.definitions.policy import DirectMailChannel
from handbill.definitions.project import Project
from handbill.delivery.budget import refund
from handbill.delivery.outbox import Settlement, Verdict, mark_committing
from handbill.delivery.print_pieces import Piece, Printing, Rejections
from handbill.delivery.print_recovery import BEGUN, forget_batch, settle_batch
from handbill.delivery.settling import settle
from handbill.delivery.worker import Worker
from handbill.rendering.paper import BLEED, PAPERS
from handbill.rendering.press_room import PressRoom, Rendered
from handbill.settings import Settings
from handbill.store.connection import writing
from handbill.store.tables import outbox, print_batch, print_piece, run

CHANNEL = "direct_mail"
PRINT_LEASE = timedelta(minutes=30)
"""Longer than the largest batch takes to render on a slow machine."""

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Job:
    """One run's pieces, for one worker; `tally` and `batches` count what was done."""

    engine: Engine
    project: Project
    settings: Settings
    channel: DirectMailChannel
    campaign: Campaign
    run_id: int
    wave: str
    worker: Worker
    tally: Counter[str] = field(default_factory=Counter)
    batches: list[str] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        """Where batches are handed over."""
        own = self.channel.directory
        return (self.project.root / own).resolve() if own else self.settings.work_dir / "print"

    @property
    def topic(self) -> str | None:
        """What consent is read again for; service mail needs none."""
        return self.campaign.topic if self.campaign.kind == "marketing" else None


def make_batch(job: Job, room: PressRoom, format_: str, pieces: Sequence[Piece], rendered: Rendered) -> set[Verdict]:
    """Renders pieces and hands over those that may go; answers why any of the others stayed."""
    printing = Printing(job.campaign, room, lambda rejected: _reject(job, rejected), rendered)
    refused: set[Verdict] = set()
    begun: _Begun | None = None
    while pieces := printing.render(pieces):
        begun = begun or _begin(job, format_, len(pieces))
        batch = _batch(job, format_, begun.name, printing, pieces)
        draft = write_draft(job.directory, batch, [mail.pdf for mail in printing.mails])
        verdicts = _mark(job, begun, draft, batch.rows, pieces)
        going = [piece for piece in pieces if verdicts[piece.row.id] is Verdict.GO]
        refused |= set(verdicts.values()) - {Verdict.GO}
        if len(going) == len(pieces):
            _finish(job, draft, begun)
            return refused
        pieces = going  # renumbered and rendered anew: the printer's sequence has no gaps
    if begun:
        remove_draft(job.directory, begun.name)
        with writing(job.engine) as connection:
            forget_batch(connection, begun.id)
    return refused


@dataclass(frozen=True)
class _Begun:
    """A batch that the database knows, and that the printer does not have yet."""

    id: int
    name: str


def _begin(job: Job, format_: str, count: int) -> _Begun:
    """Takes a name, so that no other worker writes a batch under it."""
    with writing(job.engine) as connection:
        # Two workers that begin batches of one run wait for each other here.
        connection.execute(select(run.c.id).where(run.c.id == job.run_id).with_for_update())
        name = _next_name(connection, job, format_)
        inserted = connection.execute(
            insert(print_batch).values(
                run_id=job.run_id,
                name=name,
                state=BEGUN,
                format=format_,
                pieces=count,
                pages=0,
                directory=str(job.directory / name),
                owner=job.worker.owner,
                lease_until=job.worker.machine_time(connection) + PRINT_LEASE,
                made_at=job.worker.clock(),
            )
        )
        key = inserted.inserted_primary_key
    if not key:
        raise RuntimeError("the database gave no number to a print batch")
    return _Begun(key[0], name)


def _next_name(connection: Connection, job: Job, format_: str) -> str:
    """After a crash the same batch gets the same name again: what was not handed over leaves no row behind."""
    stem = _NOT_IN_A_NAME.sub("-", f"{job.campaign.name}-{job.wave}-{format_}") + "-"
    names = connection.scalars(select(print_batch.c.name).where(func.substr(print_batch.c.name, 1, len(stem)) == stem))
    numbers = [int(name[len(stem) :]) for name in names if re.fullmatch(r"\d{3,}", name[len(stem) :])]
    return f"{stem}{max(numbers, default=0) + 1:03d}"


def _batch(job: Job, format_: str, name: str, printing: Printing, pieces: Sequence[Piece]) -> Batch:
    paper = PAPERS[format_]
    return Batch(
        name=name,
        campaign=job.campaign.name,
        wave=job.wave,
        format=format_,
        trim=(paper.width, paper.height),
        bleed=BLEED,
        fonts=printing.fonts,
        rows=tuple(printing.manifest(pieces)),
        made_at=job.worker.clock(),
    )


def _mark(
    job: Job, begun: _Begun, draft: Draft, rows: Sequence[ManifestRow], pieces: Sequence[Piece]
) -> dict[int, Verdict]:
    """The last look before the point of no return, and what is in the batch, in one transaction.

    Only when all the pieces may go does the batch's row get the PDF's digest, without which it counts as not handed
    over.
    """
    with writing(job.engine) as connection:
        _unmark(connection, job, begun)
        lease_until = job.worker.machine_time(connection) + PRINT_LEASE
        verdicts = mark_committing(
            connection,
            [piece.row for piece in pieces],
            now=job.worker.clock(),
            lease_until=lease_until,
            budget=job.channel.budget,
            topic=job.topic,
        )
        going = [row for row, piece in zip(rows, pieces, strict=True) if verdicts[piece.row.id] is Verdict.GO]
        is_whole = len(going) == len(pieces)
        connection.execute(
            update(print_batch)
            .where(print_batch.c.id == begun.id)
            .values(
                pieces=len(going),
                pages=draft.pages if is_whole else 0,
                pdf_sha256=draft.pdf_sha256 if is_whole else None,
                lease_until=lease_until,
            )
        )
        if going:
            connection.execute(
                insert(print_piece), [_print_piece(begun, row, pieces[row.sequence - 1]) for row in going]
            )
    return verdicts


def _unmark(connection: Connection, job: Job, begun: _Begun) -> None:
    """Takes the pieces of a begun batch back to where they were before, so that all are looked at again."""
    mine = select(print_piece.c.outbox_id).where(print_piece.c.batch_id == begun.id)
    taken_back = connection.scalars(
        update(outbox)
        .where(outbox.c.id.in_(mine), outbox.c.state == "committing", outbox.c.owner == job.worker.owner)
        .values(state="claimed")
        .returning(outbox.c.cost)
    )
    refund(connection, CHANNEL, sum(taken_back))
    connection.execute(delete(print_piece).where(print_piece.c.batch_id == begun.id))


def _print_piece(begun: _Begun, row: ManifestRow, piece: Piece) -> dict[str, int]:
    return {
        "outbox_id": piece.row.id,
        "batch_id": begun.id,
        "sequence": row.sequence,
        "page_from": row.page_from,
        "page_to": row.page_to,
    }


def _finish(job: Job, draft: Draft, begun: _Begun) -> None:
    hand_over(draft)
    with writing(job.engine) as connection:
        job.tally["accepted"] += settle_batch(connection, begun.id, begun.name, now=job.worker.clock())
    job.batches.append(begun.name)


def _reject(job: Job, rejected: Rejections) -> None:
    settlements = [
        Settlement(row, "render_error", "render_error", was_marked=False, reason=why) for row, why in rejected
    ]
    with writing(job.engine) as connection:
        settle(connection, settlements, now=job.worker.clock())
    job.tally["render_error"] += len(rejected)
