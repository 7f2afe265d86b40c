"""Whether post can go to an address, how it is printed, and which other spellings mean the same place."""

from collections.abc import Iterator
from dataclasses import dataclass
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

_PLACES_REMEMBERED = 16_384
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
    first, second, town = tidy(line1), tidy(line2), tidy(city)
    if not first:
        first, second = second, None
    rules = _rules(country_code(country) if country else None)
    if rules is None:
        said = f"country {quoted(country)} is not known." if country else "the country is missing."
        problem = said if first else None
        return Address(first, second, town, tidy(region), tidy(postcode), country or None, None, problem)
    return _by_rules(first, second, town, _place(region, postcode, rules))


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


@dataclass(frozen=True)
class _Place:
    """What region and postcode come to in a country: as printed, and as found among the country's own."""

    rules: Country
    written_region: str | None
    written_postcode: str | None
    region: str | None
    postcode: str | None
    implied: str | None
    """The region that the postcode tells."""


@lru_cache(_PLACES_REMEMBERED)
def _place(region: str | None, postcode: str | None, rules: Country) -> _Place:
    written, typed = tidy(region), tidy(postcode)
    found = rules.regions.get(fold(written)) if written else None
    canonical = canonical_postcode(typed, rules) if typed else None
    implied = region_of(canonical, rules) if canonical else None
    return _Place(rules, _shown_region(found, implied, written), canonical or typed, found, canonical, implied)


def _by_rules(line1: str | None, line2: str | None, city: str | None, place: _Place) -> Address:
    parts = (line1, line2, city, place.written_region, place.written_postcode, place.rules.code)
    if not line1:
        return Address(*parts)
    problem = next(_problems(city, place), None)
    return Address(*parts, None if problem else _key(line1, line2, city, place), problem)


def _shown_region(region: str | None, implied: str | None, written: str | None) -> str | None:
    """Codes are printed as codes; where regions have names, people's own spelling stays."""
    found = region or (None if written else implied)
    return found if found and is_region_code(found) else written


def _problems(city: str | None, place: _Place) -> Iterator[str]:
    rules, region, implied = place.rules, place.region, place.implied
    if POSTCODE in rules.required and not place.written_postcode:
        yield "the postcode is missing."
    if place.written_postcode and not place.postcode:
        example = f" Write it like {rules.postcode_example}." if rules.postcode_example else ""
        yield f"{quoted(place.written_postcode)} is no postcode of {_title(rules)}.{example}"
    if CITY in rules.required and not city:
        yield "the city is missing."
    if REGION in rules.required and not (region or implied):
        said = f"{quoted(place.written_region)} is no region of {_title(rules)}." if place.written_region else ""
        yield said or "the region is missing."
    if region and implied and region != implied and is_region_code(region) and not _holds(place):
        yield f"postcode {place.postcode} is not in {region}."


def _holds(place: _Place) -> bool:
    """Whether the region has such postcodes too: some begin alike in two regions."""
    pattern = dict(place.rules.region_postcodes).get(place.region or "")
    return pattern is None or bool(place.postcode and pattern.match(place.postcode))


def _key(line1: str, line2: str | None, city: str | None, place: _Place) -> str:
    """The country, then the postcode (or, without one, the town), then the street."""
    code = place.rules.code
    if place.postcode:
        where = compact(place.postcode)[: _FIRST_PART_ONLY.get(code)]
    else:
        where = f"{fold(city or '')}|{fold(place.region or place.implied or '')}"
    return f"{code}|{where}|{street_key(line1, line2)}".lower()


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
