"""Nothing that we write as CSV is run by a spreadsheet that opens it."""

import ast
import csv
from dataclasses import replace
from pathlib import Path

import pytest

from handbill.channels.print_house import write_draft
from tests.channels.test_print_house import batch, pdf, row
from tests.contacts.conftest import Shop

SOURCE = Path(__file__).parents[2] / "src" / "handbill"
FORMULAS = ("=1+2", "+1x", "-1+x", "@SUM(A1)", "\t=1", '=HYPERLINK("http://evil.example")', "=cmd|' /C calc'!A0")
WRITERS = {
    "channels/print_house.py": "the manifest for the printer",
    "contacts/rows/quarantine_file.py": "rejected values with their reasons",
    "contacts/rows/rejected.py": "the rejected rows exactly as they came, to be mended and imported again",
    "contacts/merging/staging.py": "no file: what PostgreSQL copies into a table",
}
"""Every module that writes CSV, and what."""


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_printers_list_holds_no_formula(tmp_path: Path, formula: str) -> None:
    changed = replace(
        row(1), piece_id=formula, household_id=formula, arm=formula, code=formula, address_lines=(formula,) * 8,
        postcode=formula,
    )  # fmt: skip
    draft = write_draft(tmp_path, batch(changed), [pdf([1])])
    with (draft.folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        (cells,) = list(csv.reader(file))[1:]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert cells.count(f"'{formula}") == 13


@pytest.mark.parametrize("formula", FORMULAS)
def test_the_list_of_rejects_holds_no_formula(shop_on_paper: Shop, formula: str) -> None:
    quoted = formula.replace('"', '""')
    result = shop_on_paper.load("contacts", f'id,points\n1,"{quoted}"\n')
    assert result.quarantine
    with result.quarantine.open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []
    assert f"'{formula}" in cells or f"'{formula.strip()}" in cells


def test_only_known_modules_write_csv() -> None:
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).rpartition(".")[2] in {"writer", "DictWriter", "write_csv", "to_csv", "CSVWriter"}
        and "_writer" not in ast.unparse(node.func)
    }
    assert found == set(WRITERS), "say in WRITERS what it is, and let it neutralise formulas"
