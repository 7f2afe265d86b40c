"""`${NAME}` stands for the value of an environment variable, wherever a text stands."""

import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from handbill.definitions.environment import with_environment
from handbill.definitions.loading import load_project, read_project
from handbill.definitions.yaml import plain, read_yaml

BASE = Path(__file__).parents[1] / "project" / "broken" / "base"
ENVIRONMENT = {"HOST": "smtp.example", "PORT": "2525", "EMPTY": ""}


def filled(text: str, environment: Mapping[str, str] = ENVIRONMENT) -> tuple[object, list[str]]:
    tree, problems = read_yaml(text.encode(), "campaigns.yaml")
    assert tree is not None
    assert problems == []
    tree, problems = with_environment(tree, "campaigns.yaml", environment, {("channel", "password")})
    return plain(tree), [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("${HOST}", "smtp.example"),
        ("https://${HOST}:${PORT}/", "https://smtp.example:2525/"),
        ("[a, '${PORT}']", ["a", "2525"]),
        ("{b: '${HOST}'}", {"b": "smtp.example"}),
        ("a${EMPTY}b", "ab"),
        ("costs $5 {a}", "costs $5 {a}"),
        ("write $${HOST}", "write ${HOST}"),
    ],
)
def test_a_variable_is_put_in_wherever_it_stands(written: str, read: object) -> None:
    assert filled(f"a: {written}") == ({"a": read}, [])


def test_a_value_of_a_variable_is_not_read_again() -> None:
    assert filled("a: ${ONE}", {"ONE": "${TWO}"}) == ({"a": "${TWO}"}, [])


def test_a_secret_is_left_for_later() -> None:
    assert filled("channel: {password: '${UNSET}'}") == ({"channel": {"password": "${UNSET}"}}, [])


def test_every_variable_that_is_not_set_is_named() -> None:
    _, problems = filled("a: ${ONE}\nb:\n  - x\n  - ${TWO} and ${not this}\n")

    assert problems == [
        (
            "campaigns.yaml:1:4: the environment variable ONE is not set. "
            "Set it, such as export ONE=…, or write the value here."
        ),
        (
            "campaigns.yaml:4:5: the environment variable TWO is not set. "
            "Set it, such as export TWO=…, or write the value here."
        ),
        'campaigns.yaml:4:5: "${not this}" names no environment variable. Write ${NAME}, or $${ for these two signs.',
    ]


def test_the_value_of_a_variable_is_never_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_ADDRESS", "hunter2")
    project = Path(shutil.copytree(BASE, tmp_path / "project"))
    campaigns = project / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text().replace("https://shop.example", "${SHOP_ADDRESS}"))

    _, problems = read_project(project)

    assert [str(problem) for problem in problems] == [
        'campaigns.yaml:4:12: "${SHOP_ADDRESS}" is not a web address. Write it like https://shop.example.'
    ]


def test_a_variable_may_stand_for_any_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_PORT", "2525")
    project = Path(shutil.copytree(BASE, tmp_path / "project"))
    campaigns = project / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text().replace("    host: ", "    port: ${MAIL_PORT}\n    host: "))

    email = load_project(project).channels.email

    assert email is not None
    assert email.port == 2525
