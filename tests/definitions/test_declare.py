"""Fields that an import met are added to campaigns.yaml, and nothing else in it changes."""

from pathlib import Path

import pytest

from handbill.definitions.declare import declare_fields
from handbill.definitions.fields import FieldType
from handbill.errors import ProjectInvalid

NEW: dict[str, FieldType] = {"visits": "integer", "stage": "text"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "# Ours\nfields:\n  points: integer   # old\n\n# Topics\ntopics: {}\n",
            "# Ours\nfields:\n  points: integer   # old\n  visits: integer\n  stage: text\n\n# Topics\ntopics: {}\n",
        ),
        (
            "fields:\n    tier:\n        type: text\n        one_of: [a, b]\ncurrency: GBP\n",
            (
                "fields:\n    tier:\n        type: text\n        one_of: [a, b]\n    visits: integer\n    stage: text\n"
                "currency: GBP\n"
            ),
        ),
        (
            "fields:\n  tier: {type: text, one_of: [a, b]}",
            "fields:\n  tier: {type: text, one_of: [a, b]}\n  visits: integer\n  stage: text\n",
        ),
        (
            "fields: {points: integer}   # ours\ncurrency: GBP\n",
            "fields: {points: integer, visits: integer, stage: text}   # ours\ncurrency: GBP\n",
        ),
        ("fields: {}\ncurrency: GBP\n", "fields: {visits: integer, stage: text}\ncurrency: GBP\n"),
        ("currency: GBP\n", "currency: GBP\n\nfields:\n  visits: integer\n  stage: text\n"),
        ("currency: GBP", "currency: GBP\n\nfields:\n  visits: integer\n  stage: text\n"),
        (
            'fields: {points: integer}\nbrand: {name: "Ζωή & 東京"}\n',
            'fields: {points: integer, visits: integer, stage: text}\nbrand: {name: "Ζωή & 東京"}\n',
        ),
    ],
)
def test_new_fields_stand_below_the_declared_ones(tmp_path: Path, before: str, after: str) -> None:
    path = tmp_path / "campaigns.yaml"
    path.write_text(before, encoding="utf-8")

    assert declare_fields(tmp_path, NEW) == ["visits", "stage"]
    assert path.read_text(encoding="utf-8") == after


def test_a_declared_field_keeps_its_declaration(tmp_path: Path) -> None:
    path = tmp_path / "campaigns.yaml"
    path.write_text("fields: {visits: number}\n")

    assert declare_fields(tmp_path, {"visits": "integer"}) == []
    assert path.read_text() == "fields: {visits: number}\n"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("email", '"email" is a field that every contact has. Remove it.'),
        (
            "Page views",
            (
                '"Page views" cannot be the name of a field. '
                'Start with a small letter, then small letters, digits and "_".'
            ),
        ),
    ],
)
def test_a_name_that_no_field_can_have_is_refused(tmp_path: Path, name: str, said: str) -> None:
    path = tmp_path / "campaigns.yaml"
    path.write_text("currency: GBP\n")

    with pytest.raises(ProjectInvalid) as caught:
        declare_fields(tmp_path, {"visits": "integer", name: "text"})

    assert str(caught.value) == said
    assert path.read_text() == "currency: GBP\n"


def test_nothing_is_left_behind_but_the_file(tmp_path: Path) -> None:
    (tmp_path / "campaigns.yaml").write_text("currency: GBP\n")

    declare_fields(tmp_path, NEW)

    assert [path.name for path in tmp_path.iterdir()] == ["campaigns.yaml"]
