"""`handbill import` on the command line: sentences for people, JSON for machines, exit codes for scripts."""

import json
import sqlite3
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
        "Mend the rejected rows in .handbill/rejects/contacts-crm-20261201T090000Z-rows.csv, and import that file.",
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


def test_without_a_terminal_columns_become_fields_only_when_asked(app: typer.Typer, root: Path) -> None:
    (root / "more.csv").write_text("id,size,visits\n1,L,3\n")

    assert call(app, "contacts", "more.csv").stdout.splitlines() == [
        "Loaded 1 contact (0 mailable).",
        "Columns left out: size, visits.",
        "To make fields of them, add --infer, or declare them under fields: in campaigns.yaml.",
    ]
    assert (root / "campaigns.yaml").read_text() == CAMPAIGNS

    assert call(app, "contacts", "more.csv", "--infer").stdout.splitlines() == [
        "Loaded 1 contact (0 mailable).",
        "New fields in campaigns.yaml: size (text), visits (integer).",
    ]
    assert (root / "campaigns.yaml").read_text() == f"{CAMPAIGNS}\nfields:\n  size: text\n  visits: integer\n"


def test_a_query_is_imported_and_its_url_taken_from_the_environment(
    app: typer.Typer, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(root / "shop.db") as connection:
        connection.execute("CREATE TABLE customer (id, email)")
        connection.execute("INSERT INTO customer VALUES (1, 'ann@example.com'), (2, 'bob@example.com')")
    connection.close()
    monkeypatch.setenv("SHOP_DB", f"sqlite:///{root / 'shop.db'}")
    result = call(app, "contacts", "--from", "${SHOP_DB}", "--query", "SELECT id, email FROM customer")
    assert result.stdout.splitlines() == ["Loaded 2 contacts (0 mailable)."]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name a file, or a database and a query: --from URL --query SQL."),
        (["crm.csv", "--query", "SELECT 1"], "Give a file, or both --from and --query, not one and a half."),
        (["--from", "sqlite:///x.db"], "Give a file, or both --from and --query, not one and a half."),
    ],
)
def test_a_file_or_a_query_is_needed(app: typer.Typer, root: Path, arguments: list[str], message: str) -> None:
    result = call(app, "contacts", *arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_a_key_that_is_none_is_refused(app: typer.Typer, root: Path) -> None:
    with pytest.raises(ImportRefused) as caught:
        call(app, "contacts", "crm.csv", "--map", "external_id=Nr", "--match", "emial")
    assert str(caught.value) == (
        '--match: key "emial" is not known. Use email, phone or address. Did you mean "email"?'
    )
    with pytest.raises(ImportRefused) as caught:
        call(app, "events", "crm.csv", "--match", "email")
    assert str(caught.value) == "--match: events are no contacts. Leave it out."
