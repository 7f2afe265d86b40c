"""What a row about a contact says: its keys, its address in its country's form, and whether it names anybody."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, Text

from handbill.contacts.addresses import Address, normalise_address
from handbill.contacts.identity import (
    email_hash,
    email_key,
    household_key,
    id_from_address,
    id_from_email,
    postal_hash,
)
from handbill.contacts.merging.kinds import Import
from handbill.contacts.merging.staging import stage_table
from handbill.contacts.rows.conversions import ValueType
from handbill.contacts.rows.converted import Converted
from handbill.contacts.rows.layout import FieldSpec, Shape
from handbill.contacts.rows.quarantine import Quarantine
from handbill.definitions.project import Project
from handbill.store.tables import Json, contact

ADDRESS = ("address_line1", "address_line2", "city", "region", "postcode", "country")
PLAIN = ("phone", "first_name", "last_name", "company", "language", "timezone")
EMAIL = ("email", "email_key", "email_hash")
PLACE = ("address_key", "household_key", "postal_hash", "address_problem")
"""What is made of the address and the last name."""

_TYPES: dict[str, ValueType] = {"country": "country", "language": "language", "timezone": "timezone"}
_CALLED = {
    "id": "external_id", "customer_id": "external_id", "contact_id": "external_id", "customer": "external_id",
    "mail": "email", "e_mail": "email", "email_address": "email", "e_mail_address": "email",
    "telephone": "phone", "mobile": "phone", "phone_number": "phone",
    "given_name": "first_name", "forename": "first_name", "firstname": "first_name",
    "surname": "last_name", "family_name": "last_name", "lastname": "last_name", "organisation": "company",
    "organization": "company", "locale": "language", "time_zone": "timezone", "tz": "timezone",
    "address": "address_line1", "address1": "address_line1", "address_1": "address_line1", "street": "address_line1",
    "address2": "address_line2", "address_2": "address_line2", "town": "city", "state": "region",
    "county": "region", "province": "region", "zip": "postcode", "zip_code": "postcode", "zipcode": "postcode",
    "postal_code": "postcode", "post_code": "postcode", "country_code": "country",
}  # fmt: skip

_NO_ADDRESS = Address()

contact_stage = stage_table(
    "stage_contact",
    Column("row", Integer),
    Column("made_id", Text),
    Column("external_id", Text),
    *(Column(name, Text) for name in (*EMAIL, *PLAIN, *ADDRESS, *PLACE)),
    Column("attributes", Json),
    Column("created_at", BigInteger),
)


def contact_shape(project: Project) -> Shape:
    """The built-in fields and those that the project declares; columns of other names become fields."""
    fields = {name: FieldSpec(_TYPES.get(name, each.type), one_of=each.one_of) for name, each in project.fields.items()}
    called = {name: field for name, field in _CALLED.items() if name not in fields}
    return Shape(fields, (("external_id", "email", "address_line1"),), called, open_ended=True)


def stage_contacts(run: Import, converted: Converted, quarantine: Quarantine) -> Iterator[tuple[Any, ...]]:
    """The rows with their keys. A row that names nobody, or whose only way to be reached is wrong, is rejected."""
    own = [name for name in converted.values if name not in contact.c]
    facts = zip(
        converted.rows,
        zip(*(converted.column(name) for name in ("external_id", "email", "created_at")), strict=True),
        zip(*(converted.column(name) for name in PLAIN), strict=True),
        zip(*(converted.column(name) for name in ADDRESS), strict=True),
        zip(*(converted.values[name] for name in own), strict=True) if own else [()] * len(converted.rows),
        strict=True,
    )
    for at, (rows, (external_id, email, created_at), plain, place, attributes) in enumerate(facts):
        if at in converted.bad:
            continue
        address = normalise_address(*place) if any(place) else _NO_ADDRESS
        ways = _ways(run, quarantine, _Row(rows, external_id, email), address)
        if ways is None:
            continue
        names = dict(zip(PLAIN, plain, strict=True))
        yield (
            rows[-1],
            _made_id(run.secret, ways, address, names) if external_id is None else None,
            external_id,
            *((email, ways, email_hash(run.secret, ways)) if ways else (None, None, None)),
            *plain,
            *(address.line1, address.line2, address.city, address.region, address.postcode, address.country),
            *place_of(run.secret, address, names["last_name"]),
            _json(own, attributes) if own else "{}",
            created_at,
        )


def place_of(secret: bytes, address: Address, last_name: str | None) -> tuple[str | None, ...]:
    """The values of `PLACE`; all but the problem are missing where post cannot go."""
    key = address.address_key
    if not key:
        return (None, None, None, address.problem)
    return (key, household_key(secret, key, last_name), postal_hash(secret, key), None)


@dataclass(frozen=True)
class _Row:
    rows: Sequence[int]
    external_id: str | None
    email: str | None


def _ways(run: Import, quarantine: Quarantine, row: _Row, address: Address) -> str | None:
    """The e-mail's key, "" when there is none; None when the row is rejected."""
    key = ""
    if row.email:
        try:
            key = email_key(row.email)
        except ValueError as error:
            column = run.layout.source_of("email")
            if not address.address_key:
                quarantine.reject(row.rows, column, row.email, str(error))
                return None
            quarantine.keep(row.rows, column, row.email, f"{error} The contact is kept, for post only.")
    if not (key or row.external_id or address.address_key):
        why = f" The address: {address.problem}" if address.problem else ""
        reason = f"the row names nobody: it has no external id, no e-mail and no address that post can go to.{why}"
        quarantine.reject(row.rows, "", "", reason)
        return None
    if address.problem:
        parts = (address.line1, address.line2, address.city, address.region, address.postcode)
        reason = f"post cannot go there: {address.problem} The contact is kept."
        column = run.layout.source_of("address_line1")
        quarantine.keep(row.rows, column, ", ".join(part for part in parts if part), reason)
    return key


def _made_id(secret: bytes, key: str, address: Address, names: dict[str, str | None]) -> str:
    if key:
        return id_from_email(secret, key)
    return id_from_address(secret, address.address_key or "", names["first_name"], names["last_name"])


def _json(names: Sequence[str], values: Sequence[Any]) -> str:
    return json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False, separators=(",", ":"))
