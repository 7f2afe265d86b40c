"""The pages about campaign tests say what the models check, and their examples are right."""

import re
from pathlib import Path

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped]  # publishes no types

from handbill.definitions.reference import refreshed
from handbill.definitions.rehearsal import PARTS
from handbill.definitions.rehearsal_schema import rehearsal_schema
from handbill.definitions.yaml import read_yaml
from handbill.operations.starter import lay_down
from handbill.rehearsal.session import rehearse_all

DOCS = Path(__file__).parents[2] / "docs"


def examples(page: str) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_reference_of_campaign_tests_is_current() -> None:
    written = (DOCS / "reference/campaign-tests.md").read_text(encoding="utf-8")
    assert refreshed(written) == written, "run: python -m handbill.definitions.reference docs/reference"


def test_every_key_of_a_campaign_test_has_a_meaning() -> None:
    unexplained = [
        f"{path}: {name}"
        for path, model in PARTS
        for name, field in model.model_fields.items()
        if not (field.description or "").endswith(".")
    ]
    assert unexplained == []


def test_the_first_test_of_the_guide_fits_the_starter(tmp_path: Path) -> None:
    lay_down(tmp_path / "shop")
    path = tmp_path / "shop/tests/first.campaign-test.yaml"
    path.write_text(examples("guide/testing-campaigns.md")[0], encoding="utf-8")
    assert [each.fits for each in rehearse_all(tmp_path / "shop", [path])] == [True]


def test_editors_are_told_of_misspelt_keys_and_may_have_any_contact_field() -> None:
    written = {
        "campaign": "hello",
        "now": "2026-12-01 08:00",
        "personas": {"anna": {"loyalty_points": 120, "orders": [{"at": "2 days ago", "totel": 4}]}},
        "expect": {"anna": {"arm": "any", "email": {"contains": "Anna"}}},
    }
    found = Draft7Validator(rehearsal_schema()).iter_errors(written)
    assert [each.message for each in found] == ["Additional properties are not allowed ('totel' was unexpected)"]


@pytest.mark.parametrize("page", ["guide/testing-campaigns.md", "guide/proofs-and-seeds.md"])
def test_every_example_of_the_guide_is_yaml(page: str) -> None:
    assert [read_yaml(each.encode(), "example")[1] for each in examples(page)] == [[] for _ in examples(page)]
