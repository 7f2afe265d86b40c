"""`handbill import` on the command line: sentences for people, JSON for machines, exit codes for scripts."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from handbill.cli.imports import register
from handbill.errors import ImportRefused

CAMPAIGNS = """\
brand: {name: Northwind, postal_address: 1 Harbour Street, website: https://shop.example}
timezone: Europe/London
currency: GBP
topics: {offers: Offers and news}
"""


@pytest.fixture
def app() -> typer.Typer:
    """A command line with this command alone."""
    alone = typer.Typer(add_completion=False)
    alone.callback()(lambda: None)
    register(alone)
    return alone


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, in which the command is given, with a file of three contacts."""
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    (tmp_path / "crm.csv").write_text("Nr,Mail,Login\n1,ann@example.com,ann\n2,bob@,bob\n3,,cid\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(app: typer.Typer, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["import", *arguments], catch_exceptions=False)


def test_a_file_is_loaded_and_said_in_sentences(app: typer.Typer, root: Path) -> None:
    result = call(
        app, "contacts", "crm.csv", "--now", "2026-12-01T09:00", "--map", "external_id=Nr",
        "--derive", "first_name={{ Login | title }}",
    )  # fmt: skip
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "Loaded 2 contacts (0 mailable).",
        "1 row rejected: see .handbill/rejects/contacts-crm-20261201T090000Z.csv",
        '  from row 3: Mail: "bob@" is not an e-mail address. Write it like ann@example.com. (1 row)',
    ]


def test_json_is_for_machines(app: typer.Typer, root: Path) -> None:
    result = call(
        app, "contacts", "crm.csv", "--map", "external_id=Nr", "--source", "crm",
        "--complete-until", "2026-11-30T23:00", "--json",
    )  # fmt: skip
    said = json.loads(result.stdout)
    assert (said["loaded"], said["rejected"], said["counts"]) == (2, 1, {"mailable": 0})
    assert said["complete_until"] == "2026-11-30T23:00:00+00:00"
    assert said["reasons"] == [
        {
            "column": "Mail",
            "text": '"bob@" is not an e-mail address. Write it like ann@example.com.',
            "first_row": 3,
            "rows": 1,
        }
    ]


def test_a_file_of_which_nothing_can_be_loaded_is_exit_code_2(app: typer.Typer, root: Path) -> None:
    result = call(app, "consents", "crm.csv", "--map", "contact=Nr", "--derive", "channel=email",
                  "--derive", "topic=offers", "--derive", "state=granted")  # fmt: skip
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.splitlines()[0] == "Loaded 0 consents (0 new)."


def test_a_wrong_field_is_refused(app: typer.Typer, root: Path) -> None:
    with pytest.raises(ImportRefused) as caught:
        call(app, "orders", "crm.csv", "--map", "oder_id=Nr")
    assert str(caught.value) == ('--map oder_id=Nr: field "oder_id" is not known. Did you mean "order_id"?')


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--map", "email"], 'Invalid value for --map: "email" has no field or no value. Write it like FIELD=COLUMN.'),
        (["--derive", "=x"], 'Invalid value for --derive: "=x" has no field or no value. Write it like FIELD=JINJA.'),
        (["--map", "email=a", "--map", "email=b"], "Invalid value for --map: email is given twice. Remove one."),
        (
            ["--complete-until", "yesterday"],
            'Invalid value for --complete-until: "yesterday" is not a time. Write it like 2026-12-01T09:00.',
        ),
    ],
)
def test_an_option_that_cannot_be_read_is_exit_code_2(
    app: typer.Typer, root: Path, options: list[str], message: str
) -> None:
    result = call(app, "contacts", "crm.csv", *options)
    assert result.exit_code == 2
    shown = " ".join(result.stderr.replace("│", " ").split())
    assert message in shown


def test_the_help_has_an_example(app: typer.Typer) -> None:
    help_ = " ".join(call(app, "--help").stdout.split())
    assert "Example: handbill import orders shop.csv --map order_id=Invoice" in help_
