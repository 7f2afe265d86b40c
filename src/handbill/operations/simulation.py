"""What a simulation may know and leave behind: who was assigned to what, and the true effects that it worked with."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, delete, insert, select

from handbill.store.connection import reading, writing
from handbill.store.tables import assignment, assignment_member, contact, experiment, outbox, simulated_truth


@dataclass(frozen=True)
class AssignedUnit:
    """One unit of an experiment. `members` are external ids of contacts, `codes` those of the pieces it was sent."""

    unit_id: str
    arm: str
    origin_at: datetime
    members: tuple[str, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True)
class Truth:
    """The true difference, arm minus control, in the metric's own unit."""

    metric: str
    arm: str
    control: str
    difference: float


def assigned_units(engine: Engine, campaign: str) -> list[AssignedUnit]:
    """All units that the campaign's experiment assigned, in the order of their ids."""
    members: dict[int, list[str]] = {}
    codes: dict[int, list[str]] = {}
    mine = experiment.c.campaign == campaign
    with reading(engine) as connection:
        units = connection.execute(select(assignment).join(experiment).where(mine).order_by(assignment.c.unit_id)).all()
        people = (
            select(assignment_member.c.assignment_id, contact.c.external_id, outbox.c.code)
            .join(contact, contact.c.id == assignment_member.c.contact_id)
            .join(assignment, assignment.c.id == assignment_member.c.assignment_id)
            .join(experiment)
            .outerjoin(
                outbox,
                (outbox.c.contact_id == contact.c.id)
                & (outbox.c.run_id == assignment.c.run_id)
                & (outbox.c.channel == "direct_mail"),
            )
            .where(mine)
            .order_by(contact.c.external_id)
        )
        for assignment_id, external_id, code in connection.execute(people):
            members.setdefault(assignment_id, []).append(external_id)
            if code:
                codes.setdefault(assignment_id, []).append(code)
    return [
        AssignedUnit(u.unit_id, u.arm, u.origin_at, tuple(members.get(u.id, ())), tuple(codes.get(u.id, ())))
        for u in units
    ]


def record_truth(engine: Engine, campaign: str, truths: Iterable[Truth]) -> None:
    """Keeps the true effects, so that the campaign's report can put each beside its estimate."""
    rows = [
        {"campaign": campaign, "metric": t.metric, "arm": t.arm, "control": t.control, "difference": t.difference}
        for t in truths
    ]
    with writing(engine) as connection:
        connection.execute(delete(simulated_truth).where(simulated_truth.c.campaign == campaign))
        connection.execute(insert(simulated_truth), rows)
