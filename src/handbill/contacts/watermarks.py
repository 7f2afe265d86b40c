"""Until when each source has told everything: what a report knows, and what it must still wait for."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, select

from handbill.store.inserts import insert_into
from handbill.store.tables import source_watermark


@dataclass(frozen=True)
class Watermark:
    """`source` has told of all orders, events… (`kind`) that happened before `complete_until`; heard of it at `at`."""

    kind: str
    source: str
    complete_until: datetime
    at: datetime


def move_watermark(connection: Connection, kind: str, source: str, complete_until: datetime, now: datetime) -> None:
    """Notes until when the source is complete; what comes late does not turn it back."""
    values = {"kind": kind, "source": source, "complete_until": complete_until, "imported_at": now}
    statement = insert_into(connection, source_watermark).values(values)
    new, old = statement.excluded.complete_until, source_watermark.c.complete_until
    latest = case((new > old, new), else_=old)
    changes = {"complete_until": latest, "imported_at": statement.excluded.imported_at}
    connection.execute(statement.on_conflict_do_update(index_elements=["kind", "source"], set_=changes))


def watermarks(connection: Connection) -> list[Watermark]:
    """Those of every kind and source, in their order."""
    rows = connection.execute(select(source_watermark).order_by(source_watermark.c.kind, source_watermark.c.source))
    return [Watermark(row.kind, row.source, row.complete_until, row.imported_at) for row in rows]
