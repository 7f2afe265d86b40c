"""Whether the guide's page about the web service names what there is: options, figures, addresses, files to copy."""

import configparser
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from handbill.cli.app import app

GUIDE = (Path(__file__).parent.parent.parent / "docs" / "guide" / "web-service.md").read_text(encoding="utf-8")
SOURCE = Path(__file__).parent.parent.parent / "src" / "handbill"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", GUIDE, re.DOTALL)
    assert found
    return found[1]


def test_every_option_of_the_command_is_in_the_guide() -> None:
    shown = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).output
    options = set(re.findall(r"--[a-z][a-z-]+", shown)) - {"--help", "--project"}
    assert options
    assert {option for option in options if f"`{option}" not in GUIDE} == set()


def test_every_figure_for_prometheus_is_in_the_guide() -> None:
    code = "".join((SOURCE / path).read_text(encoding="utf-8") for path in ("operations/gauges.py", "web/metrics.py"))
    names = set(re.findall(r'"(handbill_[a-z0-9_]+)"', code))
    assert len(names) >= 9
    assert {name for name in names if f"`{name}" not in GUIDE} == set()


def test_the_unit_starts_the_command() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    unit.read_string(block("ini"))
    assert unit["Service"]["ExecStart"].endswith("/handbill serve")
    assert unit["Install"]["WantedBy"] == "multi-user.target"


@pytest.mark.parametrize("language", ["nginx", "caddy"])
def test_the_examples_for_proxies_are_whole(language: str) -> None:
    text = re.sub(r"#.*", "", block(language))
    assert text.count("{") == text.count("}")
    assert "127.0.0.1:8080" in text
    if language == "nginx":
        statements = [line.strip() for line in text.splitlines() if line.strip()]
        assert all(line.endswith((";", "{", "}")) for line in statements)
