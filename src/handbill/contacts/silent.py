"""Of whom nothing has been heard for so long that they are erased."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, exists, select

from handbill.contacts.erase import living
from handbill.store.tables import (
    assignment,
    assignment_member,
    attribute_history,
    consent,
    contact,
    event,
    experiment,
    orders,
    outbox,
)

BY_MACHINES = ("machine", "proxy")
_ON_THE_WAY = ("planned", "queued", "claimed", "committing", "uncertain")


def silent_contacts(
    connection: Connection, since: datetime, *, needed_by: Sequence[str], after: int, limit: int
) -> list[int]:
    """Contacts who ordered, did, agreed to and changed nothing since, by their numbers, from `after` on.

    Whoever a message is on its way to, and whoever is in one of the experiments of the campaigns `needed_by`, is not
    among them. Opens by machines are not heard of anybody.
    """
    mine = contact.c.id
    in_use = (
        select(assignment_member.c.contact_id)
        .join(assignment, assignment.c.id == assignment_member.c.assignment_id)
        .join(experiment, experiment.c.id == assignment.c.experiment_id)
        .where(assignment_member.c.contact_id == mine, experiment.c.campaign.in_(needed_by))
    )
    heard = (
        exists().where(orders.c.contact_id == mine, orders.c.ordered_at >= since),
        exists().where(
            event.c.contact_id == mine,
            event.c.occurred_at >= since,
            event.c.verdict.is_(None) | event.c.verdict.not_in(BY_MACHINES),
            event.c.kind.not_like("%.delivered"),
        ),
        exists().where(consent.c.contact_id == mine, consent.c.at >= since),
        exists().where(attribute_history.c.contact_id == mine, attribute_history.c.from_at >= since),
        exists().where(outbox.c.contact_id == mine, outbox.c.state.in_(_ON_THE_WAY)),
        in_use.exists(),
    )
    old = select(mine).where(mine > after, contact.c.created_at < since, living(), *(~each for each in heard))
    return list(connection.scalars(old.order_by(mine).limit(limit)))
