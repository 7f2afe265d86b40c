"""From the people that the segments selected to those that were planned, with a reason for each one left out."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from handbill.store.tables import enrollment, exclusion, run


@dataclass(frozen=True)
class Step:
    """So many contacts were left out for this reason."""

    reason: str
    contacts: int


@dataclass(frozen=True)
class Waterfall:
    """selected = left out + planned, always, over all runs of the campaign."""

    selected: int
    steps: tuple[Step, ...]
    planned: int


def waterfall_of(connection: Connection, campaign: str) -> Waterfall:
    """The audience of a campaign as its runs were sealed."""
    planned = connection.scalar(
        select(func.count())
        .select_from(enrollment)
        .join(run, run.c.id == enrollment.c.run_id)
        .where(run.c.campaign == campaign)
    )
    rows = connection.execute(
        select(exclusion.c.reason, func.count())
        .join(run, run.c.id == exclusion.c.run_id)
        .where(run.c.campaign == campaign)
        .group_by(exclusion.c.reason)
    )
    steps = tuple(Step(reason, contacts) for reason, contacts in sorted(rows, key=lambda row: (-row[1], row[0])))
    return Waterfall((planned or 0) + sum(step.contacts for step in steps), steps, planned or 0)
