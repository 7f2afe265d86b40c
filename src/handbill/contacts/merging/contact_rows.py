"""What a row about a contact says: its keys, its address in its country's form, and whether it names anybody."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, Text

from handbill.contacts.addresses import Address, normalise_address
from handbill.contacts.identity import (
    email_hashes,
    email_key,
    household_key,
    id_from_address,
    id_from_email,
    postal_hash,
)
from handbill.contacts.merging.kinds import Import
from handbill.contacts.merging.properties import json_objects
from handbill.contacts.merging.staging import Staged, stage_table
from handbill.contacts.phones import phone_key
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

_NO_ADDRESS = Address()

contact_stage = stage_table(
    "stage_contact",
    Column("row", Integer),
    Column("made_id", Text),
    Column("meant", Text),
    Column("by_key", Text),
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


def stage_contacts(run: Import, converted: Converted, quarantine: Quarantine) -> Staged:
    """The rows with their keys. A row that names nobody, or whose only way to be reached is wrong, is rejected."""
    places = [converted.values.get(name) for name in ADDRESS]
    addresses = _addresses(places, len(converted.rows)) if any(places) else None
    keys = _mailboxes(run, quarantine, converted, addresses)
    _require_somebody(run, quarantine, converted, keys, addresses)
    columns: dict[str, Sequence[Any]] = {"row": [rows[-1] for rows in converted.rows]}
    columns["external_id"] = converted.column("external_id")
    if None in columns["external_id"]:
        columns["made_id"] = _made_ids(run.secret, converted, keys, addresses)
    if "email" in converted.values:
        columns |= zip(EMAIL, _email_columns(run.secret, converted.column("email"), keys), strict=True)
    columns |= {name: converted.values[name] for name in (*PLAIN, "created_at") if name in converted.values}
    if "phone" in columns:
        countries = [each.country for each in addresses] if addresses else [None] * len(converted.rows)
        columns["phone"] = [
            phone and (phone_key(phone, home) or phone) for phone, home in zip(columns["phone"], countries, strict=True)
        ]
    if addresses:
        columns |= zip((*ADDRESS, *PLACE), _place_columns(run.secret, converted, addresses), strict=True)
    own = {name: column for name, column in converted.values.items() if name not in BUILTIN_FIELDS}
    if own:
        columns["attributes"] = json_objects(own, len(converted.rows), keep_missing=True, unicode=True)
    rows = zip(*columns.values(), strict=True)
    bad = converted.bad
    return Staged(tuple(columns), (row for at, row in enumerate(rows) if at not in bad) if bad else rows)


def place_of(secret: bytes, address: Address, last_name: str | None) -> tuple[str | None, ...]:
    """The values of `PLACE`; all but the problem are missing where post cannot go."""
    key = address.address_key
    if not key:
        return (None, None, None, address.problem)
    return (key, household_key(secret, key, last_name), postal_hash(secret, key), None)


def _addresses(places: Sequence[Sequence[Any] | None], rows: int) -> list[Address]:
    columns = [place or [None] * rows for place in places]
    return [normalise_address(*place) if any(place) else _NO_ADDRESS for place in zip(*columns, strict=True)]


def _mailboxes(
    run: Import, quarantine: Quarantine, converted: Converted, addresses: Sequence[Address] | None
) -> list[str | None]:
    """The e-mail keys. Where one is impossible, the row is rejected unless post can go to the contact."""
    emails = converted.column("email")
    column = run.layout.source_of("email")
    keys: list[str | None] = []
    for at, email in enumerate(emails):
        try:
            keys.append(email and email_key(email))
        except ValueError as error:
            keys.append(None)
            if at in converted.bad:
                continue
            if addresses and addresses[at].address_key:
                remark = f"{error} The contact is kept, for post only."
                quarantine.keep(converted.rows[at], column, email, remark)
            else:
                quarantine.reject(converted.rows[at], column, email, str(error))
                converted.bad.add(at)
    return keys


def _require_somebody(
    run: Import,
    quarantine: Quarantine,
    converted: Converted,
    keys: Sequence[str | None],
    addresses: Sequence[Address] | None,
) -> None:
    """Rejects rows that are nobody's; where post cannot go to the address of somebody, that is remarked."""
    for at, (external_id, key) in enumerate(zip(converted.column("external_id"), keys, strict=True)):
        if (addresses is None and (external_id or key)) or at in converted.bad:
            continue
        address = addresses[at] if addresses else _NO_ADDRESS
        if not (external_id or key or address.address_key):
            why = f" The address: {address.problem}" if address.problem else ""
            reason = f"the row names nobody: it has no external id, no e-mail and no address that post can go to.{why}"
            quarantine.reject(converted.rows[at], "", "", reason)
            converted.bad.add(at)
        elif address.problem:
            parts = (address.line1, address.line2, address.city, address.region, address.postcode)
            reason = f"post cannot go there: {address.problem} The contact is kept."
            column = run.layout.source_of("address_line1")
            quarantine.keep(converted.rows[at], column, ", ".join(part for part in parts if part), reason)


def _made_ids(
    secret: bytes, converted: Converted, keys: Sequence[str | None], addresses: Sequence[Address] | None
) -> list[str | None]:
    """The external ids of those whom the source gives none."""
    made: list[str | None] = [None] * len(keys)
    for at, external_id in enumerate(converted.column("external_id")):
        key, address_key = keys[at], addresses[at].address_key if addresses else None
        if external_id is None and key:
            made[at] = id_from_email(secret, key)
        elif external_id is None and address_key:
            names = (converted.column(name)[at] for name in ("first_name", "last_name"))
            made[at] = id_from_address(secret, address_key, *names)
    return made


def _email_columns(secret: bytes, emails: Sequence[Any], keys: Sequence[str | None]) -> Iterator[Sequence[Any]]:
    """The columns of `EMAIL`. An e-mail address without a key is impossible, and is not kept."""
    hashes = iter(email_hashes(secret, filter(None, keys)))
    yield [email if key else None for email, key in zip(emails, keys, strict=True)]
    yield keys
    yield [next(hashes) if key else None for key in keys]


def _place_columns(secret: bytes, converted: Converted, addresses: Sequence[Address]) -> Iterator[Sequence[Any]]:
    """The columns of `ADDRESS` and `PLACE`."""
    parts = ((each.line1, each.line2, each.city, each.region, each.postcode, each.country) for each in addresses)
    yield from zip(*parts, strict=True)
    names = converted.column("last_name")
    yield from zip(*(place_of(secret, each, name) for each, name in zip(addresses, names, strict=True)), strict=True)
