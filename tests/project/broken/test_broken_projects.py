"""Every mistake that a project can have is one line with its place and its mending."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from handbill.errors import ProjectInvalid
from handbill.operations.check import check_project

HERE = Path(__file__).parent
BASE = HERE / "base"
CAMPAIGNS = "campaigns.yaml"


def _cases() -> Iterator[Any]:
    """One mistake each, as edits of the project in base.

    `change` a text `to` another (`in` campaigns.yaml, unless it says where), `also` change others, `add` files, write
    a segment's `where`, or `remove` a file. What is added and changed is written in `encoding`; `times` is how often
    the last `…` of `to` stands there.
    """
    for path in sorted(HERE.glob("*.yaml")):
        for name, case in YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")).items():
            yield pytest.param(case, id=f"{path.stem}: {name}")


@pytest.mark.parametrize("case", [*_cases()])
def test_a_mistake_is_named_with_its_place_and_its_mending(case: dict[str, Any], tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(BASE, project)
    break_(project, case)

    with pytest.raises(ProjectInvalid) as caught:
        check_project(project)

    assert [str(problem).replace(str(project), "PROJECT") for problem in caught.value.problems] == case["says"]


def test_the_project_that_the_mistakes_are_made_in_has_none() -> None:
    assert list(check_project(BASE).campaigns) == ["sale", "letters"]


def break_(project: Path, case: dict[str, Any]) -> None:
    """Makes the mistake of a case."""
    encoding = case.get("encoding", "utf-8")
    for edit in (*([case] if "change" in case else []), *case.get("also", [])):
        edited = project / edit.get("in", CAMPAIGNS)
        before = edited.read_text(encoding="utf-8")
        assert before.count(edit["change"]) == 1, "the text to change stands there exactly once"
        after = edit["to"].replace("…", "…" * edit["times"]) if "times" in edit else edit["to"]
        edited.write_text(before.replace(edit["change"], after), encoding=encoding)
    for name, content in _added(case):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(content, encoding=encoding)
    if "remove" in case:
        (project / case["remove"]).unlink()


def _added(case: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield from case.get("add", {}).items()
    if "where" in case:
        yield "segments/new.yaml", f"name: New\nwhere: {case['where']}\n"
