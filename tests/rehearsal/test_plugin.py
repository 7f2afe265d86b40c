"""pytest runs campaign tests like any other, and `handbill test` runs them without it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from handbill.cli import invoke
from tests.rehearsal.shop import a_test, make_shop, write_test

GOOD = a_test("", "  anna: {arm: any, channels: [email]}\n")
BAD = a_test("  ben: {like: anna, arm: plain}\n", "  anna: {arm: any}\n  ben: {channels: []}\n")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "shop")


def pytest_on(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """pytest as a marketer's project has it: without this repository's settings."""
    quiet = ["-q", "-p", "no:cacheprovider", "-W", "error", "-o", "addopts=", "--rootdir", str(root)]
    plugin = ["-p", "no:handbill", "-p", "handbill.rehearsal.plugin"]  # by name, whether it is installed or not
    command = [sys.executable, "-m", "pytest", *quiet, *plugin, *arguments]
    environment = {**os.environ, "PYTEST_ADDOPTS": ""}
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def test_pytest_has_one_test_for_each_persona(shop: Path) -> None:
    write_test(shop, GOOD, "good")
    write_test(shop, BAD, "bad")
    found = pytest_on(shop)
    assert found.returncode == 1
    assert "tests/bad.campaign-test.yaml:17:9: ben does not get what is expected of hello." in found.stdout
    assert "FAILED tests/bad.campaign-test.yaml::ben" in found.stdout
    assert "1 failed, 2 passed" in found.stdout
    assert "Traceback" not in found.stdout


def test_processes_that_share_the_tests_leave_nothing_behind(shop: Path) -> None:
    write_test(shop, GOOD, "good")
    found = pytest_on(shop, "-n", "1")
    assert found.returncode == 0
    assert found.stderr == ""


def test_mistakes_in_a_file_are_lines_for_pytest_too(shop: Path) -> None:
    write_test(shop, BAD.replace("arm: plain", "arm: plane"), "bad")
    found = pytest_on(shop)
    assert found.returncode == 2
    assert 'tests/bad.campaign-test.yaml:14:26: arm "plane" is not known. Use nothing, plain or' in found.stdout
    assert "Traceback" not in found.stdout


def test_handbill_test_says_how_many_are_as_expected(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_test(shop, GOOD, "good")
    assert invoke(["test", "--project", str(shop)]) == 0
    assert capsys.readouterr().out == "1 campaign test, 1 person: all as expected.\n"


def test_differences_are_exit_code_1(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_test(shop, GOOD, "good")
    path = write_test(shop, BAD, "bad")
    assert invoke(["test", "--project", str(shop)]) == 1
    out = capsys.readouterr().out
    assert out.startswith("tests/bad.campaign-test.yaml:17:9: ben does not get what is expected of hello.\n")
    assert out.endswith("\n\n2 campaign tests, 3 people: 1 not as expected.\n")
    assert invoke(["test", str(path), "--project", str(shop), "--json"]) == 1
    assert [each["fits"] for each in json.loads(capsys.readouterr().out)] == [True, False]


def test_mistakes_in_all_files_are_exit_code_2(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_test(shop, BAD.replace("arm: plain", "arm: plane"), "bad")
    write_test(shop, GOOD.replace("campaign: hello", "campaign: hell"), "good")
    assert invoke(["test", "--project", str(shop)]) == 2
    assert capsys.readouterr().err == (
        'tests/bad.campaign-test.yaml:14:26: arm "plane" is not known. Use nothing, plain or deal. '
        'Did you mean "plain"?\n'
        'tests/good.campaign-test.yaml:1:11: campaign "hell" is not known. Use hello or letters. '
        'Did you mean "hello"?\n'
    )


def test_a_project_without_campaign_tests_is_exit_code_1(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["test", "--project", str(shop)]) == 1
    assert capsys.readouterr().err == (
        f"{shop}/tests: there are no campaign tests. Write one whose name ends in .campaign-test.yaml.\n"
    )


def test_a_file_of_another_name_is_refused(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["test", str(shop / "campaigns.yaml"), "--project", str(shop)]) == 2
    assert capsys.readouterr().err == (
        f"{shop}/campaigns.yaml: this is no campaign test. Name a file that ends in .campaign-test.yaml.\n"
    )


def test_loading_the_plugin_loads_nothing_heavy() -> None:
    heavy = "('sqlalchemy', 'pydantic', 'mjml', 'ruamel.yaml')"
    code = f"import sys, handbill.rehearsal.plugin; print([each for each in {heavy} if each in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
