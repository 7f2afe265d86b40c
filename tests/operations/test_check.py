"""A project is checked in all its files, and every mistake of all of them comes at once."""

from pathlib import Path

import pytest

from handbill.errors import ProjectInvalid
from handbill.operations.check import all_good, check_project
from handbill.operations.starter import lay_down


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    lay_down(tmp_path / "shop")
    return tmp_path / "shop"


def change(path: Path, old: str, new: str) -> None:
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new, 1), encoding="utf-8")


def mistakes(project: Path) -> list[str]:
    with pytest.raises(ProjectInvalid) as caught:
        check_project(project)
    return [str(problem) for problem in caught.value.problems]


def test_a_new_project_is_right(shop: Path) -> None:
    assert list(check_project(shop).campaigns) == ["spring-sale", "autumn-postcard", "winback"]


def test_what_was_checked_is_counted(shop: Path) -> None:
    (shop / "segments" / "everybody.yaml").write_text("name: Everybody\nwhere: {field: external_id, exists: true}\n")

    assert all_good(check_project(shop)) == "campaigns.yaml: 3 campaigns, 5 segments, 4 templates: all good."


def test_mistakes_of_declarations_and_templates_come_together(shop: Path) -> None:
    change(shop / "campaigns.yaml", "include: [lapsed]", "include: [lapst]")
    change(shop / "templates" / "email" / "spring.mjml", "contact.first_name", "contact.frist_name")

    said = mistakes(shop)

    assert [line.partition(":")[0] for line in said] == ["campaigns.yaml", "templates/email/spring.mjml"]


def test_templates_are_not_blamed_for_a_misspelt_declaration(shop: Path) -> None:
    change(shop / "campaigns.yaml", "tier: {type: text", "tier: {type: txt")

    assert [line.partition(": ")[2] for line in mistakes(shop)] == [
        'type "txt" is not known. Use text, integer, number, boolean, date or time. Did you mean "text"?'
    ]
