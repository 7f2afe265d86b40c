"""A campaign test that fails says what was expected, what came instead, and what the plan did with the person."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from handbill.rehearsal.session import Session
from tests.rehearsal.shop import a_test, make_shop, verdicts_on, write_test


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session() as session:
        yield session


def said(session: Session, root: Path, personas: str, expect: str, **given: str) -> str:
    path = write_test(make_shop(root), a_test(personas, expect, **given))
    return "\n".join(str(each) for each in verdicts_on(session, path).values())


def test_differences_stand_beside_each_other_with_what_happened(session: Session, tmp_path: Path) -> None:
    expect = "  ben:\n    arm: deal\n    email: {subject: A deal, contains: [Dear Ann]}\n"
    assert said(session, tmp_path, "  ben: {like: anna, first_name: Ben, arm: plain}\n", expect) == (
        "tests/hello.campaign-test.yaml:17:10: ben does not get what is expected of hello.\n"
        "                    expected    got\n"
        "    arm             arm deal    arm plain\n"
        '    email.subject   "A deal"    "Hello Ben"\n'
        '    email.contains  "Dear Ann"  not in: Dear Ben, 1 Harbour Street, Whitby Unsubscribe '
        "<mailto:unsubscribe@shop.example?…\n"
        "    what happened:\n"
        "    planned: arm plain, due 2026-12-01 09:00 Europe/London\n"
        '    gets email: "Hello Ben", leaves 2026-12-01 09:00 Europe/London'
    )


def test_somebody_left_out_is_told_with_the_gate(session: Session, tmp_path: Path) -> None:
    personas = "  ben: {like: anna, received: [{campaign: letters, at: 2 days ago}]}\n"
    assert said(session, tmp_path, personas, "  ben: {arm: any, channels: [email], due_at: 2026-12-01 09:00}\n") == (
        "tests/hello.campaign-test.yaml:16:14: ben does not get what is expected of hello.\n"
        "              expected          got\n"
        "    arm       any arm           left out: capped (at most 1 e-mail in 7 days)\n"
        "    channels  email             nothing\n"
        "    due_at    2026-12-01 09:00  left out: capped (at most 1 e-mail in 7 days)\n"
        "    what happened:\n"
        "    left out: had as many messages as a cap allows (at most 1 e-mail in 7 days)\n"
        "    caps: at most 1 e-mail in 7 days: 1 by e-mail around it\n"
        "    reachable by email"
    )


def test_somebody_not_selected_is_told_with_the_clauses_that_refuse(session: Session, tmp_path: Path) -> None:
    personas = "  ben: {like: anna, orders: [{at: 2 years ago, total: 40}]}\n"
    assert said(session, tmp_path, personas, "  ben: {arm: any, because: ['event: order', nothing at all]}\n") == (
        "tests/hello.campaign-test.yaml:16:45: ben does not get what is expected of hello.\n"
        "             expected        got\n"
        "    because  nothing at all  not selected\n"
        "    arm      any arm         not selected\n"
        "    what happened:\n"
        "    not selected\n"
        "    not in segment buyers:\n"
        "    segments/buyers.yaml:2:8: event: order, within: 365 days does not hold: 0; "
        "since 2025-12-01 08:00 Europe/London"
    )


def test_a_verdict_is_plain_values_for_machines(session: Session, tmp_path: Path) -> None:
    path = write_test(make_shop(tmp_path), a_test("", "  anna: {selected: false}\n"))
    assert verdicts_on(session, path)["anna"].as_json() == {
        "file": "tests/hello.campaign-test.yaml",
        "line": 15,
        "persona": "anna",
        "fits": False,
        "happened": [
            "planned: arm deal, due 2026-12-01 09:00 Europe/London",
            'gets email: "A deal", leaves 2026-12-01 09:00 Europe/London',
        ],
        "differences": [{"key": "selected", "expected": "not selected", "got": "arm deal"}],
    }
