"""What happens when two contacts that we knew turn out to be one person, and why nobody gets mail by it unasked.

The older one stays, or the one that took part in campaigns. Orders, events and consents follow it, what it lacks is
taken from the other, and the other's external id goes on naming it. Who withdrew a consent on either side has it
withdrawn; suppressions belong to mailboxes and addresses, and stay as they are.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)

from handbill.contacts.consent import EVERY_TOPIC, GRANTED, WITHDRAWN
from handbill.contacts.merging.contact_rows import ADDRESS, EMAIL, PLACE, PLAIN, contact_stage
from handbill.contacts.merging.history import EMAIL as EMAIL_HISTORY
from handbill.contacts.merging.identities import KEY_COLUMNS, agree, few_share
from handbill.contacts.merging.kinds import KEYS, Import
from handbill.contacts.rows.quarantine import Quarantine
from handbill.definitions.words import quoted
from handbill.store.inserts import insert_into
from handbill.store.tables import (
    attribute_history,
    consent,
    contact,
    contact_merge,
    event,
    metadata,
    orders,
)
from handbill.store.types import UtcTime

SOURCE = "merge"
_FOLLOW = (orders, event)
_SAID = ("channel", "topic", "state", "at", "source", "wording", "proof")
_GROUPS = (*((name,) for name in PLAIN), EMAIL, (*ADDRESS, *PLACE))
"""What is taken from the other contact together, where the one that stays has nothing."""

stage = contact_stage


def merge_known(connection: Connection, run: Import, quarantine: Quarantine) -> int:
    """Merges the contacts that a row names by its external id and by another key of `--match`; answers how many."""
    merged = 0
    for key in KEYS:
        if key in run.match:
            for row in connection.execute(_pairs(key)).all():
                merged += _merge_pair(connection, run, quarantine, row, key)
    return merged


def withdraw_for_all(connection: Connection, run: Import) -> None:
    """Withdraws for merged contacts what anybody with their mailbox or address has withdrawn."""
    for channel, column in (("email", "email_key"), ("direct_mail", "address_key")):
        other, given = contact.alias("other"), consent.alias("given")
        kept = select(contact_merge.c.contact_id).where(contact_merge.c.at == run.now)
        withdrawn = (
            select(contact.c.id, given.c.channel, given.c.topic, *_by_merge(run))
            .join(other, and_(other.c[column] == contact.c[column], other.c.id != contact.c.id))
            .join(given, given.c.contact_id == other.c.id)
            .where(contact.c.id.in_(kept), given.c.channel == channel, *_in_force(given))
            .distinct()
        )
        _withdraw(connection, withdrawn)


def _pairs(key: str) -> Any:
    """The known contacts of the staged rows beside those that share a key with the row; the oldest first."""
    one, other = contact.alias("one"), contact.alias("other")
    column = KEY_COLUMNS[key]
    names: list[ColumnElement[Any]] = [stage.c.first_name.label("own_first"), stage.c.last_name.label("own_last")]
    names += [other.c.first_name, other.c.last_name, other.c.email_key, stage.c.email_key.label("own_email_key")]
    return (
        select(stage.c.row, one.c.id.label("one"), other.c.id.label("other"), stage.c[column].label("shared"), *names)
        .join(one, one.c.external_id == stage.c.external_id)
        .join(other, and_(other.c[column] == stage.c[column], other.c.id != one.c.id))
        .where(or_(stage.c.phone.like("+%"), literal(value=key != "phone")), few_share(contact, key))
        .order_by(stage.c.row, other.c.id)
    )


def _merge_pair(connection: Connection, run: Import, quarantine: Quarantine, row: Any, key: str) -> int:
    both = select(contact).where(contact.c.id.in_((row.one, row.other))).order_by(contact.c.id)
    found = connection.execute(both).mappings().all()
    if len(found) < len((row.one, row.other)) or not _agree(row, key):
        return 0
    kept, gone = found
    if _took_part(connection, gone["id"]):
        if _took_part(connection, kept["id"]):
            column = run.layout.source_of({"address": "address_line1"}.get(key, key))
            names = f"{quoted(kept['external_id'])} and {quoted(gone['external_id'])}"
            reason = f"{names} share this, and both took part in campaigns. They stay two."
            quarantine.keep((row.row,), column, row.shared, reason)
            return 0
        kept, gone = gone, kept
    _absorb(connection, run, dict(kept), dict(gone), key)
    own, theirs = (stage.c.external_id == each["external_id"] for each in (kept, gone))
    connection.execute(update(stage).where(theirs).values(external_id=kept["external_id"]))
    last = select(func.max(stage.c.row)).where(own).scalar_subquery()
    connection.execute(delete(stage).where(own, stage.c.row < last))
    return 1


def _agree(row: Any, key: str) -> bool:
    if key != "email" and row.email_key and row.own_email_key and row.email_key != row.own_email_key:
        return False
    if key == "address" and not (row.own_last and row.last_name):
        return False
    return agree(row.own_first, row.first_name) and agree(row.own_last, row.last_name)


def _took_part(connection: Connection, contact_id: int) -> bool:
    """Whether anything that campaigns keep names the contact: then nobody may become somebody else."""
    ours = {*_FOLLOW, consent, attribute_history, contact_merge}
    tables = [table for table in metadata.sorted_tables if table not in ours and _names_contacts(table)]
    return any(connection.scalar(select(exists().where(table.c.contact_id == contact_id))) for table in tables)


def _names_contacts(table: Table) -> bool:
    return "contact_id" in table.c and table.c.contact_id.references(contact.c.id)


def _absorb(connection: Connection, run: Import, kept: Mapping[str, Any], gone: Mapping[str, Any], key: str) -> None:
    """Brings everything of one contact to the other, and removes it."""
    _withdraw_either(connection, run, (kept["id"], gone["id"]))
    said = select(literal(kept["id"]), *(consent.c[name] for name in _SAID)).where(consent.c.contact_id == gone["id"])
    copied = insert_into(connection, consent).from_select(["contact_id", *_SAID], said)
    connection.execute(copied.on_conflict_do_nothing())
    for table in (*_FOLLOW, contact_merge):
        connection.execute(update(table).where(table.c.contact_id == gone["id"]).values(contact_id=kept["id"]))
    taken = _taken(kept, gone)
    connection.execute(delete(contact).where(contact.c.id == gone["id"]))
    connection.execute(update(contact).where(contact.c.id == kept["id"]).values(**taken, updated_at=run.now))
    fresh = {name: value for name, value in taken["attributes"].items() if name not in kept["attributes"]}
    fresh |= {EMAIL_HISTORY: taken["email_key"]} if taken.get("email_key") else {}
    past = [{"contact_id": kept["id"], "name": name, "value": fresh[name], "from_at": run.now} for name in fresh]
    if past:
        connection.execute(insert(attribute_history), past)
    row = {"contact_id": kept["id"], "merged_external_id": gone["external_id"], "by_key": key}
    connection.execute(insert(contact_merge).values(**row, at=run.now, source=run.source))


def _taken(kept: Mapping[str, Any], gone: Mapping[str, Any]) -> dict[str, Any]:
    """What the contact that stays lacks and the other has."""
    taken: dict[str, Any] = {"attributes": {**gone["attributes"], **kept["attributes"]}}
    for group in _GROUPS:
        if all(kept[name] is None for name in group if name != "household_key"):
            taken |= {name: gone[name] for name in group}
    if str(taken.get("household_key")).startswith("c:"):
        del taken["household_key"]
    return taken


def _withdraw_either(connection: Connection, run: Import, both: tuple[int, int]) -> None:
    """What is withdrawn on one side is withdrawn: the strictest word wins."""
    given = consent.alias("given")
    rows = select(literal(both[0]), given.c.channel, given.c.topic, *_by_merge(run))
    _withdraw(connection, rows.where(given.c.contact_id.in_(both), *_in_force(given)).distinct())


def _in_force(given: Any) -> tuple[ColumnElement[bool], ...]:
    """That an entry withdraws, and that nothing later of the same contact gave it again."""
    later = consent.alias("later")
    again = exists().where(
        later.c.contact_id == given.c.contact_id,
        later.c.channel == given.c.channel,
        later.c.topic.in_((given.c.topic, EVERY_TOPIC)),
        later.c.at > given.c.at,
        later.c.state == GRANTED,
    )
    return given.c.state == WITHDRAWN, ~again


def _by_merge(run: Import) -> tuple[Any, ...]:
    return (literal(WITHDRAWN), literal(run.now, UtcTime), literal(SOURCE))


def _withdraw(connection: Connection, rows: Any) -> None:
    names = ["contact_id", "channel", "topic", "state", "at", "source"]
    connection.execute(insert_into(connection, consent).from_select(names, rows).on_conflict_do_nothing())
