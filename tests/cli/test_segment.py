"""`handbill segment` on the command line."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from handbill.cli import invoke
from handbill.settings import load_settings
from handbill.store.connection import open_store, writing
from handbill.store.migrate import upgrade
from handbill.store.tables import contact, orders
from tests.conftest import NOW
from tests.operations.shop import add_people, make_project

AT = ["--now", "2026-12-01T09:00"]
BUYERS = "name: Buyers\nwhere:\n  all:\n    - {field: country, eq: GB}\n    - {event: order, within: 30 days}\n"
Said = Callable[..., str]


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three contacts in Great Britain; the first ordered five days ago, the second 35 days ago."""
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    make_project(tmp_path, 25)
    (tmp_path / "segments/buyers.yaml").write_text(BUYERS)
    (tmp_path / "segments/british.yaml").write_text(
        "name: British\ndescription: In Great Britain.\nwhere: {field: country, eq: GB}\n"
    )
    engine = open_store(load_settings(tmp_path).database_url)
    upgrade(engine)
    add_people(engine, 3, created_at=NOW - timedelta(days=90))
    with writing(engine) as connection:
        ids = list(connection.scalars(select(contact.c.id).order_by(contact.c.id)))
        for number, days in ((0, 5), (1, 35)):
            at = NOW - timedelta(days=days)
            connection.execute(insert(orders).values(
                external_id=str(number), contact_id=ids[number], ordered_at=at, received_at=at, total=20_000_000,
                currency="GBP", source="test"))  # fmt: skip
    engine.dispose()
    return tmp_path


@pytest.fixture
def said(shop: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """What a subcommand of `segment` prints; it must end with the exit code."""

    def run(*words: str, code: int = 0) -> str:
        assert invoke(["segment", *words, "--project", str(shop)]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return run


def test_segments_are_listed(said: Said) -> None:
    assert said("list") == "british    British: In Great Britain.\nbuyers     Buyers\neverybody  Everybody\n"


def test_a_segment_is_counted(said: Said) -> None:
    assert said("count", "buyers", *AT) == "1 of 3 contacts (33.3%) are in buyers.\n"


def test_a_segment_is_shown_with_its_rule_and_some_of_its_contacts(said: Said) -> None:
    assert said("show", "british", "--sample", "2", *AT) == (
        "segments/british.yaml\n\nname: British\ndescription: In Great Britain.\nwhere: {field: country, eq: GB}\n\n"
        "3 of 3 contacts (100.0%) are in british.\nThe first of them: C-00001, C-00002.\n"
    )


def test_a_member_is_explained_clause_by_clause(said: Said) -> None:
    assert said("explain", "buyers", "C-00001", *AT) == (
        "C-00001 is in buyers.\n\n"
        "✓ all\n"
        "  ✓ field: country, eq: GB         GB\n"
        "  ✓ event: order, within: 30 days  1 (since 2026-11-01 09:00 UTC)\n"
    )


def test_somebody_who_is_not_in_a_segment_is_found_by_the_mailbox(said: Said) -> None:
    assert said("explain", "buyers", "Person2@example.org", *AT) == (
        "C-00002 is not in buyers.\n\n"
        "✗ all\n"
        "  ✓ field: country, eq: GB         GB\n"
        "  ✗ event: order, within: 30 days  0 (since 2026-11-01 09:00 UTC)\n"
    )


def test_a_size_is_explained_by_what_each_clause_admits(said: Said) -> None:
    assert said("explain", "buyers", *AT) == (
        "1 of 3 contacts (33.3%) are in buyers.\n\n"
        "clause                               admits        left  keeps out alone\n"
        "all                                       1\n"
        "  field: country, eq: GB                  3           3                0\n"
        "  event: order, within: 30 days           1           1                2\n"
    )


def test_a_difference_names_the_clause_and_what_is_not_known(said: Said) -> None:
    assert said("diff", "buyers", "--since", "10 days ago", *AT) == (
        "buyers since 2026-11-21 09:00 UTC\n"
        "1 contacts then, 1 entered, 1 left, 1 now.\n\n"
        "Entered\n"
        "  1  event: order, within: 30 days  (segments/buyers.yaml:5:7, such as C-00001)\n\n"
        "Left\n"
        "  1  event: order, within: 30 days  (segments/buyers.yaml:5:7, such as C-00002)\n\n"
        "Taken as they are today, because no history is kept of them: country.\n"
        "Orders and events count by when they happened, also those that were imported later.\n"
        "Contacts who were erased since are in neither number.\n"
    )


def test_a_difference_to_a_plan_takes_its_time_and_says_what_was_edited(shop: Path, said: Said) -> None:
    path = shop / "spring.plan.json"
    assert invoke(["plan", "spring", "--project", str(shop), "--out", str(path), "--now", "2026-11-21T09:00"]) == 0
    (shop / "segments/everybody.yaml").write_text("name: Everybody\nwhere: {event: order, within: 30 days}\n")
    found = said("diff", "everybody", "--plan", str(path), *AT)
    assert found.endswith(
        "The rule was edited since, and both moments are judged by today's: removed field: external_id, exists: true; "
        "added event: order, within: 30 days.\n"
        "Orders and events count by when they happened, also those that were imported later.\n"
        "Contacts who were erased since are in neither number.\n"
    )
    assert "1 entered, 1 left" in found
    unused = said("diff", "buyers", "--plan", str(path), *AT)
    assert "The plan of spring does not use this segment; only its time is taken.\n" in unused


def test_everything_is_there_for_machines(said: Said) -> None:
    def machine(*words: str) -> Any:
        return json.loads(said(*words, *AT, "--json"))

    assert json.loads(said("list", "--json"))[0] == {
        "slug": "british", "name": "British", "description": "In Great Britain.", "file": "segments/british.yaml",
    }  # fmt: skip
    counted = machine("count", "buyers")
    assert (counted["contacts"], counted["of"], round(counted["share"], 3)) == (1, 3, 0.333)
    assert machine("show", "british")["sample"] == ["C-00001", "C-00002", "C-00003"]
    member = machine("explain", "buyers", "C-00001")
    assert member["explanation"]["inside"][1] == {
        "clause": "event: order, within: 30 days", "place": "segments/buyers.yaml:5:7", "holds": True, "value": "1",
        "notes": ["since 2026-11-01 09:00 UTC"], "inside": [],
    }  # fmt: skip
    assert machine("explain", "buyers")["steps"][2]["keeps_out"] == 2
    found = machine("diff", "buyers", "--since", "2026-11-21")
    assert (found["before"], found["entered"], found["left"], found["after"]) == (1, 1, 1, 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["count", "buyer"],
         'segments: segment "buyer" is not known. Use british, buyers or everybody. Did you mean "buyers"?\n'),
        (["explain", "buyers", "C-9"],
         'no contact has the id or the e-mail address "C-9". Write it as it was imported: external_id, or email.\n'),
        (["diff", "buyers", "--since", "yesterday"],
         '--since: "yesterday" is not a date and time. Write local time like 2026-12-01 09:00.\n'),
        (["diff", "buyers", "--since", "2026-12-02"], '--since: "2026-12-02" is not over yet. Name an earlier day.\n'),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_line(said: Said, words: list[str], message: str) -> None:
    assert said(*words, *AT, code=2) == message


def test_a_difference_needs_one_beginning(said: Said) -> None:
    assert said("diff", "buyers", code=2) == "it is not said since when. Add --since DATE or --plan FILE.\n"
