"""Whether the numbers can be trusted: the split, the runs, the sources of orders, and messages that are in doubt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from handbill.store.tables import orders, run, simulated_truth, source_watermark

Truths = Mapping[tuple[str, str, str], float]
"""True effects of simulated responses by metric, arm and control; empty for real ones."""


@dataclass(frozen=True)
class Wave:
    """One run of the campaign."""

    name: str
    state: str
    scheduled_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class Source:
    """Where orders or events come from, and up to when they are complete."""

    kind: str
    name: str
    complete_until: datetime


@dataclass(frozen=True)
class Quality:
    """What the numbers rest on. `strangers` are orders of nobody that we know, in `orders_in_all`."""

    waves: tuple[Wave, ...]
    sources: tuple[Source, ...]
    strangers: int
    orders_in_all: int


def quality_of(connection: Connection, campaign: str) -> Quality:
    """What a campaign's numbers rest on."""
    waves = connection.execute(select(run).where(run.c.campaign == campaign).order_by(run.c.scheduled_at)).all()
    sources = connection.execute(
        select(source_watermark).order_by(source_watermark.c.kind, source_watermark.c.source)
    ).all()
    strangers, in_all = connection.execute(
        select(func.count() - func.count(orders.c.contact_id), func.count()).select_from(orders)
    ).one()
    return Quality(
        tuple(Wave(row.wave, row.state, row.scheduled_at, row.finished_at) for row in waves),
        tuple(Source(row.kind, row.source, row.complete_until) for row in sources),
        int(strangers),
        int(in_all),
    )


def truths_of(connection: Connection, campaign: str) -> Truths:
    """The true effects, where the responses of this campaign were simulated."""
    rows = connection.execute(select(simulated_truth).where(simulated_truth.c.campaign == campaign))
    return {(row.metric, row.arm, row.control): row.difference for row in rows}
