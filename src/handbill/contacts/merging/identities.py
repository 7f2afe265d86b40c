"""Which contact a row about somebody means: by external id, e-mail address, telephone, or name and address.

A row with an external id means the contact of that id, or the one that the id was merged into. A new external id is a
new contact, unless we knew the person only by mailbox or address so far, or `--match` says by which keys it may be a
known one. A row without an external id means a contact with its mailbox, else with its telephone or its address and
the same name. See docs/decisions/0008-who-is-who.md.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Row,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)

from handbill.contacts.identity import fold
from handbill.contacts.merging.contact_rows import ADDRESS, contact_stage
from handbill.contacts.merging.kinds import KEYS, Import
from handbill.contacts.merging.staging import COUNTED, analysed, stage_table
from handbill.store.inserts import insert_into
from handbill.store.tables import contact, contact_merge
from handbill.store.types import UtcTime

stage = contact_stage
merge_stage = stage_table("stage_merge", Column("merged_id", Text), Column("external_id", Text), Column("by_key", Text))
_AT_A_TIME = 20_000
KEY_COLUMNS = {"email": "email_key", "phone": "phone", "address": "address_key"}
_LENGTH_OF_MADE_IDS = 34
_MOST_SHARING = 100
"""A mailbox, telephone or address of more people than these is a company's or a placeholder, and names nobody."""


def say_whom_rows_mean(connection: Connection, run: Import) -> None:
    """Gives every row the external id of the contact that it means. Of several rows for one contact the last stays."""
    merge_stage.create(connection)
    if _somebody_may_be_known_otherwise(connection, run):
        for column in ("row", "email_key", "external_id"):
            connection.exec_driver_sql(f"CREATE INDEX stage_contact_{column} ON {stage.name} ({column})")
        analysed(connection, stage)
        _by_external_id(connection)
        _by_mailbox_alone(connection)
        keys = [key for key in KEYS if _is_filled(run, key)]
        for key in keys:
            _by_key(connection, run, key)
        _beside(connection)
        for key in keys:
            if key in run.match:
                _by_each_other(connection, key)
        own = func.coalesce(stage.c.external_id, stage.c.made_id)
        connection.execute(update(stage).where(stage.c.meant.is_(None)).values(meant=own))
        _follow(connection)
        _keep_names(connection)
        connection.execute(update(stage).values(external_id=stage.c.meant))
    connection.exec_driver_sql(f"CREATE INDEX stage_contact_id ON {stage.name} (external_id)")
    twice = select(stage.c.external_id).group_by(stage.c.external_id).having(func.count() > 1)
    if connection.execute(twice.limit(1)).first():
        last = select(func.max(stage.c.row)).group_by(stage.c.external_id)
        connection.execute(delete(stage).where(stage.c.row.not_in(last)))
    analysed(connection, stage)


def note_merges(connection: Connection, run: Import) -> int:
    """Remembers which external ids mean a contact of another one, now that all are there; answers how many are new."""
    values: dict[str, Any] = {
        "contact_id": contact.c.id,
        "merged_external_id": merge_stage.c.merged_id,
        "by_key": func.min(merge_stage.c.by_key),
        "at": literal(run.now, UtcTime),
        "source": literal(run.source),
    }
    rows = select(*values.values()).join(merge_stage, merge_stage.c.external_id == contact.c.external_id)
    rows = rows.where(true()).group_by(contact.c.id, merge_stage.c.merged_id).order_by(contact.c.id)
    statement = insert_into(connection, contact_merge).from_select(list(values), rows).on_conflict_do_nothing()
    return int(connection.execute(statement, execution_options=COUNTED).rowcount)


def agree(one: str | None, other: str | None) -> bool:
    """Whether two names can be one person's: alike but for case, accents and punctuation, or one is not known."""
    return not one or not other or fold(one) == fold(other)


def few_share(table: Table, key: str) -> ColumnElement[bool]:
    """Whether the key of a staged row stands for few people enough in a table to tell somebody."""
    column = table.alias("crowd").c[KEY_COLUMNS[key]]
    crowded = select(column).where(column.is_not(None)).group_by(column).having(func.count() > _MOST_SHARING)
    return stage.c[KEY_COLUMNS[key]].not_in(crowded)


def made_up(of: Any) -> ColumnElement[bool]:
    """Whether a contact has no external id of its source's, but one that we made of its mailbox or address."""
    by_email = func.coalesce(of.external_id == literal("e-") + of.email_hash, literal(value=False))
    by_address = and_(of.external_id.like("p-%"), func.length(of.external_id) == _LENGTH_OF_MADE_IDS)
    return or_(by_email, and_(by_address, of.email_key.is_(None)))


def _somebody_may_be_known_otherwise(connection: Connection, run: Import) -> bool:
    """Whether any row can mean another contact than its external id says; most files come by without a search."""
    questions: Iterable[ColumnElement[bool]] = (
        exists().where(stage.c.external_id.is_(None)),
        exists().where(contact_merge.c.id.is_not(None)),
        exists().where(made_up(contact.c)),
    )
    return bool(run.match) or any(connection.scalar(select(question)) for question in questions)


def _is_filled(run: Import, key: str) -> bool:
    return bool(set(run.layout.filled).intersection(ADDRESS if key == "address" else (key,)))


def _by_external_id(connection: Connection) -> None:
    own = select(contact.c.external_id).where(contact.c.external_id == stage.c.external_id).scalar_subquery()
    merged = (
        select(contact.c.external_id)
        .join(contact_merge, contact_merge.c.contact_id == contact.c.id)
        .where(contact_merge.c.merged_external_id == stage.c.external_id)
        .scalar_subquery()
    )
    found = func.coalesce(own, merged)
    connection.execute(update(stage).where(stage.c.external_id.is_not(None)).values(meant=found))


def _by_mailbox_alone(connection: Connection) -> None:
    """A row without an external id means the oldest contact with its mailbox, however many share that."""
    oldest = select(contact.c.external_id).where(contact.c.email_key == stage.c.email_key).order_by(contact.c.id)
    lacking = (stage.c.external_id.is_(None), stage.c.email_key.is_not(None))
    connection.execute(update(stage).where(*lacking).values(meant=oldest.limit(1).scalar_subquery()))


def _by_key(connection: Connection, run: Import, key: str) -> None:
    """Finds the contacts of rows that none was found for yet; of several that agree, the oldest."""
    allowed = or_(stage.c.external_id.is_(None), literal(value=key in run.match), made_up(contact.c))
    candidates = (
        select(*_compared(contact.c), contact.c.external_id.label("kept"))
        .join(contact, contact.c[KEY_COLUMNS[key]] == stage.c[KEY_COLUMNS[key]])
        .where(stage.c.meant.is_(None), allowed, few_share(contact, key))
        .order_by(stage.c.row, contact.c.id)
    )
    _choose(connection, candidates, key)


def _beside(connection: Connection) -> None:
    """A row with a mailbox only means the contact of that mailbox whose id stands in another row of the file."""
    others = stage.alias("others")
    named = func.coalesce(others.c.meant, others.c.external_id)
    beside = select(func.max(named)).where(others.c.email_key == stage.c.email_key).scalar_subquery()
    lacking = (stage.c.external_id.is_(None), stage.c.meant.is_(None), stage.c.email_key.is_not(None))
    connection.execute(update(stage).where(*lacking).values(meant=beside))


def _by_each_other(connection: Connection, key: str) -> None:
    """Two new external ids of one file that mean one contact: the first stays."""
    others = stage.alias("others")
    named = func.coalesce(others.c.meant, others.c.external_id)
    candidates = (
        select(*_compared(others.c), named.label("kept"))
        .join(others, and_(others.c[KEY_COLUMNS[key]] == stage.c[KEY_COLUMNS[key]], others.c.row < stage.c.row))
        .where(stage.c.meant.is_(None), named != stage.c.external_id, few_share(stage, key))
        .order_by(stage.c.row, others.c.row)
    )
    _choose(connection, candidates, key)


def _follow(connection: Connection) -> None:
    """Where a row means the contact of another row, which means a third, it means the third."""
    others = stage.alias("others")
    third = (
        select(func.min(others.c.meant))
        .where(others.c.external_id == stage.c.meant, others.c.meant != others.c.external_id)
        .scalar_subquery()
    )
    connection.execute(update(stage).where(third.is_not(None)).values(meant=third))


def _keep_names(connection: Connection) -> None:
    """Sets aside which external ids of the file mean a contact of another one."""
    names = (stage.c.external_id, stage.c.meant, stage.c.by_key)
    moved = select(*names).where(stage.c.by_key.is_not(None), stage.c.external_id != stage.c.meant).distinct()
    connection.execute(insert(merge_stage).from_select(["merged_id", "external_id", "by_key"], moved))


def _choose(connection: Connection, candidates: Any, key: str) -> None:
    """Gives each row the first of its candidates that can be the same person."""
    change = update(stage).where(stage.c.row == bindparam("of"))
    last = connection.scalar(select(func.max(stage.c.row))) or 0
    for start in range(0, last + 1, _AT_A_TIME):
        found: dict[int, str] = {}
        within = candidates.where(stage.c.row >= start, stage.c.row < start + _AT_A_TIME)
        for row in connection.execute(within):
            if row.row not in found and _same_person(key, row):
                found[row.row] = row.kept
        if found:
            rows = [{"of": row, "kept": kept} for row, kept in found.items()]
            connection.execute(change.values(meant=bindparam("kept"), by_key=key), rows)


def _compared(other: Any) -> Iterator[ColumnElement[Any]]:
    yield from (stage.c.row, stage.c.external_id)
    for name in ("email_key", "phone", "first_name", "last_name"):
        yield from (stage.c[name].label(f"own_{name}"), other[name].label(f"other_{name}"))


def _same_person(key: str, row: Row[Any]) -> bool:
    """People share telephones, mailboxes and doors: what else is known of them must not contradict it."""
    if key != "email" and row.own_email_key and row.other_email_key and row.own_email_key != row.other_email_key:
        return False
    if key == "phone" and not row.own_phone.startswith("+"):  # a number whose country is not known names nobody
        return False
    if key == "address" and not (row.own_last_name and row.other_last_name):
        return False
    return agree(row.own_first_name, row.other_first_name) and agree(row.own_last_name, row.other_last_name)
