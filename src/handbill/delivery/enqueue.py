"""One row in the outbox for every message of a run, made from the planned contacts in the same transaction."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    cast,
    func,
    insert,
    literal,
    null,
    select,
    type_coerce,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from handbill.contacts.addresses import Address, address_lines
from handbill.definitions.campaign import SEND_STEP, Campaign, email_of, mail_of
from handbill.definitions.project import Project
from handbill.delivery.providers import email_channel, sending_domain
from handbill.delivery.published import codes_of, publish
from handbill.planning.schedule import Wave
from handbill.planning.selection import Occasion, leaves_at, selection
from handbill.planning.timing import domain_of
from handbill.store.tables import contact, enrollment, outbox
from handbill.store.types import UtcTime, micros_of
from handbill.tokens import new_code

_ROWS_AT_ONCE = 1000


def enqueue(
    connection: Connection, project: Project, campaign: Campaign, wave: Wave, run_id: int, *, now: datetime
) -> int:
    """Queues the messages of every planned contact of the selection whom the run has enrolled; answers how many.

    Each gets a Message-ID and a Date that stay the same over all tries; a printed piece gets its response code.
    """
    occasion = Occasion(project, campaign, wave, now)
    with_email = [name for name, arm in campaign.arms.items() if email_of(campaign, arm)]
    with_mail = [name for name, arm in campaign.arms.items() if mail_of(campaign, arm)]
    if with_email:
        _enqueue_email(connection, occasion, _planned(run_id, with_email))
    if with_mail:
        _enqueue_mail(connection, occasion, _planned(run_id, with_mail))
    return connection.scalar(select(func.count()).where(outbox.c.run_id == run_id)) or 0


def printed_address(person: Row[Any]) -> Iterator[str]:
    """The address lines of a row of `contact` as they are printed, the name first."""
    name = " ".join(part for part in (person.first_name, person.last_name) if part)
    yield from (line for line in (name, person.company) if line)
    yield from address_lines(
        Address(person.address_line1, person.address_line2, person.city, person.region, person.postcode,
                person.country, person.address_key)
    )  # fmt: skip


class RandomHex(FunctionElement[str]):
    """32 random hexadecimal digits, other ones in every row."""

    type = Text()
    inherit_cache = True


@compiles(RandomHex, "sqlite")
def _on_sqlite(_element: RandomHex, _compiler: SQLCompiler, **_keywords: Any) -> str:
    return "lower(hex(randomblob(16)))"


@compiles(RandomHex, "postgresql")
def _on_postgresql(_element: RandomHex, _compiler: SQLCompiler, **_keywords: Any) -> str:
    return "replace(gen_random_uuid()::text, '-', '')"


def _planned(run_id: int, arms: list[str]) -> Select[Any]:
    """What every row begins with, for the planned contacts of some arms."""
    return (
        select(
            literal(run_id).label("run_id"),
            enrollment.c.id.label("enrollment_id"),
            selection.c.contact_id,
            selection.c.arm,
            literal(SEND_STEP).label("step"),
            literal("queued").label("state"),
        )
        .select_from(
            selection.join(contact, contact.c.id == selection.c.contact_id).join(
                enrollment, (enrollment.c.contact_id == contact.c.id) & (enrollment.c.run_id == run_id)
            )
        )
        .where(selection.c.reason.is_(None), selection.c.arm.in_(arms))
        .order_by(selection.c.contact_id)
    )


def _enqueue_email(connection: Connection, occasion: Occasion, planned: Select[Any]) -> None:
    channel = email_channel(occasion.project)
    leaves = type_coerce(leaves_at(occasion, "email"), UtcTime)
    messages = planned.add_columns(
        literal("email").label("channel"),
        contact.c.email.label("address"),
        contact.c.email_key.label("address_key"),
        contact.c.email_hash.label("address_hash"),
        domain_of(connection, contact.c.email_key).label("domain"),
        selection.c.timezone.label("timezone"),
        leaves.label("not_before"),
        type_coerce(_last_at(occasion.wave), UtcTime).label("expires_at"),
        leaves.label("message_at"),
        (RandomHex() + literal(f"@{sending_domain(channel)}")).label("message_id"),
        RandomHex().label("idempotency_key"),
        literal(channel.cost, BigInteger).label("cost"),
    )
    names = [column.name for column in messages.selected_columns]
    connection.execute(insert(outbox).from_select(names, messages))


def _last_at(wave: Wave) -> ColumnElement[int]:
    """After this, by the recipient's own time zone, it is too late; null without a limit."""
    if wave.max_lateness is None:
        return cast(null(), BigInteger)
    return type_coerce(selection.c.due_at, BigInteger) + micros_of(wave.max_lateness)


def _enqueue_mail(connection: Connection, occasion: Occasion, planned: Select[Any]) -> None:
    post = occasion.project.channels.direct_mail
    if post and post.links:
        landings = list(codes_of(occasion.project, occasion.campaign))
        publish(connection, occasion.campaign.name, landings, now=occasion.now)
    leaves = type_coerce(leaves_at(occasion, "direct_mail"), UtcTime).label("leaves_at")
    people = connection.execute(planned.add_columns(leaves, *_postal_columns()), execution_options={"yield_per": 1000})
    for batch in people.partitions(_ROWS_AT_ONCE):
        codes = _unused_codes(connection, len(batch))
        rows = [_piece(person, code, post.cost if post else 0) for person, code in zip(batch, codes, strict=True)]
        connection.execute(insert(outbox), rows)


def _postal_columns() -> list[ColumnElement[Any]]:
    names = ("first_name", "last_name", "company", "address_line1", "address_line2", "city", "region", "postcode",
             "country", "address_key", "household_key", "postal_hash")  # fmt: skip
    return [contact.c[name] for name in names]


def _piece(person: Row[Any], code: str, cost: int) -> dict[str, object]:
    key = uuid4().hex
    return {
        **{name: getattr(person, name) for name in ("run_id", "enrollment_id", "contact_id", "arm", "step", "state")},
        "channel": "direct_mail",
        "address": "\n".join(printed_address(person)),
        "address_key": person.household_key,  # two households behind one door get a piece each
        "address_hash": person.postal_hash,
        "not_before": person.leaves_at,
        "message_at": person.leaves_at,
        "message_id": key,
        "idempotency_key": key,
        "code": code,
        "cost": cost,
    }


def _unused_codes(connection: Connection, count: int) -> list[str]:
    """New codes that no piece has; of 78 thousand million, a draw rarely meets one."""
    codes: set[str] = set()
    while len(codes) < count:
        drawn = {new_code() for _ in range(count - len(codes))}
        codes |= drawn - set(connection.scalars(select(outbox.c.code).where(outbox.c.code.in_(sorted(drawn)))))
    return list(codes)
