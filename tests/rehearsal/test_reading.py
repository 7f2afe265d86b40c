"""Every mistake in a campaign test is found at once, with its place and how to mend it."""

from pathlib import Path

import pytest

from handbill.errors import ProjectInvalid
from handbill.rehearsal.session import Session
from tests.rehearsal.shop import a_test, make_shop, write_test

FILE = "tests/hello.campaign-test.yaml"


def mistakes(root: Path, text: str, *, performed: bool = False) -> list[str]:
    path = write_test(make_shop(root), text)
    with Session() as session, pytest.raises(ProjectInvalid) as caught:
        read = session.read(path)
        if performed:
            session.perform(path, read)
    return [str(each).removeprefix(f"{FILE}:") for each in caught.value.problems]


def test_names_that_do_not_exist_are_found_with_the_nearest_ones(tmp_path: Path) -> None:
    text = """\
campaign: hallo
now: 2026-12-01 08:00
personas:
  anna:
    frist_name: Anna
    tiers: gold
    consents: {email: [ofers], emial: [offers]}
expect:
  ana: {arm: any}
"""
    assert mistakes(tmp_path, text) == [
        '7:32: key "emial" is not known. Use email or direct_mail. Did you mean "email"?'
    ]
    assert mistakes(tmp_path, text.replace(", emial: [offers]", "")) == [
        '1:11: campaign "hallo" is not known. Use hello or letters. Did you mean "hello"?',
        '5:5: contact field "frist_name" is not known. Did you mean "first_name"?',
        '6:5: contact field "tiers" is not known. Did you mean "tier"?',
        '7:24: topic "ofers" is not known. Use offers. Did you mean "offers"?',
        '9:3: persona "ana" is not known. Use anna. Did you mean "anna"?',
    ]


def test_arms_reasons_and_senders_are_checked(tmp_path: Path) -> None:
    text = a_test(
        "  ben: {like: anna, arm: plane, received: [{campaign: letter, at: 2 days ago}, "
        "{campaign: hello, arm: del, at: 2 days ago}]}\n",
        "  ben: {arm: dael}\n  anna: {left_out: caped}\n",
    )
    assert mistakes(tmp_path, text) == [
        '14:26: arm "plane" is not known. Use nothing, plain or deal. Did you mean "plain"?',
        '14:55: campaign "letter" is not known. Use hello or letters. Did you mean "letters"?',
        '14:103: arm "del" is not known. Use nothing, plain or deal. Did you mean "deal"?',
        '16:14: arm "dael" is not known. Use nothing, plain, deal or any. Did you mean "deal"?',
        '17:20: reason "caped" is not known. Did you mean "capped"?',
    ]


def test_what_contradicts_itself_cannot_be_expected(tmp_path: Path) -> None:
    text = a_test(
        "",
        "  anna: {left_out: capped, arm: plain, channels: [email]}\n",
    )
    assert mistakes(tmp_path, text) == ["15:28: arm contradicts left_out. Remove one of them."]
    text = a_test("", "  anna: {selected: false, left_out: capped}\n")
    assert mistakes(tmp_path, text) == [
        "15:27: who is not selected is not left out either: left_out contradicts selected: false. Remove one of them."
    ]
    text = a_test("", "  anna: {}\n")
    assert mistakes(tmp_path, text) == ["15:3: nothing is expected. Write at least one key, such as arm: any."]


def test_times_lie_in_the_past(tmp_path: Path) -> None:
    text = a_test(
        "  ben: {like: anna, orders: [{at: 2026-12-02 10:00, total: 4}, {at: soon}]}\n", "  ben: {arm: any}\n"
    )
    assert mistakes(tmp_path, text) == [
        '14:69: "soon" is no time in the past. Write it like 100 days ago or 2026-08-23 10:15.'
    ]
    assert mistakes(tmp_path, text.replace("soon", "1 day ago")) == [
        "14:35: this lies after now. Correct it, or move now."
    ]


def test_answers_need_a_message(tmp_path: Path) -> None:
    text = a_test(
        "  ben: {first_name: Ben, events: [{event: email.clicked, at: 1 day ago, campaign: hello}]}\n",
        "  ben: {selected: false}\n",
    )
    assert mistakes(tmp_path, text) == [
        '14:83: no message of "hello" was received that this could answer. Add it under received, or remove campaign.'
    ]


def test_personas_are_like_others_that_exist(tmp_path: Path) -> None:
    text = a_test(
        "  ben: {like: ana}\n  cleo: {like: dora}\n  dora: {like: cleo}\n  emil: {without: [email]}\n"
        "  fay: {like: anna, without: [phone]}\n",
        "  anna: {arm: any}\n",
    )
    assert mistakes(tmp_path, text) == [
        '14:15: persona "ana" is not known. Use anna, cleo, dora, emil or fay. Did you mean "anna"?',
        "15:16: personas are like each other in a circle: cleo → dora → cleo. Remove one like.",
        "16:16: personas are like each other in a circle: dora → cleo → dora. Remove one like.",
        "17:10: without goes with like. Add like, or remove it.",
        '18:31: anna has no "phone". Remove it, or correct the name.',
    ]


def test_values_that_no_import_takes_are_mistakes_of_the_test(tmp_path: Path) -> None:
    text = a_test("  ben: {like: anna, tier: silver, fields: {orders: many}}\n", "  ben: {arm: any}\n")
    assert mistakes(tmp_path, text, performed=True) == [
        '14:27: "silver" is not known. Use basic or gold.',
        '14:52: "many" is not a whole number. Write it like 42.',
    ]


def test_one_household_is_in_one_arm(tmp_path: Path) -> None:
    text = a_test(
        "  ben: {like: anna, arm: both}\n  cleo: {like: anna, arm: nothing}\n",
        "  ben: {arm: any}\n",
        campaign="letters",
    )
    assert mistakes(tmp_path, text, performed=True) == [
        "15:27: ben and cleo are one household, and a household is in one arm. Choose the same arm for both."
    ]


def test_a_test_belongs_to_a_project(tmp_path: Path) -> None:
    path = tmp_path / "lost.campaign-test.yaml"
    path.write_text(a_test("", "  anna: {arm: any}\n"))
    with Session() as session, pytest.raises(ProjectInvalid) as caught:
        session.read(path)
    assert str(caught.value) == (
        f"{path}: no folder above it holds a campaigns.yaml. Move it into a project, below tests/."
    )
