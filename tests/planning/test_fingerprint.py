"""Who is in a plan, kept in a few bytes and told from any other by a digest."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbill.planning.fingerprint import BATCH, Place, packed, unpacked
from handbill.planning.plan import Plan, make_plan
from handbill.store.connection import open_store, reading, writing
from handbill.store.migrate import upgrade
from tests.conftest import NOW
from tests.planning.shop import add_contact, make_project

PLACES = [Place("plain"), Place("discount"), Place(None, "no_consent", "email"), Place(None, "bounced", None)]


@given(st.dictionaries(st.integers(1, 2**62), st.sampled_from(PLACES)))
def test_every_contact_comes_back_with_its_place(standings: dict[int, Place]) -> None:
    ordered = sorted(standings.items())
    assert list(unpacked(packed(ordered))) == ordered


def test_more_than_one_block_comes_back() -> None:
    drawn = random.Random(1)
    standings = [(3 * number + 7, drawn.choice(PLACES)) for number in range(2 * BATCH + 5)]
    text = packed(standings)
    assert list(unpacked(text)) == standings
    assert len(text) < len(standings), "less than a byte a contact"


@pytest.mark.parametrize("text", [b"", b"abc", b"YWJj.YWJj", packed([(1, PLACES[0])])[:-8]])
def test_what_is_no_fingerprint_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a list of contacts|padding|base64|unpack"):
        list(unpacked(text))


def test_the_same_people_have_the_same_digest_in_any_database_and_order(postgres_database: str, tmp_path: Path) -> None:
    people = [f"c-{number:03}" for number in range(60)]
    first = _planned(f"sqlite:///{tmp_path / 'a.db'}", people, tmp_path)
    second = _planned(postgres_database, people[::-1], tmp_path)
    assert [arm.contacts for arm in first.arms] == [arm.contacts for arm in second.arms]
    assert (first.audience_digest, first.digest) == (second.audience_digest, second.digest)


def test_another_person_is_another_digest(tmp_path: Path) -> None:
    first = _planned(f"sqlite:///{tmp_path / 'a.db'}", ["ann", "bob"], tmp_path)
    second = _planned(f"sqlite:///{tmp_path / 'b.db'}", ["ann", "bop"], tmp_path)
    assert first.audience_digest != second.audience_digest


def _planned(url: str, people: list[str], root: Path) -> Plan:
    engine = open_store(url)
    upgrade(engine)
    with writing(engine) as connection:
        for external_id in people:
            add_contact(connection, external_id)
    with reading(engine) as connection:
        found = make_plan(connection, make_project(root), "spring-sale", now=NOW)
    engine.dispose()
    return found
