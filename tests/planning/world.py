"""A small world of plain values: people with all that they did and got, and the store that holds the same."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from handbill.store.tables import (
    attribute_history,
    contact,
    definition,
    enrollment,
    event,
    order_line,
    orders,
    outbox,
    product,
    run,
    suppression,
)
from handbill.store.tables import consent as consent_table
from tests.conftest import NOW
from tests.planning.shop import millionths

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PRODUCTS = {"boots": ("Boots", "shoes", 80), "sandals": ("Sandals", "shoes", 30), "hat": ("Hat", "hats", 10),
            "gift": ("Gift", None, 5)}  # fmt: skip
"""Name, category and price by sku; what is sold as `mystery` is not among them."""

ATTRIBUTES: dict[str, tuple[Any, ...]] = {
    "loyalty_points": (-1, 0, 5, 120, "5", None),
    "score": (2.5, -1, 0, None),
    "tier": ("basic", "silver", "gold", "", None),
    "vip": (True, False, "true", None),
    "birthday": ("1990-05-01", "2026-11-30", "2026-12-01", None),
}


@dataclass(frozen=True)
class Line:
    """So many pieces of one product, each at a price."""

    sku: str
    quantity: int
    price: int


@dataclass(frozen=True)
class Order:
    """An order with its lines."""

    at: datetime
    total: int
    code: str | None
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Message:
    """A message of a campaign; `accepted_at` is None for one that did not leave."""

    campaign: str
    arm: str
    channel: str
    accepted_at: datetime | None


@dataclass(frozen=True)
class Happened:
    """An event, of which message it is the answer (by its place among the person's), if of one."""

    kind: str
    at: datetime
    properties: dict[str, Any]
    verdict: str | None = None
    answers: int | None = None


@dataclass
class Person:
    """Somebody, and everything about them."""

    number: int
    country: str | None
    email: str | None
    address: str | None
    address_problem: str | None
    suppressed: dict[str, datetime]
    created_at: datetime
    attributes: dict[str, Any]
    history: list[tuple[str, Any, datetime]] = field(default_factory=list)
    consents: list[tuple[str, str, str, datetime]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    events: list[Happened] = field(default_factory=list)

    @property
    def external_id(self) -> str:
        """Also the order in which they were added."""
        return f"{self.number:02}"


def random_people(seed: int, count: int = 40) -> list[Person]:
    """People in every combination that chance makes of a few values; the same ones for the same seed."""
    draw = random.Random(seed)
    return [_person(draw, number) for number in range(count)]


def put(connection: Connection, people: list[Person]) -> None:
    """Fills an empty store with them."""
    rows = [{"sku": sku, "name": name, "category": category, "price": millionths(price)}
            for sku, (name, category, price) in PRODUCTS.items()]  # fmt: skip
    connection.execute(insert(product), rows)
    for person in people:
        _put_person(connection, person)
        _put_orders(connection, person)
        _put_events(connection, person, _put_messages(connection, person))


def _person(draw: random.Random, number: int) -> Person:
    person = Person(
        number=number,
        country=draw.choice(["GB", "gb", "IE", "Åland", None]),
        email=draw.choice([f"{number}@x.example", f"{number}@partner.example", None]),
        address=draw.choice([f"{number} High Street", None]),
        address_problem=None,
        suppressed={each: _moment(draw) for each in ("email", "direct_mail") if draw.random() < 0.2},
        created_at=_moment(draw),
        attributes={name: draw.choice(values) for name, values in ATTRIBUTES.items() if draw.random() < 0.9},
    )
    if person.address is None and draw.random() < 0.5:
        person.address_problem = "the city is missing."
    person.history = list(_history(draw, person))
    person.consents = [
        (draw.choice(["email", "direct_mail"]), draw.choice(["offers", "*", "events"]),
         draw.choice(["granted", "withdrawn"]), _moment(draw))
        for _ in range(draw.randrange(4))
    ]  # fmt: skip
    person.orders = [_order(draw) for _ in range(draw.choice([0, 0, 1, 2, 4]))]
    person.messages = list(_messages(draw))
    person.events = [_event(draw, person) for _ in range(draw.choice([0, 1, 3, 6]))]
    return person


def _moment(draw: random.Random) -> datetime:
    """On the hour, so that ends of windows are met; some after now."""
    return NOW - draw.choice([-2 * DAY, 0 * DAY, HOUR, DAY, 3 * DAY, 10 * DAY, 10 * DAY + HOUR, 30 * DAY, 400 * DAY])


def _history(draw: random.Random, person: Person) -> Iterator[tuple[str, Any, datetime]]:
    """What the attributes were, ending with what they are; of some attributes nothing is known."""
    for name, value in person.attributes.items():
        past = [draw.choice(ATTRIBUTES[name]) for _ in range(draw.choice([0, 0, 1, 2]))]
        times = sorted(NOW - days * DAY for days in draw.sample([1, 5, 20, 30, 40, 300], len(past) + 1))
        if draw.random() < 0.8:
            yield from ((name, each, at) for each, at in zip([*past, value], times, strict=True))


def _order(draw: random.Random) -> Order:
    lines = tuple(
        Line(draw.choice([*PRODUCTS, "mystery"]), draw.choice([1, 1, 2, -1]), draw.choice([5, 10, 20]))
        for _ in range(draw.randrange(3))
    )
    return Order(_moment(draw), draw.choice([20, 7, 40, -5, -10, 0]), draw.choice([None, "SPRING"]), lines)


def _messages(draw: random.Random) -> Iterator[Message]:
    for campaign, channel in (("spring-sale", "email"), ("winback", "email"), ("winback", "direct_mail")):
        if draw.random() < 0.5:
            arms = ("plain", "discount") if campaign == "spring-sale" else ("both", channel)
            left = None if draw.random() < 0.2 else _moment(draw)
            yield Message(campaign, draw.choice(arms), channel, left)


def _event(draw: random.Random, person: Person) -> Happened:
    kind = draw.choice(["page_view", "page_view", "email.clicked", "email.opened", "email.bounced", "letter.delivered"])
    properties: dict[str, Any] = {
        "seconds": draw.choice([3, 12.5, "12.5", None]),
        "path": draw.choice(["/sale", "/", 7]),
        "new": draw.choice([True, False, "true"]),
        "sku": draw.choice([*PRODUCTS, "mystery", 5]),
        "link": draw.choice(["https://shop.example/shoes", "https://shop.example/"]),
    }
    kept = {name: value for name, value in properties.items() if draw.random() < 0.8}
    if kind == "page_view":
        return Happened(kind, _moment(draw), kept)
    answers = draw.choice([*range(len(person.messages)), None])
    return Happened(kind, _moment(draw), kept, draw.choice([None, "human", "machine"]), answers)


def _put_person(connection: Connection, person: Person) -> None:
    number = person.external_id
    connection.execute(insert(contact).values(
        external_id=number, email=person.email, email_key=person.email, country=person.country,
        address_key=person.address, address_problem=person.address_problem, household_key=number,
        email_hash=f"e{number}" if person.email else None, postal_hash=f"p{number}" if person.address else None,
        attributes=person.attributes, created_at=person.created_at, updated_at=NOW))  # fmt: skip
    for name, value, at in person.history:
        connection.execute(insert(attribute_history).values(
            contact_id=_id(connection, person), name=name, value=value, from_at=at))  # fmt: skip
    for channel, topic, state, at in set(person.consents):
        connection.execute(insert(consent_table).values(
            contact_id=_id(connection, person), channel=channel, topic=topic, state=state, at=at,
            source="test"))  # fmt: skip
    for channel, at in person.suppressed.items():
        connection.execute(insert(suppression).values(
            channel=channel, key_hash=f"{'e' if channel == 'email' else 'p'}{number}", reason="asked", at=at,
            source="test"))  # fmt: skip


def _put_orders(connection: Connection, person: Person) -> None:
    for place, each in enumerate(person.orders):
        name = f"{person.external_id}-{place}"
        connection.execute(insert(orders).values(
            external_id=name, contact_id=_id(connection, person), ordered_at=each.at, received_at=each.at,
            total=millionths(each.total), code=each.code, currency="GBP", source="test"))  # fmt: skip
        order_id = connection.scalar(select(orders.c.id).where(orders.c.external_id == name))
        for line in each.lines:
            connection.execute(insert(order_line).values(
                order_id=order_id, sku=line.sku, quantity=line.quantity, price=millionths(line.price)))  # fmt: skip


def _put_messages(connection: Connection, person: Person) -> list[int]:
    """Ids in the outbox, in their order."""
    return [_put_message(connection, person, each, place) for place, each in enumerate(person.messages)]


def _put_message(connection: Connection, person: Person, message: Message, place: int) -> int:
    name = f"{person.external_id}-{place}"
    enrolled = connection.execute(insert(enrollment).values(
        campaign=message.campaign, contact_id=_id(connection, person), key=name, run_id=_run(connection, message),
        definition_digest=message.campaign, entered_at=NOW).returning(enrollment.c.id)).scalar_one()  # fmt: skip
    return int(connection.execute(insert(outbox).values(
        run_id=_run(connection, message), enrollment_id=enrolled, contact_id=_id(connection, person),
        channel=message.channel, step="send", arm=message.arm, address="a", address_key=name, address_hash="",
        state="accepted" if message.accepted_at else "failed", not_before=NOW, message_id=name, message_at=NOW,
        idempotency_key="", accepted_at=message.accepted_at).returning(outbox.c.id)).scalar_one())  # fmt: skip


def _run(connection: Connection, message: Message) -> int:
    campaign = message.campaign
    found = connection.scalar(select(run.c.id).where(run.c.campaign == campaign))
    if found is None:
        connection.execute(insert(definition).values(
            digest=campaign, campaign=campaign, content={}, first_seen_at=NOW))  # fmt: skip
        found = connection.execute(insert(run).values(
            campaign=campaign, wave="once", state="finished", definition_digest=campaign, plan_digest="", plan={},
            scheduled_at=NOW, started_at=NOW).returning(run.c.id)).scalar_one()  # fmt: skip
    return int(found)


def _put_events(connection: Connection, person: Person, messages: list[int]) -> None:
    for place, each in enumerate(person.events):
        connection.execute(insert(event).values(
            source="test", source_event_id=f"{person.external_id}-{place}", kind=each.kind, verdict=each.verdict,
            contact_id=_id(connection, person), occurred_at=each.at, received_at=each.at, properties=each.properties,
            outbox_id=None if each.answers is None else messages[each.answers]))  # fmt: skip


def _id(connection: Connection, person: Person) -> int:
    return int(connection.execute(select(contact.c.id).where(contact.c.external_id == person.external_id)).scalar_one())
