"""What a row about a contact says: its keys, its address in its country's form, and whether it names anybody."""

import json
from collections.abc import Iterator, Sequence
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
from handbill.definitions.fields import BUILTIN_FIELDS
from handbill.definitions.project import Project
from handbill.store.tables import Json

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

_FIRST_NAME, _LAST_NAME = PLAIN.index("first_name"), PLAIN.index("last_name")
_NO_ADDRESS = Address()

Rows = Sequence[int]

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
    own = [name for name in converted.values if name not in BUILTIN_FIELDS]
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
        key = _mailbox(run, quarantine, rows, email, address) if email else ""
        if key is None or not _names_somebody(run, quarantine, rows, external_id or key, address):
            continue
        first_name, last_name = plain[_FIRST_NAME], plain[_LAST_NAME]
        yield (
            rows[-1],
            None if external_id else _made_id(run.secret, key, address, first_name, last_name),
            external_id,
            *((email, key, email_hash(run.secret, key)) if key else (None, None, None)),
            *plain,
            *(address.line1, address.line2, address.city, address.region, address.postcode, address.country),
            *place_of(run.secret, address, last_name),
            _json(own, attributes) if own else "{}",
            created_at,
        )


def place_of(secret: bytes, address: Address, last_name: str | None) -> tuple[str | None, ...]:
    """The values of `PLACE`; all but the problem are missing where post cannot go."""
    key = address.address_key
    if not key:
        return (None, None, None, address.problem)
    return (key, household_key(secret, key, last_name), postal_hash(secret, key), None)


def _mailbox(run: Import, quarantine: Quarantine, rows: Rows, email: str, address: Address) -> str | None:
    """The e-mail's key; "" when it is impossible but post can go to the contact; None when the row is rejected."""
    try:
        return email_key(email)
    except ValueError as error:
        column = run.layout.source_of("email")
        if address.address_key:
            quarantine.keep(rows, column, email, f"{error} The contact is kept, for post only.")
            return ""
        quarantine.reject(rows, column, email, str(error))
        return None


def _names_somebody(run: Import, quarantine: Quarantine, rows: Rows, name: str, address: Address) -> bool:
    """Whether the row is somebody's; if it is, but post cannot go to the address, that is remarked."""
    if not (name or address.address_key):
        why = f" The address: {address.problem}" if address.problem else ""
        reason = f"the row names nobody: it has no external id, no e-mail and no address that post can go to.{why}"
        quarantine.reject(rows, "", "", reason)
        return False
    if address.problem:
        parts = (address.line1, address.line2, address.city, address.region, address.postcode)
        reason = f"post cannot go there: {address.problem} The contact is kept."
        column = run.layout.source_of("address_line1")
        quarantine.keep(rows, column, ", ".join(part for part in parts if part), reason)
    return True


def _made_id(secret: bytes, key: str, address: Address, first_name: str | None, last_name: str | None) -> str:
    if key:
        return id_from_email(secret, key)
    return id_from_address(secret, address.address_key or "", first_name, last_name)


def _json(names: Sequence[str], values: Sequence[Any]) -> str:
    return json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False, separators=(",", ":"))
