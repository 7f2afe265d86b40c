"""`handbill check` answers with one line, or with one line a mistake and exit code 2."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from handbill.cli import invoke
from handbill.operations.starter import lay_down

MEND = 'Use active-buyers, bought-this-week, lapsed or loyal-households. Did you mean "lapsed"?'


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    lay_down(tmp_path / "shop")
    return tmp_path / "shop"


@pytest.fixture
def broken_shop(shop: Path) -> Path:
    campaigns = shop / "campaigns.yaml"
    campaigns.write_text(campaigns.read_text().replace("include: [lapsed]", "include: [lapst]"))
    return shop


@pytest.fixture
def place(broken_shop: Path) -> tuple[int, int]:
    """Line and column of the mistake."""
    lines = (broken_shop / "campaigns.yaml").read_text().splitlines()
    return next((line, text.index("lapst") + 1) for line, text in enumerate(lines, 1) if "lapst" in text)


def test_a_right_project_is_one_line(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["check", "--project", str(shop)]) == 0
    assert capsys.readouterr().out == "campaigns.yaml: 3 campaigns, 4 segments, 4 templates: all good.\n"


def test_a_mistake_is_a_line_on_stderr_and_exit_code_2(
    broken_shop: Path, place: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["check", "--project", str(broken_shop)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [f'campaigns.yaml:{place[0]}:{place[1]}: segment "lapst" is not known. {MEND}']


def test_a_mistake_in_a_campaign_test_is_found_too(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = shop / "tests" / "project" / "winback.campaign-test.yaml"
    lines = path.read_text().splitlines()
    line = next(number for number, text in enumerate(lines, 1) if text.startswith("campaign:"))
    lines[line - 1] = "campaign: winbak"
    path.write_text("\n".join(lines))
    assert invoke(["check", "--project", str(shop)]) == 2
    mend = 'Use spring-sale, autumn-postcard or winback. Did you mean "winback"?'
    assert capsys.readouterr().err.splitlines() == [
        f'tests/project/winback.campaign-test.yaml:{line}:11: campaign "winbak" is not known. {mend}'
    ]


def test_machines_read_what_was_checked(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["check", "--json", "--project", str(shop)]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer == {"ok": True, "campaigns": 3, "segments": 4, "templates": 4, "problems": [], "warnings": []}


def test_machines_read_every_mistake(
    broken_shop: Path, place: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["check", "--json", "--project", str(broken_shop)]) == 2
    answer = json.loads(capsys.readouterr().out)
    assert answer == {
        "ok": False,
        "problems": [
            {
                "file": "campaigns.yaml",
                "line": place[0],
                "column": place[1],
                "what": 'segment "lapst" is not known.',
                "mend": MEND,
            }
        ],
        "warnings": [],
    }


def test_checking_loads_neither_the_store_nor_the_flows(shop: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from handbill.operations.check import check_project; "
        f"check_project(Path({str(shop)!r})); "
        "print(*{'sqlalchemy', 'prefect', 'numpy', 'scipy'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "\n"
