"""Everything that the store holds about one person, as plain values that they can be given."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, or_, select

from handbill.contacts.erase import KEPT_TABLES
from handbill.definitions.values import MILLIONTHS
from handbill.store.tables import (
    assignment,
    assignment_member,
    attempt,
    attribute_history,
    consent,
    contact,
    contact_merge,
    enrollment,
    event,
    exclusion,
    experiment,
    metadata,
    order_line,
    orders,
    outbox,
    print_batch,
    print_piece,
    run,
    suppression,
)

Person = Row[Any]

_INNER = frozenset({"id", "contact_id", "email_key", "email_hash", "postal_hash", "address_key", "household_key"})
"""What we make for ourselves: numbers of rows and keys to compare by; other people's keys may be the same."""
_MONEY = frozenset({"total", "discount", "refund", "price"})


def everything_about(connection: Connection, person: Person) -> dict[str, Any]:
    """What is held about a contact, by what it is; times in ISO 8601, money in units of its currency."""
    profile = {name: value for name, value in _plain(person).items() if name not in {"attributes", "external_id"}}
    found: dict[str, Any] = {"id": person.external_id, "profile": profile, "fields": dict(person.attributes)}
    for name, statement in _SECTIONS.items():
        found[name] = [_plain(row) for row in connection.execute(statement(person)).all()]
    for order, row in zip(found["orders"], connection.execute(_orders(person)).all(), strict=True):
        lines = select(order_line.c.sku, order_line.c.quantity, order_line.c.price)
        mine = connection.execute(lines.where(order_line.c.order_id == row.id).order_by(order_line.c.id))
        order["lines"] = [_plain(line) for line in mine]
    for table in _others():
        rows = connection.execute(select(table).where(table.c.contact_id == person.id))
        if said := [_plain(row) for row in rows]:
            found[table.name] = said
    return found


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {
        name: _plain_value(name, value)
        for name, value in row._mapping.items()  # noqa: SLF001 - SQLAlchemy's public name for a row by columns
        if name not in _INNER and value is not None
    }


def _plain_value(name: str, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if name in _MONEY and isinstance(value, int):
        return str(Decimal(value) / MILLIONTHS)
    return value


def _history(person: Person) -> Select[Any]:
    past = attribute_history.c
    return select(past.name, past.value, past.from_at).where(past.contact_id == person.id).order_by(past.from_at)


def _suppressions(person: Person) -> Select[Any]:
    said = suppression.c
    mine = or_(
        and_(said.channel == "email", said.key_hash == person.email_hash),
        and_(said.channel == "direct_mail", said.key_hash == person.postal_hash),
    )
    return select(said.channel, said.reason, said.at, said.source).where(mine).order_by(said.at)


def _events(person: Person) -> Select[Any]:
    each = event.c
    columns = (each.source, each.source_event_id, each.kind, each.occurred_at, each.received_at, each.verdict)
    return select(*columns, each.properties).where(each.contact_id == person.id).order_by(each.occurred_at, each.id)


def _orders(person: Person) -> Select[Any]:
    return select(orders).where(orders.c.contact_id == person.id).order_by(orders.c.ordered_at, orders.c.id)


def _messages(person: Person) -> Select[Any]:
    each = outbox.c
    columns = (each.channel, each.arm, each.address, each.state, each.reason, each.not_before, each.accepted_at,
               each.settled_at, each.message_id, each.code, each.answer_code, each.answer_text)  # fmt: skip
    return (
        select(run.c.campaign, run.c.wave, *columns)
        .join(run, run.c.id == each.run_id)
        .where(each.contact_id == person.id)
        .order_by(each.id)
    )


def _attempts(person: Person) -> Select[Any]:
    columns = (attempt.c.number, attempt.c.ended_at, attempt.c.outcome, attempt.c.answer_code, attempt.c.answer_text)
    return (
        select(outbox.c.message_id, *columns)
        .join(outbox, outbox.c.id == attempt.c.outbox_id)
        .where(outbox.c.contact_id == person.id)
        .order_by(attempt.c.id)
    )


def _pieces(person: Person) -> Select[Any]:
    return (
        select(print_batch.c.name.label("batch"), print_piece.c.sequence, outbox.c.message_id)
        .join(print_piece, print_piece.c.batch_id == print_batch.c.id)
        .join(outbox, outbox.c.id == print_piece.c.outbox_id)
        .where(outbox.c.contact_id == person.id)
        .order_by(print_batch.c.id, print_piece.c.sequence)
    )


def _experiments(person: Person) -> Select[Any]:
    each = assignment.c
    return (
        select(experiment.c.campaign, each.unit_id, each.arm, each.propensity, each.eligible_at, each.origin_at)
        .join(experiment, experiment.c.id == each.experiment_id)
        .join(assignment_member, assignment_member.c.assignment_id == each.id)
        .where(assignment_member.c.contact_id == person.id)
        .order_by(each.id)
    )


def _entered(person: Person) -> Select[Any]:
    each = enrollment.c
    columns = (each.campaign, each.key, each.entered_at, each.due_at, each.exited_at, each.exit_reason)
    return select(*columns).where(each.contact_id == person.id).order_by(each.entered_at, each.id)


def _left_out(person: Person) -> Select[Any]:
    return (
        select(run.c.campaign, run.c.wave, exclusion.c.reason, exclusion.c.detail)
        .join(run, run.c.id == exclusion.c.run_id)
        .where(exclusion.c.contact_id == person.id)
        .order_by(exclusion.c.id)
    )


def _own(table: Table) -> Callable[[Person], Select[Any]]:
    return lambda person: select(table).where(table.c.contact_id == person.id).order_by(table.c.id)


_SECTIONS: Mapping[str, Callable[[Person], Select[Any]]] = {
    "other_ids": _own(contact_merge),
    "history": _history,
    "consents": _own(consent),
    "suppressions": _suppressions,
    "events": _events,
    "orders": _orders,
    "campaigns_entered": _entered,
    "campaigns_left_out_of": _left_out,
    "experiments": _experiments,
    "messages": _messages,
    "attempts": _attempts,
    "printed_pieces": _pieces,
}


def _others() -> list[Table]:
    """Tables that name contacts and have no section of their own, such as what people set on our pages."""
    known = {*KEPT_TABLES, contact_merge, attribute_history, consent}
    return [
        table
        for table in metadata.sorted_tables
        if table not in known and "contact_id" in table.c and table.c.contact_id.references(contact.c.id)
    ]
