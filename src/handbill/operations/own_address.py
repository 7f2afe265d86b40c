"""What becomes of a postal address that somebody writes for themselves, and which part of it cannot be right."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Row

from handbill.contacts.addresses import normalise_address
from handbill.contacts.countries import canonical_postcode, country, country_code
from handbill.contacts.identity import own_household_key
from handbill.contacts.merging.contact_rows import ADDRESS, PLACE, place_of

ADDRESS_PARTS = ADDRESS
"""The fields of a postal address, in the order in which they are kept."""
_LONGEST = 200


def shown_address(person: Row[Any]) -> dict[str, str]:
    """The parts of a contact's address as a form shows them, empty where there is none; the country by its name."""
    parts = {name: getattr(person, name) or "" for name in ADDRESS}
    rules = country(parts["country"])
    return {**parts, "country": rules.name.title()} if rules else parts


def address_columns(
    secret: bytes, person: Row[Any], written: Mapping[str, str]
) -> tuple[dict[str, Any], frozenset[str]]:
    """The columns of the contact that change, and the parts that cannot be right: then nothing changes.

    An address without a single part takes the old one away.
    """
    given = {name: " ".join(written.get(name, "").split())[:_LONGEST] for name in ADDRESS}
    if given == shown_address(person):
        return {}, frozenset()
    address = normalise_address(*(given[name] or None for name in ADDRESS))
    if any(given.values()) and not address.address_key:
        return {}, _wrong_parts(given)
    parts = (address.line1, address.line2, address.city, address.region, address.postcode, address.country)
    place = dict(zip(PLACE, place_of(secret, address, person.last_name), strict=True))
    place["household_key"] = place["household_key"] or own_household_key(person.external_id)
    return {**dict(zip(ADDRESS, parts, strict=True)), **place}, frozenset()


def _wrong_parts(given: Mapping[str, str]) -> frozenset[str]:
    """The part that is surely wrong; where that is none, all that a letter needs."""
    rules = country(country_code(given["country"]) or "")
    if rules is None:
        return frozenset({"country"})
    if given["postcode"] and canonical_postcode(given["postcode"], rules) is None:
        return frozenset({"postcode"})
    return frozenset({"address_line1", "postcode", "city", "country"})
