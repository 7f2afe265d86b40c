"""How contacts are merged: whom a row means, what it changes, and what it leaves alone."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Text, func, literal, or_, select, true
from sqlalchemy import cast as sql_cast

from handbill.contacts.merging.contact_rows import (
    ADDRESS,
    EMAIL,
    PLACE,
    PLAIN,
    contact_shape,
    contact_stage,
    stage_contacts,
)
from handbill.contacts.merging.history import note_changes
from handbill.contacts.merging.households import settle_households
from handbill.contacts.merging.identities import note_merges, say_whom_rows_mean
from handbill.contacts.merging.kinds import Import, Kind, Merged
from handbill.contacts.merging.merges import merge_known, withdraw_for_all
from handbill.contacts.merging.staging import SQLITE, one_at_a_time
from handbill.contacts.rows.quarantine import Quarantine
from handbill.contacts.suppressions import suppress_known_digests
from handbill.definitions.fields import BUILTIN_FIELDS
from handbill.store.inserts import insert_into
from handbill.store.tables import Json, attribute_history, contact

stage = contact_stage


def merge_contacts(connection: Connection, run: Import, quarantine: Quarantine) -> Merged:
    """Brings the staged rows into the store: new contacts are added, known ones change where the file has columns."""
    one_at_a_time(connection, "contacts")
    filled = {*run.layout.filled, *run.layout.extras}
    attributes = sorted(name for name in filled if name not in BUILTIN_FIELDS)
    say_whom_rows_mean(connection, run)
    merged = merge_known(connection, run, quarantine)
    _upsert(connection, run, filled, with_attributes=bool(attributes))
    settle_households(connection, stage, run.secret, filled)
    note_changes(connection, stage, attributes, run.now, with_email="email" in filled)
    merged += note_merges(connection, run)
    if merged:
        withdraw_for_all(connection, run)
    if "email" in filled or merged:
        suppress_known_digests(connection, contact.c.external_id.in_(select(stage.c.external_id)))
    staged = stage.join(contact, contact.c.external_id == stage.c.external_id)
    loaded, mailable = connection.execute(
        select(func.count(), func.count(contact.c.address_key)).select_from(staged)
    ).one()
    return Merged(loaded, counts={"mailable": mailable, **({"merged": merged} if merged else {})})


def _upsert(connection: Connection, run: Import, filled: set[str], *, with_attributes: bool) -> None:
    """A known contact is written only when something about it differs: the same file twice changes nothing."""
    known = contact.alias("known")
    now = literal(run.now, contact.c.updated_at.type)
    values: dict[str, Any] = {name: stage.c[name] for name in ("external_id", *EMAIL, *PLAIN, *ADDRESS, *PLACE)}
    values["household_key"] = func.coalesce(stage.c.household_key, literal("c:") + stage.c.external_id)
    values["created_at"] = func.coalesce(stage.c.created_at, now)
    values["updated_at"] = now
    values["attributes"] = _merged(connection, known.c.attributes) if with_attributes else _empty(connection)
    joined = stage.join(known, known.c.external_id == stage.c.external_id, isouter=True)
    rows = select(*values.values()).select_from(joined if with_attributes else stage)
    in_order = rows.where(true()).order_by(stage.c.row)
    insert = insert_into(connection, contact).from_select(list(values), in_order)
    changes = _changes(insert.excluded, filled, with_attributes=with_attributes)
    if not changes:
        connection.execute(insert.on_conflict_do_nothing(index_elements=["external_id"]))
        return
    differs = or_(*(contact.c[name].is_distinct_from(value) for name, value in changes.items()))
    changes["updated_at"] = now
    connection.execute(insert.on_conflict_do_update(index_elements=["external_id"], set_=changes, where=differs))


def _changes(new: Any, filled: set[str], *, with_attributes: bool) -> dict[str, ColumnElement[Any]]:
    """What of a known contact the file replaces. What it has no column for stays."""
    names = [name for name in (*PLAIN, *ADDRESS, "created_at") if name in filled]
    names += EMAIL if "email" in filled else ()
    names += PLACE if filled.intersection(ADDRESS) else ()
    names += ["attributes"] if with_attributes else []
    changes = {name: new[name] for name in names}
    if "postcode" in filled and "region" not in filled:
        changes["region"] = func.coalesce(new["region"], contact.c.region)  # the postcode may have told it
    return changes


def _merged(connection: Connection, known: ColumnElement[Any]) -> ColumnElement[Any]:
    """The known attributes with the new ones over them; an attribute that the file leaves empty goes."""
    before = func.coalesce(known, _empty(connection))
    if connection.dialect.name == SQLITE:
        return func.json_patch(before, stage.c.attributes)
    return func.jsonb_strip_nulls(before.op("||")(stage.c.attributes))


def _empty(connection: Connection) -> ColumnElement[Any]:
    empty = literal("{}", Text)
    return empty if connection.dialect.name == SQLITE else sql_cast(empty, Json)


CONTACTS = Kind(contact_shape, stage, stage_contacts, merge_contacts, (contact, attribute_history))
