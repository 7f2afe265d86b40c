"""The reference says what the models check, and its examples are right."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from handbill.definitions.clauses import Reading
from handbill.definitions.fields import FieldDeclaration, contact_fields
from handbill.definitions.project import ProjectFile
from handbill.definitions.reference import PARTS, refreshed
from handbill.definitions.segment_reader import read_segment
from handbill.definitions.shape import alternatives
from handbill.definitions.yaml import read_yaml

PAGES = Path(__file__).parents[2] / "docs" / "reference"
FIELDS = contact_fields({"loyalty_points": FieldDeclaration(type="integer"), "tier": FieldDeclaration(type="text")})


def examples(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (PAGES / page).read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("page", ["campaign-language.md", "segments.md"])
def test_the_generated_parts_are_current(page: str) -> None:
    written = (PAGES / page).read_text(encoding="utf-8")

    assert refreshed(written) == written, "run: python -m handbill.definitions.reference docs/reference"


@pytest.mark.parametrize("example", examples("segments.md"))
def test_every_segment_in_the_reference_is_right(example: str) -> None:
    tree, problems = read_yaml(example.encode(), "example")
    assert tree is not None
    segment, mistakes = read_segment(tree, "example", "example", Reading(FIELDS, ZoneInfo("Europe/London")))

    assert problems + mistakes == []
    assert segment is not None


@pytest.mark.parametrize("example", examples("campaign-language.md"))
def test_every_part_of_campaigns_yaml_in_the_reference_is_yaml(example: str) -> None:
    assert read_yaml(example.encode(), "example")[1] == []


def test_every_part_of_the_language_is_described() -> None:
    described = {model for _, model in PARTS}
    missing = {
        inner.__name__
        for model in described
        for field in model.model_fields.values()
        for inner in alternatives(field.annotation)
        if hasattr(inner, "model_fields") and inner not in described | {ProjectFile}
    }

    assert missing == {"Channels", "LocalText"}  # one only holds the two channels, the other has a form of its own


def test_every_key_has_a_meaning() -> None:
    unexplained = [
        f"{path}: {name}"
        for path, model in PARTS
        for name, field in model.model_fields.items()
        if not (field.description or "").endswith(".")
    ]

    assert unexplained == []
