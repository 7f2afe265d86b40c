"""The page about bounces says what the code does."""

from pathlib import Path

import pytest

from handbill.channels.contract import BounceKind
from handbill.definitions.policy import BouncePolicy
from handbill.responses import bounce_classes
from handbill.responses.bounces import MOST_RECIPIENTS
from handbill.responses.complaints import COMPLAINTS
from handbill.responses.received import DEEPEST, LARGEST, LONGEST_HEADERS, MOST_PARTS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference" / "bounces.md").read_text(encoding="utf-8")
GUIDE = (DOCS / "guide" / "what-comes-back.md").read_text(encoding="utf-8")


def row_of(word: str) -> str:
    return next(line for line in PAGE.splitlines() if line.startswith(f"| `{word}`"))


@pytest.mark.parametrize(("kind", "codes"), [("hard", bounce_classes.HARD), ("blocked", bounce_classes.BLOCKED)])
def test_every_code_stands_in_the_row_of_its_class(kind: str, codes: frozenset[str]) -> None:
    assert set(BounceKind) == {"hard", "soft", "blocked", "unknown"}
    assert {code for code in codes if f"5.{code}" in row_of(kind)} == codes


def test_the_codes_that_mean_anything_are_listed() -> None:
    sentence = next(line for line in PAGE.splitlines() if "given for anything" in line)
    assert all(f"5.{code}" in sentence for code in bounce_classes.VAGUE)


def test_the_types_of_complaints_are_listed() -> None:
    assert set(row_of("abuse").split("|")[1].replace("`", "").replace(" ", "").split(",")) == COMPLAINTS


def test_the_limits_and_defaults_are_the_codes_own() -> None:
    limits = PAGE.partition("## Limits")[2]
    numbers = (f"{LARGEST >> 20} MB", f"{LONGEST_HEADERS >> 10} kB", f"{MOST_PARTS} parts", f"{DEEPEST} levels")
    assert all(number in limits for number in (*numbers, f"{MOST_RECIPIENTS} recipients"))
    policy = BouncePolicy()
    written = f"{{soft: {policy.soft}, within: {policy.within.days} days, returned_letters: {policy.returned_letters}}}"
    assert f"bounces: {written}" in GUIDE
