"""Whether post can go to an address, how it is printed, and which other spellings mean the same place."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from handbill.contacts.countries import (
    CITY,
    POSTCODE,
    REGION,
    STREET,
    Country,
    canonical_postcode,
    compact,
    country,
    country_code,
    is_region_code,
    region_of,
)
from handbill.contacts.identity import fold
from handbill.contacts.streets import street_key, tidy
from handbill.definitions.words import quoted

_ADDRESSES_REMEMBERED = 4096
_FIRST_PART_ONLY = {"US": 5}
"""The key leaves out what follows: people write 02108 and 02108-1234 for one address."""


@dataclass(frozen=True)
class Address:
    """A postal address in its country's own form.

    `address_key` is equal for all spellings of one door; None, and a sentence in `problem`, when post cannot go there.
    Both are None when there is no street, and so no address.
    """

    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    region: str | None = None
    postcode: str | None = None
    country: str | None = None
    address_key: str | None = None
    problem: str | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines as they are printed below the name, the country last. Empty when post cannot go there."""
        return address_lines(self)


@lru_cache(_ADDRESSES_REMEMBERED)
def normalise_address(
    line1: str | None = None,
    line2: str | None = None,
    city: str | None = None,
    region: str | None = None,
    postcode: str | None = None,
    country: str | None = None,
) -> Address:
    """The address in its country's form: canonical postcode, region and country code, with its key or its problem.

    >>> normalise_address("10 Downing Street", city="London", postcode="sw1a2aa", country="United Kingdom").address_key
    'gb|sw1a2aa|10 downing st'
    >>> normalise_address("1 Main St", city="Boston", postcode="2108", country="US").region
    'MA'
    """
    given = Address(*(tidy(each) or None if each else None for each in (line1, line2, city, region, postcode)))
    code = country_code(country) if country else None
    address = replace(given, country=code or country or None)
    if not address.line1:
        address = replace(address, line1=address.line2, line2=None)
    rules = _rules(code)
    if rules is None:
        problem = f"country {quoted(country)} is not known." if country else "the country is missing."
        return replace(address, problem=problem) if address.line1 else address
    return _by_rules(address, rules)


def address_lines(address: Address, *, home: str | None = None) -> tuple[str, ...]:
    """The lines below the name in the order of the address's country; its name is last, but for mail within `home`."""
    rules = _rules(address.country)
    if rules is None or not address.address_key:
        return ()
    values = {CITY: address.city, REGION: address.region, POSTCODE: address.postcode}
    shown = {letter: value.upper() if letter in rules.capitals else value for letter, value in values.items() if value}
    lines: list[str] = []
    for form in rules.lines:
        if f"%{STREET}" in form:
            lines += [address.line1 or "", address.line2 or ""]
            if not any(f"%{CITY}" in each for each in rules.lines):  # Japan's format has no place for it
                lines.append(address.city or "")
        lines.append(_filled(form, shown))
    if rules.code != home:
        lines.append(rules.name)
    return tuple(line for line in lines if line)


def _by_rules(address: Address, rules: Country) -> Address:
    postcode = canonical_postcode(address.postcode, rules) if address.postcode else None
    region = rules.regions.get(fold(address.region)) if address.region else None
    implied = region_of(postcode, rules) if postcode else None
    address = replace(
        address,
        postcode=postcode or address.postcode,
        region=_shown_region(region, implied, address.region),
    )
    if not address.line1:
        return address
    problem = next(_problems(address, rules, postcode, region, implied), None)
    if problem:
        return replace(address, problem=problem)
    return replace(address, address_key=_key(address, region or implied or ""))


def _shown_region(region: str | None, implied: str | None, written: str | None) -> str | None:
    """Codes are printed as codes; where regions have names, people's own spelling stays."""
    found = region or (None if written else implied)
    return found if found and is_region_code(found) else written


def _problems(
    address: Address, rules: Country, postcode: str | None, region: str | None, implied: str | None
) -> Iterator[str]:
    if POSTCODE in rules.required and not address.postcode:
        yield "the postcode is missing."
    if address.postcode and not postcode:
        example = f" Write it like {rules.postcode_example}." if rules.postcode_example else ""
        yield f"{quoted(address.postcode)} is no postcode of {_title(rules)}.{example}"
    if CITY in rules.required and not address.city:
        yield "the city is missing."
    if REGION in rules.required and not (region or implied):
        said = f"{quoted(address.region)} is no region of {_title(rules)}." if address.region else ""
        yield said or "the region is missing."
    if region and implied and region != implied and is_region_code(region) and not _holds(rules, region, postcode):
        yield f"postcode {address.postcode} is not in {region}."


def _holds(rules: Country, region: str, postcode: str | None) -> bool:
    """Whether the region has such postcodes too: some begin alike in two regions."""
    pattern = dict(rules.region_postcodes).get(region)
    return pattern is None or bool(postcode and pattern.match(postcode))


def _key(address: Address, region: str) -> str:
    """The country, then the postcode (or, without one, the town), then the street."""
    code = address.country or ""
    street = street_key(address.line1, address.line2)
    if address.postcode:
        place = compact(address.postcode)[: _FIRST_PART_ONLY.get(code)]
    else:
        place = f"{fold(address.city or '')}|{fold(region)}"
    return f"{code}|{place}|{street}".lower()


def _filled(form: str, values: dict[str, str]) -> str:
    """One line of the country's format with its fields; what stands between two fields goes when one is missing."""
    line = form
    for letter in (CITY, REGION, POSTCODE):
        line = line.replace(f"%{letter}", values.get(letter, "\0"))
    for letter in f"NODX{STREET}":
        line = line.replace(f"%{letter}", "\0")
    parts = [part.strip(" ,-") for part in line.replace("\0,", "\0").split("\0")]
    return " ".join(part for part in parts if part)


def _title(rules: Country) -> str:
    return rules.name.title()


def _rules(code: str | None) -> Country | None:
    return country(code) if code else None
