"""What became of messages: the strongest of each one's events, whichever came first."""

from collections.abc import Collection

from sqlalchemy import Connection, case, func, select

from handbill.responses.events import STANDING
from handbill.store.tables import event


def standings(connection: Connection, outbox_ids: Collection[int]) -> dict[int, str]:
    """The kind of the strongest event of each of these messages; those of which nothing was heard are left out.

    A letter that was delivered stays delivered when the news that it is on its way comes later.
    """
    if not outbox_ids:
        return {}
    strength = case({str(kind): place for place, kind in enumerate(STANDING)}, value=event.c.kind)
    found = connection.execute(
        select(event.c.outbox_id, func.min(strength))
        .where(event.c.outbox_id.in_(sorted(outbox_ids)), event.c.kind.in_([str(kind) for kind in STANDING]))
        .group_by(event.c.outbox_id)
    )
    return {outbox_id: str(STANDING[place]) for outbox_id, place in found if outbox_id is not None}
