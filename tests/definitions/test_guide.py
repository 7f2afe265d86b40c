"""The guide to campaigns.yaml is right: its parts together are a project without mistakes."""

import re
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from handbill.definitions.loading import load_project

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "guide" / "campaigns.md").read_text(encoding="utf-8")


def merged(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    both = one.keys() & other.keys()
    return {**one, **other, **{key: merged(one[key], other[key]) for key in both}}


def test_the_parts_of_the_guide_are_a_project_without_mistakes(tmp_path: Path) -> None:
    yaml, whole = YAML(), dict[str, Any]()
    for part in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL):
        whole = merged(whole, yaml.load(part) or {})
    with (tmp_path / "campaigns.yaml").open("w", encoding="utf-8") as file:
        yaml.dump(whole, file)
    for folder in ("segments", "templates"):
        shutil.copytree(ROOT / folder, tmp_path / folder)

    assert list(load_project(tmp_path).campaigns) == ["invitation", "spring-sale", "winter-news"]


def test_what_the_guide_says_that_check_says_is_what_it_says() -> None:
    corpus = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests/project/broken").glob("*.yaml"))

    for message in re.findall(r"^campaigns\.yaml:\d+:\d+: (.*)$", GUIDE, re.MULTILINE):
        known = re.sub(r'"[^"]*"|Use .*? or \S+\.|\d+%', "…", message)
        assert known in re.sub(r'"[^"]*"|Use .*? or \S+\.|\d+%', "…", corpus)
