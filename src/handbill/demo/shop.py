"""A seeded shop: customers with households, addresses and consents, and eighteen months of what they did."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from handbill.demo.places import PLACES, PRODUCTS, Place

OPENS_AT = datetime(2025, 6, 1, tzinfo=UTC)
"""First day of the shop's history."""
CLOCK_AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
"""The moment at which the demonstration plans and sends."""
HISTORY_DAYS = (CLOCK_AT - OPENS_AT).days
HOUSEHOLD_SIZES = (0.62, 0.28, 0.10)
"""Shares of households with one, two and three customers."""

DOMAINS = ("mail.example", "post.example", "inbox.example", "office.example")
Choice = TypeVar("Choice")
Row = dict[str, str | int | float | bool | None]


@dataclass(frozen=True)
class Customer:
    """One invented person. `daily_orders` and `quits_at` are what nobody outside the simulation can see."""

    row: Row
    daily_orders: float
    quits_at: datetime

    @property
    def external_id(self) -> str:
        """How the shop names this customer."""
        return str(self.row["external_id"])


@dataclass(frozen=True)
class Shop:
    """The customers with what is hidden about them, and the files of the visible history by the kind of import."""

    customers: list[Customer]
    files: dict[str, Path]


def write_shop(folder: Path, *, contacts: int = 20_000, seed: int = 2026) -> Shop:
    """Invents a shop and writes its history as Parquet files into `folder`.

    The same seed makes the same shop. No name, address or purchase belongs to a real person.
    """
    random = np.random.default_rng(seed)
    customers = list(make_customers(random, contacts))
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "contacts": [customer.row for customer in customers],
        "products": list(products()),
        "orders": list(_order_lines(random, customers)),
        "events": list(_site_events(random, customers)),
        "consents": list(_consents(random, customers)),
    }
    return Shop(customers, {kind: write_rows(folder / f"{kind}.parquet", rows) for kind, rows in tables.items()})


def make_customers(random: np.random.Generator, count: int) -> Iterator[Customer]:
    """`count` customers, household by household."""
    shares = np.array([place.share for place in PLACES])
    made = household = 0
    while made < count:
        place = PLACES[random.choice(len(PLACES), p=shares / shares.sum())]
        household += 1
        shared = _household(random, place, household)
        for _ in range(min(1 + int(random.choice(3, p=HOUSEHOLD_SIZES)), count - made)):
            made += 1
            yield _customer(random, place, shared, made)


def _household(random: np.random.Generator, place: Place, number: int) -> Row:
    """What the members of a household share: surname and address. One in twelve gave no postal address."""
    town, region, postcode = _pick(random, place.towns)
    street = _pick(random, place.streets)
    house = str(1 + number % 180)
    row: Row = {"last_name": _pick(random, place.last_names)}
    if random.random() < 1 / 12:
        return row
    # House numbers and postcodes are spread so that two invented families rarely share a door.
    return row | {
        "address_line1": f"{house} {street}" if place.number_first else f"{street} {house}",
        "city": town,
        "region": region or None,
        "postcode": _fill(random, postcode),
    }


def _customer(random: np.random.Generator, place: Place, shared: Row, number: int) -> Customer:
    # Buying rates differ widely between people: a gamma distribution, as in the classic models of repeat buying.
    daily_orders = float(random.gamma(0.7, 0.011))
    joined_at = OPENS_AT + timedelta(days=float(random.uniform(0, HISTORY_DAYS * 0.7)))
    quits_at = joined_at + timedelta(days=float(random.exponential(420)))
    points = int(random.gamma(1.2, 120))
    row: Row = {
        "external_id": f"N-{number:06d}",
        "email": _mailbox(random, number),
        "first_name": None if random.random() < 0.06 else _pick(random, place.first_names),
        "address_line1": None, "city": None, "region": None, "postcode": None,
        **shared,
        "country": place.country,
        "language": place.language,
        "timezone": place.timezone,
        "loyalty_points": points,
        "tier": "gold" if points > 400 else "silver" if points > 150 else "basic",
        "created_at": joined_at.isoformat(),
    }  # fmt: skip
    return Customer(row, daily_orders, quits_at)


def _mailbox(random: np.random.Generator, number: int) -> str | None:
    """An address; one in fifty has none, and one in 97 stands at a server that no longer knows it."""
    if random.random() < 0.02:
        return None
    if number % 97 == 0:
        return f"customer{number:06d}@gone.example"
    if number % 211 == 0:  # the customer before signed up a second time, in capitals
        return f"CUSTOMER{number - 1:06d}@mail.example"
    domain = "mail.example" if number % 211 == 210 else _pick(random, DOMAINS)
    return f"customer{number:06d}@{domain}"


def products() -> Iterator[Row]:
    """The shop's range."""
    for number, (name, category, word, price) in enumerate(PRODUCTS):
        cost = round(price * (0.45 + 0.15 * (number % 4) / 3), 2)
        yield {"sku": f"NW-{word}", "name": name, "category": category, "price": price, "cost": cost}


def _order_lines(random: np.random.Generator, customers: list[Customer]) -> Iterator[Row]:
    articles = list(products())
    number = 0
    for customer in customers:
        joined_at = datetime.fromisoformat(str(customer.row["created_at"]))
        active_days = (min(customer.quits_at, CLOCK_AT) - joined_at).total_seconds() / 86400
        for _ in range(int(random.poisson(customer.daily_orders * active_days))):
            number += 1
            at = joined_at + timedelta(days=float(random.uniform(0, active_days)))
            yield from order_lines(random, articles, f"O-{number:07d}", customer.external_id, at)


def order_lines(
    random: np.random.Generator,
    articles: list[Row],
    order_id: str,
    contact: str,
    at: datetime,
    *,
    discount: float = 0.0,
) -> Iterator[Row]:
    """The rows of one order: one to three products, most often one."""
    for index in random.choice(len(articles), size=1 + int(random.choice(3, p=(0.6, 0.3, 0.1))), replace=False):
        product = articles[index]
        price = float(product["price"] or 0)
        yield {
            "order_id": order_id,
            "external_id": contact,
            "ordered_at": at.replace(microsecond=0).isoformat(),
            "sku": product["sku"],
            "quantity": 1 if random.random() < 0.85 else 2,
            "price": round(price * (1 - discount), 2),
            "line_cost": product["cost"],
        }


def _site_events(random: np.random.Generator, customers: list[Customer]) -> Iterator[Row]:
    """Product views and filled carts of the last ninety days, more of them by those who buy more."""
    number = 0
    for customer in customers:
        if customer.quits_at < CLOCK_AT:
            continue
        for _ in range(int(random.poisson(min(customer.daily_orders * 200, 20)))):
            number += 1
            at = CLOCK_AT - timedelta(days=float(random.uniform(0, 90)))
            yield {
                "event_id": f"E-{number:07d}",
                "external_id": customer.external_id,
                "kind": "cart_add" if random.random() < 0.2 else "product_view",
                "occurred_at": at.replace(microsecond=0).isoformat(),
            }


def _consents(random: np.random.Generator, customers: list[Customer]) -> Iterator[Row]:
    """Nine in ten agreed to offers by e-mail, three in four to post; some took it back."""
    for customer in customers:
        for channel, share in (("email", 0.9), ("direct_mail", 0.75)):
            if random.random() < share:
                yield _consent(customer, channel, "granted", datetime.fromisoformat(str(customer.row["created_at"])))
                if random.random() < 0.05:
                    yield _consent(
                        customer, channel, "withdrawn", CLOCK_AT - timedelta(days=int(random.integers(1, 60)))
                    )


def _consent(customer: Customer, channel: str, state: str, at: datetime) -> Row:
    return {
        "external_id": customer.external_id,
        "channel": channel,
        "topic": "offers",
        "state": state,
        "at": at.replace(microsecond=0).isoformat(),
        "source": "sign-up form" if state == "granted" else "preference centre",
    }


def _fill(random: np.random.Generator, pattern: str) -> str:
    letters = "ABDEFGHJLNPQRSTUWXYZ"  # those that the last part of a British postcode uses
    filled = (
        str(random.integers(10)) if sign == "9" else letters[random.integers(len(letters))] if sign == "A" else sign
        for sign in pattern[-3:]
    )
    return pattern[:-3] + "".join(filled)


def _pick(random: np.random.Generator, choices: tuple[Choice, ...]) -> Choice:
    return choices[random.integers(len(choices))]


def write_rows(path: Path, rows: list[Row]) -> Path:
    """Writes a Parquet file."""
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path
