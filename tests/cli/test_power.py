"""`handbill power` on the command line: sizes, effects, days, money, and fake experiments."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from handbill.cli import invoke

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "how-many-people.md"


def _said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert invoke(["power", *arguments]) == 0
    return capsys.readouterr().out


def _refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert invoke(["power", *arguments]) == 2
    return " ".join(capsys.readouterr().err.replace("│", " ").split())


def _examples() -> list[tuple[str, str]]:
    text = GUIDE.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\n\$ handbill power (.+?)\n(.*?)```", text, re.MULTILINE | re.DOTALL)
    return [(command, output) for command, output in blocks if output]


@pytest.mark.parametrize(("command", "output"), _examples())
def test_the_guides_examples_say_what_the_guide_says(
    command: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _said(capsys, *command.split()) == output


def test_the_guide_has_examples() -> None:
    assert len(_examples()) == 5


def test_several_arms_share_the_level(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, "--rate", "5%", "--effect", "10%", "--arms", "3", "--control", "25%", "--confidence", "0.95")

    assert "  each of 3 arms" in said
    assert int(re.search(r"control +([\d,]+)", said).group(1).replace(",", "")) > 31_234  # type: ignore[union-attr]  # it is there


def test_contacts_and_effect_give_the_power(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, "--rate", "5%", "--effect", "0.5 points", "--contacts", "62468")

    assert said.splitlines()[0] == "62,468 contacts show 5.5 % against 5 % (+0.5 points, +10 %) with a power of 80 %:"


def test_a_negative_effect_is_an_effect(capsys: pytest.CaptureFixture[str]) -> None:
    assert _said(capsys, "--rate", "5%", "--effect=-1pp").startswith("To show 4 % against 5 % (-1 points, -20 %)")


def test_a_handful_can_show_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, "--rate", "50%", "--contacts", "6")

    assert said == "6 contacts can show no effect at all with a power of 80 %.\n"


def test_json_has_the_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    shape = json.loads(_said(capsys, "--rate", "5%", "--effect", "0.5pp", "--looks", "2", "--json"))

    assert (shape["control"], shape["together"], shape["at_most"]) == (31_234, 62_468, 62_700)
    assert shape["relative"] == pytest.approx(0.1)
    assert "days" not in shape


def test_looks_cost_some_of_what_given_contacts_can_show(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--rate", "1%", "--contacts", "50000", "--json")

    effects = [json.loads(_said(capsys, *given, "--looks", str(looks)))["effect"] for looks in (1, 2, 5)]

    assert effects == sorted(effects)


def test_households_take_more_contacts(capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--rate", "5%", "--effect", "1pp", "--json")

    plain, homes = (
        json.loads(_said(capsys, *given, *more))["control"]
        for more in ((), ("--household-size", "2", "--household-correlation", "0.3"))
    )

    assert homes == pytest.approx(1.3 * plain, rel=1e-3)


def test_an_effect_that_can_be_read_in_two_ways_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert '"0.5" can be read in two ways. Write 0.5pp (points) or 10% (of the control\'s rate).' in _refused(
        capsys, "--rate", "5%", "--effect", "0.5"
    )
    assert '"1pp" can be read in two ways. Points are of a --rate.' in _refused(capsys, "--sd", "5", "--effect", "1pp")


def test_what_is_no_number_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert '"much" is not an effect. Write 0.5pp, 10% or 1.20.' in _refused(capsys, "--sd", "5", "--effect", "much")
    assert '"five" is not a share. Write 5% or 0.05.' in _refused(capsys, "--rate", "five", "--effect", "1pp")
    assert "A percentage is one of the control's --rate or --mean." in _refused(capsys, "--sd", "5", "--effect", "10%")


def test_all_that_is_missing_is_named_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert invoke(["power"]) == 2

    assert capsys.readouterr().err == (
        "Give either the control's rate, or the standard deviation of an amount per contact.\n"
        "Give the effect that is to be shown, or the contacts that there are.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--rate", "5%", "--effect", "0pp"), "An effect of nothing cannot be shown with any number of contacts."),
        (
            ("--rate", "0%", "--effect", "1pp"),
            "A rate of 0 % leaves nothing to find out. Give one between 0 and 100 %.",
        ),
        (("--rate", "5%", "--effect", "96pp"), "A rate of 5 % cannot change by +96 points."),
        (("--sd", "0", "--effect", "1"), "The standard deviation must be above zero."),
        (("--rate", "5%", "--effect", "1pp", "--power", "100%"), "The power of 100 % is not between 0 and 100 %."),
        (("--aa", "orders.csv", "--metric", "x", "--control", "0%"), "The control of 0 % is not between 0 and 100 %."),
        (("--rate", "5%", "--contacts", "3"), "3 contacts are too few for 2 arms."),
    ],
)
def test_numbers_that_make_no_experiment_are_refused(
    arguments: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["power", *arguments]) == 2
    assert capsys.readouterr().err == f"{message}\n"


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """4,000 contacts, of whom a quarter bought for some ten to fifty."""
    amounts = np.concatenate((np.zeros(3000), np.linspace(10, 50, 1000)))
    path = tmp_path / "orders.csv"
    path.write_text("revenue,bought\n" + "\n".join(f"{amount:.2f},{int(amount > 0)}" for amount in amounts))
    return path


def test_history_is_replayed_with_fake_arms(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, "--aa", str(history), "--metric", "revenue", "--experiments", "200").splitlines()

    assert said[0] == "200 fake experiments with revenue, in which nobody was treated differently:"
    assert re.fullmatch(r"  \d\.\d % found an effect \(\d\.\d to \d+\.\d %\); 5 % is promised\.", said[1])
    assert said[-1] == "The tests keep their promise on these data."


def test_history_with_too_few_buyers_cannot_be_tested(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = _said(capsys, "--aa", str(history), "--metric", "revenue", "--control", "10%", "--experiments", "20")

    assert said == (
        "20 fake experiments with revenue, in which nobody was treated differently:\n"
        "  none could be tested; with revenue, an arm needs 200 buyers.\n"
    )


def test_a_replay_in_json(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shape = json.loads(_said(capsys, "--aa", str(history), "--metric", "bought", "--experiments", "100", "--json"))

    assert (shape["experiments"], shape["silent"], shape["promised"]) == (100, 0, 0.05)
    assert shape["higher"] + shape["lower"] == pytest.approx(100 * shape["false_rate"])


def test_a_replay_needs_a_column(history: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Name the column of the table that is to be replayed." in _refused(capsys, "--aa", str(history))
    assert invoke(["power", "--aa", str(history), "--metric", "spend"]) == 2
    assert capsys.readouterr().err == (
        f'{history}: there is no column "spend". The columns are "revenue", "bought".\n'
    )  # fmt: skip


def test_a_cell_that_is_no_number_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("revenue\n1\nmuch\n")

    assert invoke(["power", "--aa", str(path), "--metric", "revenue"]) == 2
    assert capsys.readouterr().err == f"{path}:3: revenue is not a number. Write 0 where nothing happened.\n"
