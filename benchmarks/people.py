"""Who and what the seeded set holds: contacts, products, orders, events, consents and suppressions of two years.

A block of contacts and all that is theirs depends on the seed and on the block's number alone, and is made in
memory that does not grow with the set.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

BLOCK = 50_000
ORDERS_EACH, EVENTS_EACH = 3, 10
NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
TWO_YEARS = 2 * 365 * 86_400_000_000
PRODUCTS = 200
CATEGORIES = ("outdoor", "garden", "kitchen", "books", "toys")
TIERS = ("basic", "silver", "gold")
KINDS = ("page_view", "product.viewed", "cart.added", "store.visited")
FIRST_NAMES = ("Ann", "Bob", "Cora", "Dev", "Eve", "Finn", "Grace", "Hugo", "Ida", "Jürgen", "Kim", "Lou", "Zoë")
LAST_NAMES = ("Lee", "Ray", "O'Brien", "Müller", "Smith", "Garcia", "Novak", "Okafor", "Singh", "Dubois", "Rossi")
STREETS = ("Main Street", "North Elm Avenue", "Oak Road", "Harbour Drive", "Station Lane", "Mill Close")

# Country, time zone, language, city, region, and the postcode with what its varying part begins at.
PLACES = (
    ("GB", "Europe/London", "en", "London", None, "N1 {}AA", 1, 9),
    ("GB", "Europe/London", "en", "Leeds", None, "LS1 {}DF", 1, 9),
    ("IE", "Europe/Dublin", "en", "Dublin", None, None, 0, 1),
    ("DE", "Europe/Berlin", "de", "Berlin", None, "10{}", 115, 800),
    ("FR", "Europe/Paris", "fr", "Paris", None, "750{}", 10, 10),
    ("US", "America/New_York", "en-US", "Boston", "MA", "021{}", 10, 80),
    ("US", "America/Los_Angeles", "en-US", "Los Angeles", "CA", "900{}", 10, 80),
    ("AU", "Australia/Sydney", "en-AU", "Sydney", "NSW", "20{}", 10, 80),
)
_PLACE_SHARES = (0.3, 0.15, 0.05, 0.15, 0.1, 0.12, 0.08, 0.05)
_MICROS = int(NOW.timestamp()) * 1_000_000


@dataclass(frozen=True)
class Block:
    """A block of contacts with everything that is theirs. Times are microseconds since 1970, money is in pence."""

    contacts: pa.Table
    orders: pa.Table
    events: pa.Table
    consents: pa.Table
    suppressions: pa.Table


def blocks(contacts: int, seed: int = 1) -> Iterator[Block]:
    """The whole set, block after block."""
    for first in range(0, contacts, BLOCK):
        size = min(BLOCK, contacts - first)
        people = _contacts(np.random.default_rng([seed, first, 0]), first, size)
        yield Block(
            people,
            _orders(np.random.default_rng([seed, first, 1]), first, size),
            _events(np.random.default_rng([seed, first, 2]), first, size),
            _consents(np.random.default_rng([seed, first, 3]), first, people),
            _suppressions(np.random.default_rng([seed, first, 4]), people),
        )


def products() -> pa.Table:
    """The catalogue."""
    number = np.arange(PRODUCTS)
    return pa.table(
        {
            "sku": [f"S-{each:03}" for each in number],
            "name": [f"Product {each}" for each in number],
            "category": [CATEGORIES[each % len(CATEGORIES)] for each in number],
            "price": pence_of(number),
            "cost": pence_of(number) * 6 // 10,
        }
    )


def pence_of(product: Any) -> Any:
    """The price of each product by its number."""
    return 499 + product * 37


def ids(prefix: str, numbers: Any, width: int = 7) -> pa.Array:
    """`C-0000042` for 42."""
    digits = pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "")


def _contacts(rng: np.random.Generator, first: int, size: int) -> pa.Table:
    number = np.arange(first, first + size)
    # One contact in twelve lives with the one before: a household has one address and one last name.
    home = np.maximum(np.arange(size) - (rng.random(size) < 1 / 12), 0)
    place = rng.choice(len(PLACES), size, p=_PLACE_SHARES)[home]
    names = {"first_name": rng.integers(len(FIRST_NAMES), size=size), "last_name": rng.integers(400, size=size)[home]}
    no_address = (rng.random(size) >= 0.3)[home]
    postcode_draw = rng.random(size)[home]
    family = pa.array([f"{LAST_NAMES[each % len(LAST_NAMES)]}{'-Hill' * (each % 3 == 0)}" for each in range(400)])
    columns = {
        "external_id": ids("C-", number),
        "email": _joined("person", number, "@mail", number % 50, ".example"),
        "phone": _some(_joined("+4420", 70_000_000 + number), rng.random(size) >= 0.4),
        "first_name": _some(pa.array(FIRST_NAMES).take(pa.array(names["first_name"])), rng.random(size) < 0.05),
        "last_name": family.take(pa.array(names["last_name"])),
        "language": _some(_of(PLACES, 2, place), rng.random(size) < 0.03),
        "timezone": _some(_of(PLACES, 1, place), rng.random(size) < 0.05),
        "address_line1": _some(_streets(number[home]), no_address),
        "address_line2": _some(_joined("Flat ", 1 + number[home] % 9), no_address | (number[home] % 10 < 7)),
        "city": _some(_of(PLACES, 3, place), no_address),
        "region": _some(_of(PLACES, 4, place), no_address),
        "postcode": _some(_postcodes(postcode_draw, place), no_address),
        "country": _of(PLACES, 0, place),
        "loyalty_points": _some(pa.array((rng.random(size) ** 3 * 2000).astype("int64")), rng.random(size) < 0.2),
        "tier": _some(_of([[tier] for tier in TIERS], 0, rng.choice(3, size, p=(0.6, 0.3, 0.1))),
                      rng.random(size) < 0.1),
        "created_at": pa.array(_MICROS - TWO_YEARS - rng.integers(TWO_YEARS, size=size)),
    }  # fmt: skip
    return pa.table(columns)


def _orders(rng: np.random.Generator, first: int, size: int) -> pa.Table:
    """One row a line; about half of the orders have two lines. Some contacts order often, some never."""
    count = size * ORDERS_EACH
    contact = np.sort((size * rng.random(count) ** 1.5).astype("int64"))
    lines = 1 + (rng.random(count) < 0.5)
    order = np.repeat(np.arange(count), lines)
    at = _MICROS - rng.integers(TWO_YEARS, size=count)
    product = rng.integers(PRODUCTS, size=len(order))
    columns = {
        "order_id": ids("O-", first * ORDERS_EACH + order, 8),
        "contact": ids("C-", first + contact[order]),
        "ordered_at": at[order],
        "sku": ids("S-", product, 3),
        "quantity": rng.integers(1, 4, size=len(order)),
        "price": pence_of(product),
        "line_cost": pence_of(product) * 6 // 10,
    }
    return pa.table(columns)


def _events(rng: np.random.Generator, first: int, size: int) -> pa.Table:
    count = size * EVENTS_EACH
    contact = np.sort((size * rng.random(count) ** 1.3).astype("int64"))
    columns = {
        "event_id": ids("E-", first * EVENTS_EACH + np.arange(count), 9),
        "kind": _of([[kind] for kind in KINDS], 0, rng.choice(len(KINDS), count, p=(0.6, 0.25, 0.1, 0.05))),
        "contact": ids("C-", first + contact),
        "occurred_at": _MICROS - rng.integers(TWO_YEARS, size=count),
        "category": _of([[name] for name in CATEGORIES], 0, rng.integers(len(CATEGORIES), size=count)),
        "seconds": rng.integers(1, 600, size=count),
    }
    return pa.table(columns)


def _consents(rng: np.random.Generator, first: int, people: pa.Table) -> pa.Table:
    """Nine in ten agreed to e-mail about offers, one in ten of them withdrew; half of those with addresses to post."""
    size = len(people)
    at = people["created_at"].to_numpy()
    chance = rng.random(size)
    with_address = people["address_line1"].is_valid().to_numpy(zero_copy_only=False)
    groups = (
        ("email", "granted", chance < 0.9, at),
        ("email", "withdrawn", chance < 0.09, at + (_MICROS - at) // 2),
        ("direct_mail", "granted", with_address & (rng.random(size) < 0.5), at),
    )
    parts = []
    for channel, state, who, when in groups:
        number = first + np.flatnonzero(who)
        said = {"channel": channel, "topic": "offers", "state": state}
        fixed = {name: pa.repeat(pa.scalar(value), len(number)) for name, value in said.items()}
        parts.append(pa.table({"contact": ids("C-", number), **fixed, "at": when[who]}))
    return pa.concat_tables(parts)


def _suppressions(rng: np.random.Generator, people: pa.Table) -> pa.Table:
    """One mailbox in a hundred bounced."""
    who = np.flatnonzero(rng.random(len(people)) < 0.01)
    fixed = {"channel": "email", "reason": "bounced"}
    columns = {name: pa.repeat(pa.scalar(value), len(who)) for name, value in fixed.items()}
    at = _MICROS - rng.integers(TWO_YEARS, size=len(who))
    return pa.table({"email": people["email"].take(pa.array(who)), **columns, "at": at})


def _streets(house: Any) -> pa.Array:
    streets = pa.array(STREETS).take(pa.array(house % len(STREETS)))
    return pc.binary_join_element_wise(pa.array(house).cast(pa.string()), streets, " ")


def _postcodes(chance: Any, place: Any) -> pa.Array:
    written = np.full(len(place), None, dtype=object)
    for number, (*_, form, start, count) in enumerate(PLACES):
        if form:
            here = place == number
            written[here] = [form.format(start + int(each * count)) for each in chance[here]]
    return pa.array(written, pa.string())


def _of(table: Any, column: int, places: Any) -> pa.Array:
    return pa.array([row[column] for row in table], pa.string()).take(pa.array(places))


def _joined(*parts: Any) -> pa.Array:
    texts = [pa.scalar(part) if isinstance(part, str) else pa.array(part).cast(pa.string()) for part in parts]
    return pc.binary_join_element_wise(*texts, "")


def _some(values: pa.Array, missing: Any) -> pa.Array:
    return pc.if_else(pa.array(missing), pa.scalar(None, values.type), values)
