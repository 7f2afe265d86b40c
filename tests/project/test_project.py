"""This project is right in every file. Run it with: pytest tests/project"""

from pathlib import Path

from handbill.operations.check import check_project, inventory

PROJECT = Path(__file__).parents[2]


def test_this_project_has_no_mistakes() -> None:
    found = inventory(check_project(PROJECT))

    assert found.campaigns > 0
