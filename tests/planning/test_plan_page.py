"""The page about the plan for machines names every key, and no other."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from handbill.planning.cost import BreakEven, ChannelCost
from handbill.planning.differences import ArmChange, Differences, Movement
from handbill.planning.edits import Edit, EditClass
from handbill.planning.headcount import LeftOut, PlannedArm, Split
from handbill.planning.learning import Learning, Reading
from handbill.planning.plan import Plan
from handbill.planning.timing import Departure

PAGE = (Path(__file__).parents[2] / "docs/reference/plan.md").read_text()
SECTIONS: dict[str, Any] = {
    "left_out": LeftOut, "arms": PlannedArm, "split": Split, "departures": Departure, "costs": ChannelCost,
    "break_even": BreakEven, "learnings": Learning, "reading": Reading, "differences": Differences,
    "movements": Movement, "changes of arm": ArmChange, "edits": Edit,
}  # fmt: skip


def keys_under(heading: str) -> list[str]:
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].partition("\n`kind` is one of")[0]
    return re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)


@pytest.mark.parametrize("heading", SECTIONS)
def test_the_page_names_every_key_in_its_order(heading: str) -> None:
    assert keys_under(heading) == [each.name for each in fields(SECTIONS[heading])]


def test_the_page_names_the_keys_of_the_plan_itself() -> None:
    kept_in_files_only = {"definition", "fingerprint"}
    names = [each.name for each in fields(Plan) if each.name not in kept_in_files_only]
    assert keys_under("Plan") == [*names, "rendering"]


def test_the_page_names_every_class_of_edits() -> None:
    listed = re.findall(r"^\| `([\w-]+)` \|", PAGE.partition("`kind` is one of")[2], re.MULTILINE)
    assert listed == [each.value for each in EditClass]
