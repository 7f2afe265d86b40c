"""Every mistake that a project can have is one line with its place and its mending."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from handbill.definitions.loading import load_project
from handbill.errors import ProjectInvalid

BROKEN = Path(__file__).parent / "broken"


def _cases() -> list[Any]:
    """One mistake each, as edits of the project in broken/base.

    `change` a text `to` another (`in` campaigns.yaml, unless it says where), `also` change others there, `add` files,
    or write a segment's `where`.
    """
    found = []
    for path in sorted(BROKEN.glob("*.yaml")):
        with path.open(encoding="utf-8") as file:
            cases = YAML(typ="safe", pure=True).load(file)
        found += [pytest.param(case, id=f"{path.stem}: {name}") for name, case in cases.items()]
    return found


@pytest.mark.parametrize("case", _cases())
def test_a_mistake_is_named_with_its_place_and_its_mending(case: dict[str, Any], tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(BROKEN / "base", project)
    edited = project / case.get("in", "campaigns.yaml")
    for edit in (*([case] if "change" in case else []), *case.get("also", [])):
        before = edited.read_text(encoding="utf-8")
        assert before.count(edit["change"]) == 1, "the text to change stands there exactly once"
        edited.write_text(before.replace(edit["change"], edit["to"]), encoding="utf-8")
    added = case.get("add", {}) | (
        {"segments/new.yaml": f"name: New\nwhere: {case['where']}\n"} if "where" in case else {}
    )
    for name, content in added.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content, encoding="utf-8")

    with pytest.raises(ProjectInvalid) as caught:
        load_project(project)

    said = [str(problem).replace(str(project), "PROJECT") for problem in caught.value.problems]
    assert said == case["says"]


def test_the_project_that_the_mistakes_are_made_in_has_none() -> None:
    assert list(load_project(BROKEN / "base").campaigns) == ["sale", "letters"]
