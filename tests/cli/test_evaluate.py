"""`handbill evaluate` on the command line: JSON for machines, tables for people."""

import json
from pathlib import Path
from typing import get_args

import pytest
import typer
from typer.testing import CliRunner

from handbill.cli.evaluate import MethodName, register
from handbill.errors import ImportRefused
from handbill.operations.evaluate import METHODS

HILLSTROM = Path(__file__).parents[3] / "shared" / "data" / "hillstrom.csv"


@pytest.fixture
def app() -> typer.Typer:
    """A command line with this command alone."""
    alone = typer.Typer(add_completion=False)
    alone.callback()(lambda: None)
    register(alone)
    return alone


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """300 of 2,000 visited and spent 50 with the mail, 200 of 2,000 without."""
    rows = ["arm,visit,spend"]
    for arm, buyers in (("mail", 300), ("none", 200)):
        rows += [f"{arm},1,{amount}" for amount in (45, 55) for _ in range(buyers // 2)]
        rows += [f"{arm},0,0"] * (2000 - buyers)
    path = tmp_path / "test.csv"
    path.write_text("\n".join(rows))
    return path


def test_a_table_reads_well(app: typer.Typer, table: Path) -> None:
    result = CliRunner().invoke(
        app, ["evaluate", str(table), "--arm", "arm", "--control", "none", "--metric", "visit", "--metric", "spend"]
    )

    lines = [line.strip() for line in result.stdout.splitlines() if line.strip()]
    assert [line for line in lines if not line.startswith("─")] == [
        "visit",
        "arm    units     rate   difference (points)   95 % interval    lift         p   p adjusted   verdict",
        "none   2,000   10.0 %               control",
        "mail   2,000   15.0 %                  +5.0    +3.0 to +7.1   +50 %   <0.0001      <0.0001    higher",
        "pooled z test; Miettinen–Nurminen score intervals for the difference and for the ratio.",
        "spend",
        "arm    units   mean   difference   95 % interval    lift         p   p adjusted   verdict",
        "none   2,000    5.0      control",
        "mail   2,000    7.5         +2.5    +1.5 to +3.5   +50 %   <0.0001      <0.0001    higher",
        "Welch's t test and interval; Fieller's interval for the relative lift.",
        "The split is as declared (p = 1).",
    ]


def test_json_is_all_that_stands_on_stdout(app: typer.Typer, table: Path) -> None:
    arguments = ["evaluate", str(table), "--arm", "arm", "--control", "none", "--metric", "visit", "--json"]

    result = CliRunner().invoke(app, arguments)

    shape = json.loads(result.stdout)
    assert result.exit_code == 0
    assert result.stderr == ""
    assert [arm["units"] for arm in shape["arms"]] == [2000, 2000]
    assert shape["comparisons"][0]["difference"] == pytest.approx(0.05)


def test_what_cannot_be_said_stands_below_the_table(app: typer.Typer, tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("arm,visit\n" + "mail,0\n" * 50 + "none,0\n" * 200)

    result = CliRunner().invoke(app, ["evaluate", str(path), "--arm", "arm", "--control", "none", "--metric", "visit"])

    lines = [line.strip() for line in result.stdout.splitlines()]
    assert "mail: Nobody in either arm converted, so there is nothing to test." in lines
    assert any(line.startswith("mail      50") and line.endswith("not testable") for line in lines)
    assert lines[-1] == (
        "The contacts are not split as declared (p = 2.4e-21): none has 200 instead of about 125, "
        "mail has 50 instead of about 125. Find out why before you believe any comparison."
    )


def test_without_a_metric_the_arms_are_counted(app: typer.Typer, table: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(table), "--arm", "arm", "--control", "none"])

    assert result.stdout == "none: 2,000 units, mail: 2,000 units\nThe split is as declared (p = 1).\n"


def test_names_with_brackets_are_printed_as_they_are(app: typer.Typer, tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("arm,[bold]\n[red]mail,0\nnone,1\n")

    result = CliRunner().invoke(app, ["evaluate", str(path), "--arm", "arm", "--control", "none", "--metric", "[bold]"])

    assert "[bold]" in result.stdout
    assert "[red]mail" in result.stdout


@pytest.mark.parametrize("shares", [["mail=0.75", "none=0.25"], ["mail=75%", "none=25%"]])
def test_shares_are_given_by_arm(app: typer.Typer, tmp_path: Path, shares: list[str]) -> None:
    path = tmp_path / "test.csv"
    path.write_text("arm\n" + "mail\n" * 300 + "none\n" * 100)
    options = [part for share in shares for part in ("--share", share)]

    result = CliRunner().invoke(app, ["evaluate", str(path), "--arm", "arm", "--control", "none", *options, "--json"])

    assert json.loads(result.stdout)["balance"] == {
        "expected": {"none": 0.25, "mail": 0.75},
        "p_value": 1.0,
        "ok": True,
    }


@pytest.mark.parametrize("share", ["mail", "mail=lots", "=0.5", "mail=nan"])
def test_a_share_that_is_none_is_refused(app: typer.Typer, table: Path, share: str) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(table), "--arm", "arm", "--share", share])

    assert result.exit_code == 2
    assert f'"{share}" is not a share. Write ARM=0.45 or ARM=45%.' in " ".join(result.stderr.replace("│", " ").split())


def test_what_the_user_can_mend_is_left_to_the_command_line(app: typer.Typer, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["evaluate", str(tmp_path / "no.csv"), "--arm", "arm"])

    assert isinstance(result.exception, ImportRefused)


def test_ratios_clusters_and_covariates_are_asked_for_by_their_columns(app: typer.Typer, tmp_path: Path) -> None:
    rows = [f"{'mail' if n % 2 else 'none'},{n},{n % 7},{n % 7 + (n * 7919) % 5 + n % 2},{n % 3}" for n in range(2000)]
    path = tmp_path / "test.csv"
    path.write_text("arm,home,before,spend,clicks\n" + "\n".join(rows))
    metrics = ["--metric", "spend", "--metric", "spend a click:ratio=spend/clicks"]
    options = ["--cluster", "home", "--covariate", "before", *metrics]

    result = CliRunner().invoke(app, ["evaluate", str(path), "--arm", "arm", "--control", "none", *options])

    lines = [line.strip() for line in result.stdout.splitlines() if line.strip() and "──" not in line]
    assert lines == [
        "spend",
        "arm    units   mean   difference    95 % interval    lift         p   p adjusted   verdict",
        "none   1,000   5.00      control",
        "mail   1,000   6.00        +1.00   +0.88 to +1.12   +20 %   <0.0001      <0.0001    higher",
        "CUPED with one slope for all arms; delta method with Welch's t; Fieller's interval for the relative lift.",
        "mail: the covariates took away 66.7 % of the variance, as 3.00 times the units would.",
        "spend a click",
        "arm    units   ratio   difference    95 % interval    lift         p   p adjusted   verdict",
        "none   1,000    5.00      control",
        "mail   1,000    6.00        +0.99   +0.54 to +1.44   +20 %   <0.0001      <0.0001    higher",
        "delta method with Welch's t; Fieller's interval for the relative lift.",
        "Covariates are not taken out of a ratio: this is the comparison without them.",
        "The split is as declared (p = 1).",
    ]


def test_the_names_of_methods_are_those_of_the_statistics() -> None:
    assert set(get_args(MethodName)) == set(METHODS)


def test_the_help_has_an_example(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["evaluate", "--help"])

    assert "Example: handbill evaluate test.csv --arm segment" in result.stdout


@pytest.mark.skipif(not HILLSTROM.exists(), reason="the shared data are not on this machine")
def test_the_hillstrom_experiment_is_evaluated(app: typer.Typer) -> None:
    metrics = ["--metric", "visit", "--metric", "conversion", "--metric", "spend"]
    arguments = ["evaluate", str(HILLSTROM), "--arm", "segment", "--control", "No E-Mail", *metrics, "--json"]

    shape = json.loads(CliRunner().invoke(app, arguments).stdout)

    assert [arm["units"] for arm in shape["arms"]] == [21_306, 21_307, 21_387]
    differences = {(one["metric"], one["arm"]): round(one["difference"], 5) for one in shape["comparisons"]}
    assert differences["visit", "Mens E-Mail"] == 0.07659
    assert differences["visit", "Womens E-Mail"] == 0.04523
    assert differences["spend", "Mens E-Mail"] == 0.76983
    assert differences["spend", "Womens E-Mail"] == 0.42441
