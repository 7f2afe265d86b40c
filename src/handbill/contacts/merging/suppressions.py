"""How suppressions are merged: as keyed hashes, also of addresses that belong to nobody we know."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, Integer, Text, and_, case, delete, func, literal, select, update

from handbill.contacts.addresses import normalise_address
from handbill.contacts.identity import email_hash, postal_hash
from handbill.contacts.merging.contact_rows import ADDRESS
from handbill.contacts.merging.kinds import Import, Kind, Merged
from handbill.contacts.merging.lookup import (
    CONTACT_CALLED,
    CONTACT_FIELDS,
    contact_columns,
    find_contacts,
    stranger_reason,
)
from handbill.contacts.merging.staging import COUNTED, Staged, stage_table
from handbill.contacts.rows.converted import Converted
from handbill.contacts.rows.layout import FieldSpec, Shape
from handbill.contacts.rows.quarantine import Quarantine
from handbill.contacts.suppressions import hash_column, suppress_known_digests
from handbill.definitions.campaign import CHANNELS
from handbill.definitions.project import Project
from handbill.store.inserts import insert_into
from handbill.store.tables import contact, suppressed_digest, suppression
from handbill.store.types import UtcTime, to_micros

DEFAULT_REASON = "imported"

_FIELDS = {
    **CONTACT_FIELDS,
    **{name: FieldSpec("country" if name == "country" else "text") for name in ADDRESS},
    "email_sha256": FieldSpec("sha256"),
    "channel": FieldSpec("text", required=True, one_of=CHANNELS),
    "reason": FieldSpec("text"),
    "at": FieldSpec("time"),
}
_CALLED = {**CONTACT_CALLED, "date": "at", "time": "at", "timestamp": "at", "sha256": "email_sha256"}

stage = stage_table(
    "stage_suppression",
    Column("row", Integer),
    *contact_columns(),
    Column("channel", Text),
    Column("key_hash", Text),
    Column("digest", Text),
    Column("reason", Text),
    Column("at", BigInteger),
)


def suppression_shape(project: Project) -> Shape:  # noqa: ARG001 - suppressions have the same fields in every project
    """The fields of a suppression: a channel, and a contact, a mailbox or a postal address."""
    return Shape(_FIELDS, (("channel",), ("contact", "email", "address_line1", "email_sha256")), _CALLED)


def stage_suppressions(run: Import, converted: Converted, quarantine: Quarantine) -> Staged:
    """One row a suppression, with the hash where the row itself has the mailbox or the address."""
    return Staged(tuple(stage.columns.keys()), _rows(run, converted, quarantine))


def _rows(run: Import, converted: Converted, quarantine: Quarantine) -> Iterator[tuple[Any, ...]]:
    now = to_micros(run.now)
    names = ("contact", "email", "email_sha256", "channel", "reason", "at")
    contacts, emails, digests, channels, reasons, times = (converted.column(name) for name in names)
    places = list(zip(*(converted.column(name) for name in ADDRESS), strict=True))
    for at in converted.good():
        rows, key_hash = converted.rows[at], None
        if channels[at] == "email" and emails[at]:
            key_hash = email_hash(run.secret, emails[at])
        elif channels[at] == "direct_mail" and any(places[at]):
            address = normalise_address(*places[at])
            if address.address_key:
                key_hash = postal_hash(run.secret, address.address_key)
            elif address.problem:
                column = run.layout.source_of("address_line1")
                quarantine.reject(rows, column, address.line1, f"the address is not known: {address.problem}")
                continue
        digest = digests[at] if channels[at] == "email" and not key_hash else None
        if not (key_hash or contacts[at] or emails[at] or digest):
            quarantine.reject(rows, "", "", "the row names no contact, mailbox or address of its channel.")
            continue
        moment = now if times[at] is None else times[at]
        reason = reasons[at] or DEFAULT_REASON
        yield (rows[-1], contacts[at], emails[at], None, channels[at], key_hash, digest, reason, moment)


def merge_suppressions(connection: Connection, run: Import, quarantine: Quarantine) -> Merged:
    """Adds what is not suppressed yet; what is keeps its first reason."""
    find_contacts(connection, stage)
    own = select(case(*((stage.c.channel == channel, hash_column(channel)) for channel in CHANNELS)))
    theirs = own.where(contact.c.id == stage.c.contact_id).scalar_subquery()
    connection.execute(update(stage).where(stage.c.key_hash.is_(None)).values(key_hash=theirs))
    hashed = _merge_digests(connection, run)
    _reject_unreachable(connection, run, quarantine)
    values: dict[str, Any] = {name: stage.c[name] for name in ("channel", "key_hash", "reason", "at")}
    values["source"] = literal(run.source)
    rows = select(*values.values()).where(stage.c.key_hash.is_not(None)).order_by(stage.c.at, stage.c.row)
    statement = insert_into(connection, suppression).from_select(list(values), rows)
    fresh = connection.execute(statement.on_conflict_do_nothing(), execution_options=COUNTED)
    latest = func.max(stage.c.at, type_=UtcTime)
    loaded, newest = connection.execute(select(func.count(), latest).select_from(stage)).one()
    return Merged(loaded, newest, {"new": fresh.rowcount + hashed})


def _merge_digests(connection: Connection, run: Import) -> int:
    """Keeps the hashes of mailboxes, and suppresses the contacts that have one of them; answers how many are new."""
    values: dict[str, Any] = {name: stage.c[name] for name in ("digest", "reason", "at")}
    values["source"] = literal(run.source)
    rows = select(*values.values()).where(stage.c.digest.is_not(None), stage.c.key_hash.is_(None))
    statement = insert_into(connection, suppressed_digest).from_select(
        list(values), rows.order_by(stage.c.at, stage.c.row)
    )
    fresh = connection.execute(statement.on_conflict_do_nothing(), execution_options=COUNTED)
    suppress_known_digests(connection)
    return int(fresh.rowcount)


def _reject_unreachable(connection: Connection, run: Import, quarantine: Quarantine) -> None:
    nothing = and_(stage.c.key_hash.is_(None), stage.c.digest.is_(None))
    for row in connection.execute(select(stage).where(nothing).order_by(stage.c.row)).all():
        column, shown, reason = stranger_reason(run, row.contact, row.email_key)
        if row.contact_id is not None:
            reason = f"this contact has no {'mailbox' if row.channel == 'email' else 'address that post can go to'}."
        quarantine.reject((row.row,), column, shown, reason)
    connection.execute(delete(stage).where(nothing))


SUPPRESSIONS = Kind(suppression_shape, stage, stage_suppressions, merge_suppressions)
