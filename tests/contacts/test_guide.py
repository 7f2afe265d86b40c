"""The guide names every field that an import can fill, and the reference is what the program says."""

from pathlib import Path

import pytest

from handbill.contacts.imports import KINDS
from handbill.contacts.reference import imports_page
from handbill.definitions.project import Project

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "guide" / "importing.md").read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_stands_in_the_guide(kind: str, project: Project) -> None:
    own = {"points", "score", "vip", "birthday", "last_visit", "tier"}
    fields = set(KINDS[kind].shape(project).fields) - own - {"properties"}
    assert {name for name in fields if f"`{name}`" not in GUIDE} == set()


def test_the_reference_is_current(project: Project) -> None:
    assert (DOCS / "reference" / "imports.md").read_text() == imports_page(project)
