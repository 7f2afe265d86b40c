"""Addresses take their country's form; impossible ones say why; spellings of one door have one key."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from handbill.contacts.addresses import Address, address_lines, normalise_address
from handbill.contacts.countries import country_code
from handbill.contacts.streets import street_key


@pytest.mark.parametrize(
    ("country", "written", "postcode"),
    [
        ("GB", "SW1A2AA", "SW1A 2AA"),
        ("GB", "ec1a-1bb", "EC1A 1BB"),
        ("GB", "M2 5bq", "M2 5BQ"),
        ("US", "02108", "02108"),
        ("US", "2108", "02108"),
        ("US", "021081234", "02108-1234"),
        ("US", "02108 1234", "02108-1234"),
        ("CA", "m5v2t6", "M5V 2T6"),
        ("DE", "1067", "01067"),
        ("DE", "D-10115", "10115"),
        ("NL", "1012lg", "1012 LG"),
        ("JP", "1000001", "100-0001"),
        ("PL", "00950", "00-950"),
        ("SE", "SE-111 22", "11122"),
        ("IE", "a65f4e2", "A65 F4E2"),
        ("FR", "７５００１", "75001"),
    ],
)
def test_a_postcode_is_written_as_its_country_writes_it(country: str, written: str, postcode: str) -> None:
    assert normalise_address("1 Road", city="Town", postcode=written, country=country).postcode == postcode


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ({"postcode": "0210", "country": "US"}, '"0210" is no postcode of United States. Write it like 95014.'),
        ({"postcode": "SW1A", "country": "GB"}, '"SW1A" is no postcode of United Kingdom. Write it like EC1Y 8SY.'),
        ({"country": "GB"}, "the postcode is missing."),
        ({"city": None, "postcode": "SW1A 2AA", "country": "GB"}, "the city is missing."),
        ({"postcode": "02108", "region": "CA", "country": "US"}, "postcode 02108 is not in CA."),
        ({"postcode": "00000", "country": "US"}, "the region is missing."),
        ({"postcode": "00000", "region": "Bavaria", "country": "US"}, '"Bavaria" is no region of United States.'),
        ({"country": "Atlantis"}, 'country "Atlantis" is not known.'),
        ({}, "the country is missing."),
    ],
)
def test_an_impossible_address_says_what_is_wrong(address: dict[str, str | None], problem: str) -> None:
    found = normalise_address("1 Road", **{"city": "Town", **address})
    assert found.problem == problem
    assert found.address_key is None
    assert found.lines == ()


def test_no_street_is_no_address_and_no_problem() -> None:
    assert normalise_address(city="London", country="uk") == Address(city="London", country="GB")


@pytest.mark.parametrize(
    ("address", "lines"),
    [
        (
            ("PO Box 5", None, "San Juan", "Puerto Rico", "00901-1234", "US"),
            ("PO Box 5", "SAN JUAN, PR 00901-1234", "UNITED STATES"),
        ),
        (("PSC 3 Box 7", None, "APO", "AE", "09012", "US"), ("PSC 3 Box 7", "APO, AE 09012", "UNITED STATES")),
        (("Calle 1", None, "San Juan", None, "00901", "PR"), ("Calle 1", "SAN JUAN PR 00901", "PUERTO RICO")),
        (("RR 2 Box 18", None, "Ely", "Minnesota", "55731", "US"), ("RR 2 Box 18", "ELY, MN 55731", "UNITED STATES")),
        (("1 Main St", "Apt 4", "Boston", None, "02108", "US"),
         ("1 Main St", "Apt 4", "BOSTON, MA 02108", "UNITED STATES")),
        (("Hauptstraße 5", None, "Dresden", None, "01067", "Deutschland"),
         ("Hauptstraße 5", "01067 DRESDEN", "GERMANY")),
        (("1-1 Chiyoda", None, "Chiyoda-ku", "Tokyo", "1000001", "JP"),
         ("1-1 Chiyoda", "Chiyoda-ku", "TOKYO", "100-0001", "JAPAN")),
        (("1 O'Connell St", None, "Dublin", None, None, "Eire"), ("1 O'Connell St", "DUBLIN", "IRELAND")),
        (("12 Smith St", None, "Sydney", None, "2000", "AU"), ("12 Smith St", "SYDNEY NSW 2000", "AUSTRALIA")),
    ],
)  # fmt: skip
def test_an_address_is_printed_in_its_countrys_order(address: tuple[str | None, ...], lines: tuple[str, ...]) -> None:
    assert normalise_address(*address).lines == lines


def test_mail_at_home_needs_no_country() -> None:
    address = normalise_address("10 Downing Street", city="London", postcode="SW1A 2AA", country="GB")
    assert address_lines(address, home="GB") == ("10 Downing Street", "LONDON", "SW1A 2AA")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("10 North Main Street", "Apartment 4B"), ("10 N. Main St., #4b", None)),
        (("Flat 2, 10 High Road", None), ("10 HIGH RD", "flat 2")),
        (("P.O. Box 12", None), ("Post Office Box 12", None)),
        (("Rural Route 2 Box 18", None), ("R.R. 2 Box 18", None)),
        (("Hauptstraße 5", None), ("Hauptstr. 5", None)),
        (("12 Rue de l’Église", None), ("12, rue de l'Eglise", None)),
        (("St. John’s Close 3", None), ("Saint Johns Cl 3", None)),
        (("Ｍａｉｎ Ｓｔｒｅｅｔ １", None), ("Main Street 1", None)),
    ],
)
def test_spellings_of_one_door_have_one_key(one: tuple[str, str | None], other: tuple[str, str | None]) -> None:
    assert street_key(*one) == street_key(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("10 High Street", "10 High Street Flat 2"),
        ("1 Hill Road", "11 Hill Road"),
        ("10-12 High Street", "1012 High Street"),
        ("が1", "か1"),
    ],
)
def test_different_doors_have_different_keys(one: str, other: str) -> None:
    assert street_key(one) != street_key(other)


def test_the_four_last_digits_of_a_zip_code_do_not_make_another_door() -> None:
    address = {"city": "Boston", "country": "US"}
    short = normalise_address("1 Main St", postcode="02108", **address)
    long = normalise_address("1 Main Street", postcode="02108-1234", **address)
    assert short.address_key == long.address_key == "us|02108|1 main st"


WORDS = "apt unit # flat suite north street st str strasse p o b box post office rural route r no 5 4b a ' - . , é ß"
words = st.sampled_from(WORDS.split(" "))
streets = st.one_of(st.text(max_size=40), st.lists(words, max_size=9).map(" ".join))


@settings(deadline=None, max_examples=400)
@given(streets)
@example("unit unit 4 5")
@example("r unit 4 r 5")
@example("hall unit #4")
def test_the_key_of_a_street_key_is_itself(street: str) -> None:
    assert street_key(street_key(street)) == street_key(street)


texts = st.one_of(st.none(), st.text(max_size=12))
places = st.tuples(
    st.one_of(texts, streets),
    texts,
    texts,
    st.one_of(texts, st.sampled_from(["MA", "Bayern", "東京都"])),
    st.one_of(texts, st.sampled_from(["2108", "sw1a2aa", "SE-11122", "1000001", "D-10115", "02108 1234"])),
    st.one_of(texts, st.sampled_from(["US", "uk", "Deutschland", "SE", "JP", "ES", "HK", "PR"])),
)


@settings(deadline=None, max_examples=300)
@given(places)
def test_normalising_twice_changes_nothing(place: tuple[str | None, ...]) -> None:
    once = normalise_address(*place)
    parts = (once.line1, once.line2, once.city, once.region, once.postcode, once.country)
    assert normalise_address(*parts) == once


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("gb", "GB"), ("United Kingdom", "GB"), ("EIRE", "IE"), ("USA", "US"), ("RSA", "ZA"), ("España", "ES"),
        ("Czech Republic", "CZ"), ("Bosnia and Herzegovina", "BA"), ("Åland Islands", "AX"),
        ("Unspecified", None), ("European Community", None), ("zz", None), ("", None),
    ],
)  # fmt: skip
def test_countries_are_known_by_code_and_by_name(name: str, code: str | None) -> None:
    assert country_code(name) == code
