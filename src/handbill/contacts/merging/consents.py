"""How consents are merged: every grant and withdrawal is added to the ledger once."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, Text, func, literal, select, true

from handbill.contacts.consent import EVERY_TOPIC, STATES
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
from handbill.contacts.merging.staging import COUNTED, Staged, stage_table
from handbill.contacts.rows.converted import Converted
from handbill.contacts.rows.layout import FieldSpec, Shape
from handbill.contacts.rows.quarantine import Quarantine
from handbill.definitions.campaign import CHANNELS
from handbill.definitions.project import Project
from handbill.store.inserts import insert_into
from handbill.store.tables import consent
from handbill.store.types import UtcTime, to_micros

_CALLED = {**CONTACT_CALLED, "status": "state", "date": "at", "time": "at", "timestamp": "at"}

stage = stage_table(
    "stage_consent",
    Column("row", Integer),
    *contact_columns(),
    Column("channel", Text),
    Column("topic", Text),
    Column("state", Text),
    Column("at", BigInteger),
    Column("wording", Text),
)


def consent_shape(project: Project) -> Shape:
    """The fields of a consent. The topic is one that the project declares, or * for all of them."""
    fields = {
        **CONTACT_FIELDS,
        "channel": FieldSpec("text", required=True, one_of=CHANNELS),
        "topic": FieldSpec("text", required=True, one_of=(*project.topics, EVERY_TOPIC)),
        "state": FieldSpec("text", required=True, one_of=STATES),
        "at": FieldSpec("time"),
        "wording": FieldSpec("text"),
    }
    return Shape(fields, (NEEDS_CONTACT, ("channel",), ("topic",), ("state",)), _CALLED)


def stage_consents(run: Import, converted: Converted, quarantine: Quarantine) -> Staged:
    """One row a grant or withdrawal; without a time it counts from the import."""
    return Staged(tuple(stage.columns.keys()), _rows(run, converted, quarantine))


def _rows(run: Import, converted: Converted, quarantine: Quarantine) -> Iterator[tuple[Any, ...]]:
    now = to_micros(run.now)
    contacts, emails, times = (converted.column(name) for name in ("contact", "email", "at"))
    plain = [converted.column(name) for name in ("channel", "topic", "state")]
    wordings = converted.column("wording")
    for at in converted.good():
        rows = converted.rows[at]
        if require_contact(run, quarantine, rows, contacts[at], emails[at]):
            moment = now if times[at] is None else times[at]
            said = (column[at] for column in plain)
            yield (rows[-1], contacts[at], emails[at], None, *said, moment, wordings[at])


def merge_consents(connection: Connection, run: Import, quarantine: Quarantine) -> Merged:
    """Adds what the ledger does not have yet."""
    reject_strangers(connection, stage, run, quarantine)
    joined, contact_id = with_contacts(stage)
    values: dict[str, Any] = {name: stage.c[name] for name in ("channel", "topic", "state", "at", "wording")}
    values |= {"contact_id": contact_id, "source": literal(run.source)}
    rows = select(*values.values()).select_from(joined).where(true()).order_by(stage.c.row)
    statement = insert_into(connection, consent).from_select(list(values), rows)
    fresh = connection.execute(statement.on_conflict_do_nothing(), execution_options=COUNTED)
    said = (stage.c[name] for name in ("channel", "topic", "state", "at"))
    entries = select(contact_id, *said).select_from(joined).distinct().subquery()
    latest = func.max(entries.c.at, type_=UtcTime)
    loaded, newest = connection.execute(select(func.count(), latest).select_from(entries)).one()
    return Merged(loaded, newest, {"new": fresh.rowcount})


CONSENTS = Kind(consent_shape, stage, stage_consents, merge_consents, (consent,))
