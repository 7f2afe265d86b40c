"""What becomes of a postal address that somebody writes for themselves, and which part of it cannot be right."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from handbill.contacts.addresses import Address, normalise_address
from handbill.contacts.countries import canonical_postcode, country, country_code
from handbill.contacts.identity import own_household_key
from handbill.contacts.merging.contact_rows import ADDRESS, PLACE, place_of

ADDRESS_PARTS = ADDRESS
"""The fields of a postal address, in the order in which they are kept."""
_LONGEST = 200
_NEEDED = ("address_line1", "city", "country")


def known_place(person: Row[Any]) -> str:
    """Where a contact's address is, as much as others may read who got the message from them; empty without one."""
    if not person.address_line1:
        return ""
    rules = country(person.country or "")
    return ", ".join(part for part in (person.city, rules.name.title() if rules else person.country) if part)


def address_columns(
    secret: bytes, person: Row[Any], written: Mapping[str, str]
) -> tuple[dict[str, Any], frozenset[str]]:
    """The columns of the contact that change, and the parts that cannot be right: then nothing changes."""
    given = {name: " ".join(written.get(name, "").split())[:_LONGEST] for name in ADDRESS}
    address = normalise_address(*(given[name] or None for name in ADDRESS))
    if not address.address_key:
        return ({}, _wrong_parts(given)) if any(given.values()) else ({}, frozenset())
    return _columns(secret, person, address), frozenset()


def no_address(secret: bytes, person: Row[Any]) -> dict[str, Any]:
    """The columns of a contact whose address goes away."""
    return _columns(secret, person, Address())


def _columns(secret: bytes, person: Row[Any], address: Address) -> dict[str, Any]:
    parts = (address.line1, address.line2, address.city, address.region, address.postcode, address.country)
    place = dict(zip(PLACE, place_of(secret, address, person.last_name), strict=True))
    place["household_key"] = place["household_key"] or own_household_key(person.external_id)
    return {**dict(zip(ADDRESS, parts, strict=True)), **place}


def _wrong_parts(given: Mapping[str, str]) -> frozenset[str]:
    """What is missing, or surely wrong; where that is nothing, all that a letter needs."""
    if missing := frozenset(name for name in _NEEDED if not given[name]):
        return missing
    rules = country(country_code(given["country"]) or "")
    if rules is None:
        return frozenset({"country"})
    if given["postcode"] and canonical_postcode(given["postcode"], rules) is None:
        return frozenset({"postcode"})
    return frozenset({*_NEEDED, "postcode"})
