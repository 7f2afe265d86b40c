"""Which people an experiment may draw from beside others: its slot of a layer, and whom others have already."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, or_, select

from handbill.planning.audience import Reason
from handbill.planning.selection import Occasion, leave_out_rows, selection
from handbill.store.draw import Fraction
from handbill.store.tables import assignment, assignment_member, experiment, run

_UNENDED = ("planning", "running", "paused")


@dataclass(frozen=True)
class Overlap:
    """So many planned contacts are in an experiment of another campaign whose responses are still counted."""

    campaign: str
    contacts: int


def leave_out_other_slots(connection: Connection, occasion: Occasion) -> None:
    """Leaves out the units outside the experiment's slot of its layer; they belong to the layer's other experiments.

    The layer draws by a salt of its own, so that the arms of its experiments know nothing of each other.
    """
    slot = occasion.campaign.experiment.layer if occasion.campaign.experiment else None
    if slot is None:
        return
    drawn = Fraction(occasion.project.layers[slot.name].salt, selection.c.unit_id)
    outside = or_(drawn < float(slot.from_), drawn >= float(slot.to))
    strangers = select(selection.c.contact_id).where(selection.c.reason.is_(None), outside)
    leave_out_rows(connection, Reason.OTHER_EXPERIMENT, strangers, slot.name)


def overlaps(connection: Connection, occasion: Occasion) -> list[Overlap]:
    """The experiments under way that planned contacts are in already, the largest overlap first.

    An experiment is under way until its last window has closed. Empty for a campaign that is no experiment.
    """
    if occasion.campaign.experiment is None:
        return []
    found = [
        Overlap(name, _shared(connection, experiment_id, since))
        for experiment_id, name, since in _under_way(connection, occasion)
    ]
    return sorted((each for each in found if each.contacts), key=lambda each: (-each.contacts, each.campaign))


def _under_way(connection: Connection, occasion: Occasion) -> list[tuple[int, str, datetime]]:
    """Id and campaign of each other experiment, and the origin after which its units' windows are still open."""
    columns = (experiment.c.id, experiment.c.campaign, experiment.c.registration)
    rows = connection.execute(select(*columns).where(experiment.c.campaign != occasion.campaign.name)).tuples()
    return [(id_, name, occasion.now - _window(registration)) for id_, name, registration in rows]


def _window(registration: dict[str, object]) -> timedelta:
    goal = registration.get("goal")
    return timedelta(seconds=goal["within_seconds"]) if isinstance(goal, dict) else timedelta(0)


def _shared(connection: Connection, experiment_id: int, since: datetime) -> int:
    in_it = (
        select(assignment_member.c.contact_id)
        .join(assignment, assignment.c.id == assignment_member.c.assignment_id)
        .join(run, run.c.id == assignment.c.run_id)
        .where(assignment.c.experiment_id == experiment_id)
        .where(or_(assignment.c.origin_at > since, run.c.state.in_(_UNENDED)))
    )
    shared = select(func.count()).select_from(selection)
    return connection.scalar(shared.where(selection.c.reason.is_(None), selection.c.contact_id.in_(in_it))) or 0
