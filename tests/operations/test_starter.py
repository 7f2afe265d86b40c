"""A new project is the starter, whole, and never overwrites anything."""

import tomllib
from pathlib import Path

import pytest

from handbill.cli import invoke
from handbill.errors import SetupIncomplete
from handbill.operations.starter import PARTS, lay_down, starter_dir


def test_a_new_project_holds_every_part_of_the_starter(tmp_path: Path) -> None:
    lay_down(tmp_path / "shop")
    assert all((tmp_path / "shop" / part).exists() for part in PARTS)
    assert (tmp_path / "shop" / "campaigns.yaml").read_text() == (starter_dir() / "campaigns.yaml").read_text()
    assert not list((tmp_path / "shop").rglob("__pycache__"))


def test_what_tests_handbill_itself_is_no_part_of_a_new_project(tmp_path: Path) -> None:
    lay_down(tmp_path / "shop")

    assert not (tmp_path / "shop" / "tests" / "project" / "broken").exists()


def test_every_file_of_a_new_project_is_shipped(tmp_path: Path) -> None:
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    lay_down(tmp_path / "shop")
    files = [path.relative_to(tmp_path / "shop") for path in (tmp_path / "shop").rglob("*") if path.is_file()]

    kept = [file for file in files if not any(str(part) in shipped for part in (file, *file.parents))]

    assert [file.as_posix() for file in kept] == [".gitignore"]
    assert all(target == f"handbill/starter/{part}" for part, target in shipped.items())


def test_the_campaign_tests_of_a_new_project_are_green(tmp_path: Path) -> None:
    lay_down(tmp_path / "shop")
    assert invoke(["test", "--project", str(tmp_path / "shop")]) == 0


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(SetupIncomplete) as caught:
        lay_down(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is not an empty folder. Name a new one."
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
