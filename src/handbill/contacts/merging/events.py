"""How events are merged: the same event twice is kept once, by its id or, without one, by all that it says."""

import hashlib
import json
from operator import itemgetter
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, Text, func, literal, select, true

from handbill.contacts.merging.kinds import Import, Kind, Merged
from handbill.contacts.merging.lookup import (
    CONTACT_CALLED,
    CONTACT_FIELDS,
    NEEDS_CONTACT,
    contact_columns,
    reject_strangers,
    require_contact,
    with_contacts,
)
from handbill.contacts.merging.properties import properties_of
from handbill.contacts.merging.staging import COUNTED, Staged, stage_table
from handbill.contacts.rows.converted import Converted
from handbill.contacts.rows.layout import FieldSpec, Shape
from handbill.contacts.rows.quarantine import Quarantine
from handbill.definitions.project import Project
from handbill.store.inserts import insert_into
from handbill.store.tables import Json, event
from handbill.store.types import UtcTime

VERDICTS = ("human", "machine", "proxy", "unknown")

_FIELDS = {
    "event_id": FieldSpec("text"),
    "kind": FieldSpec("text", required=True),
    **CONTACT_FIELDS,
    "occurred_at": FieldSpec("time", required=True),
    "verdict": FieldSpec("text", one_of=VERDICTS),
    "properties": FieldSpec("json"),
}
_CALLED = {
    **CONTACT_CALLED,
    "id": "event_id", "event": "kind", "event_type": "kind", "type": "kind", "date": "occurred_at",
    "time": "occurred_at", "timestamp": "occurred_at", "created_at": "occurred_at",
}  # fmt: skip

_LAST = itemgetter(-1)

stage = stage_table(
    "stage_event",
    Column("row", Integer),
    Column("event_id", Text),
    Column("kind", Text),
    *contact_columns(),
    Column("occurred_at", BigInteger),
    Column("verdict", Text),
    Column("properties", Json),
)


def event_shape(project: Project) -> Shape:  # noqa: ARG001 - events have the same fields in every project
    """The fields of an event; columns of other names become its properties."""
    return Shape(_FIELDS, (("kind",), NEEDS_CONTACT, ("occurred_at",)), _CALLED, open_ended=True)


def stage_events(run: Import, converted: Converted, quarantine: Quarantine) -> Staged:
    """One row an event."""
    names = ("event_id", "kind", "contact", "email", "occurred_at", "verdict")
    ids, kinds, contacts, emails, times, verdicts = (converted.column(name) for name in names)
    for at, (contact, email) in enumerate(zip(contacts, emails, strict=True)):
        if not (contact or email) and at not in converted.bad:
            require_contact(run, quarantine, converted.rows[at], contact, email)
            converted.bad.add(at)
    said = properties_of(run, converted)
    rows = zip(map(_LAST, converted.rows), ids, kinds, contacts, emails, times, verdicts, said, strict=True)
    good = (row for at, row in enumerate(rows) if at not in converted.bad) if converted.bad else rows
    if None in ids:
        good = (row if row[1] else (row[0], _id_of(*row[2:6], row[7]), *row[2:]) for row in good)
    return Staged(("row", "event_id", "kind", "contact", "email_key", "occurred_at", "verdict", "properties"), good)


def merge_events(connection: Connection, run: Import, quarantine: Quarantine) -> Merged:
    """Adds the events that the store does not have yet; none is ever changed."""
    reject_strangers(connection, stage, run, quarantine)
    joined, contact_id = with_contacts(stage)
    values: dict[str, Any] = {
        "source": literal(run.source),
        "source_event_id": stage.c.event_id,
        "kind": stage.c.kind,
        "contact_id": contact_id,
        "occurred_at": stage.c.occurred_at,
        "received_at": literal(run.now, UtcTime),
        "verdict": stage.c.verdict,
        "properties": stage.c.properties,
    }
    rows = select(*values.values()).select_from(joined).where(true()).order_by(stage.c.row)
    statement = insert_into(connection, event).from_select(list(values), rows)
    fresh = connection.execute(statement.on_conflict_do_nothing(), execution_options=COUNTED)
    latest = func.max(stage.c.occurred_at, type_=UtcTime)
    loaded, newest = connection.execute(select(func.count(stage.c.event_id.distinct()), latest)).one()
    return Merged(loaded, newest, {"new": fresh.rowcount})


def _id_of(*said: Any) -> str:
    return "c-" + hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


EVENTS = Kind(event_shape, stage, stage_events, merge_events, (event,))
