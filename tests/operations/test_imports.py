"""An import loads into the project's own store, declares new fields, and says what it did."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from handbill.clock import Clock
from handbill.definitions.loading import load_project
from handbill.errors import ImportRefused, ProjectInvalid
from handbill.operations.imports import ImportResult, as_json, import_into_project, sentences
from handbill.store.connection import open_store, reading
from handbill.store.tables import contact
from tests.conftest import NOW

CAMPAIGNS = """\
# Ours
brand: {name: Northwind, postal_address: 1 Harbour Street, website: https://shop.example}
timezone: Europe/London
currency: GBP
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project, in which the command is given."""
    monkeypatch.delenv("HANDBILL_DATABASE_URL", raising=False)
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(root: Path, clock: Clock, kind: str, content: str) -> ImportResult:
    (root / "file.csv").write_text(content)
    return import_into_project(root, kind, Path("file.csv"), clock=clock, mapping={}, derive={})


def test_new_columns_become_declared_fields(root: Path, clock: Clock) -> None:
    result = load(root, clock, "contacts", "id,tier,visits\n1,gold,3\n")

    assert (root / "campaigns.yaml").read_text() == f"{CAMPAIGNS}\nfields:\n  tier: text\n  visits: integer\n"
    assert load_project(root).fields["visits"].type == "integer"
    assert list(sentences(result)) == [
        "Loaded 1 contact (0 mailable).",
        "New fields in campaigns.yaml: tier (text), visits (integer).",
    ]
    assert load(root, clock, "contacts", "id,tier,visits\n1,gold,3\n").new_fields == {}


def test_the_store_is_made_on_demand_and_kept(root: Path, clock: Clock) -> None:
    load(root, clock, "contacts", "id\n1\n")
    engine = open_store(f"sqlite:///{root / '.handbill' / 'handbill.db'}")
    with reading(engine) as connection:
        assert connection.scalars(select(contact.c.external_id)).all() == ["1"]
    engine.dispose()


def test_a_result_reads_well(root: Path, clock: Clock) -> None:
    load(root, clock, "contacts", "id\n1\n2\n")
    content = (
        "order_id,contact,ordered_at,sku,quantity,price,note\n"
        "A,1,2026-11-01,mug,1,5,x\nC1,2,2026-11-02,pen,-1,1,y\nB,,2026-11-02,pen,1,1,z\nD,9,2026-11-02,pen,1,1,z\n"
    )
    result = load(root, clock, "orders", content)

    assert list(sentences(result)) == [
        "Loaded 2 orders with 2 lines, 1 refund among them.",
        "2 rows rejected: see .handbill/rejects/orders-file-20261201T090000Z.csv",
        "  from row 4: contact: the value is missing: the row belongs to no contact. (1 row)",
        '  from row 5: contact: contact "9" is not known. Import the contacts first. (1 row)',
        "Mend the rejected rows in .handbill/rejects/orders-file-20261201T090000Z-rows.csv, and import that file.",
        "Columns left out: note.",
    ]
    assert as_json(result) == {
        "kind": "orders", "rows": 4, "loaded": 2, "rejected": 2, "remarks": 0,
        "quarantine": str(root / ".handbill/rejects/orders-file-20261201T090000Z.csv"),
        "rejected_rows": str(root / ".handbill/rejects/orders-file-20261201T090000Z-rows.csv"),
        "complete_until": "2026-11-02T00:00:00+00:00", "counts": {"lines": 2, "refunds": 1}, "new_fields": {},
        "left_out": ("note",), "could_be_fields": False,
        "reasons": (
            {"column": "contact", "text": "the value is missing: the row belongs to no contact.",
             "first_row": 4, "rows": 1},
            {"column": "contact", "text": 'contact "9" is not known. Import the contacts first.',
             "first_row": 5, "rows": 1},
        ),
    }  # fmt: skip


def test_only_the_first_few_reasons_are_said(root: Path, clock: Clock) -> None:
    content = "order_id,contact,ordered_at,total\n" + "".join(f"{n},{n},2026-11-01,1\n" for n in range(7))
    said = list(sentences(load(root, clock, "orders", content)))
    assert said[0] == "Loaded 0 orders with 0 lines."
    assert said[-3:-1] == [
        '  from row 6: contact: contact "4" is not known. Import the contacts first. (1 row)',
        "  and 2 rows for other reasons",
    ]


def test_remarks_are_said_beside_the_rejects(root: Path, clock: Clock) -> None:
    content = "id,email,street,country\n1,ann@example.com,1 Road,GB\n2,bob@,,\n"
    assert list(sentences(load(root, clock, "contacts", content))) == [
        "Loaded 1 contact (0 mailable).",
        "1 row rejected: see .handbill/rejects/contacts-file-20261201T090000Z.csv",
        '  from row 3: email: "bob@" is not an e-mail address. Write it like ann@example.com. (1 row)',
        "1 row is loaded with a remark: see the same file",
        "Mend the rejected rows in .handbill/rejects/contacts-file-20261201T090000Z-rows.csv, and import that file.",
    ]
    assert list(sentences(load(root, clock, "contacts", content.replace("2,bob@,,\n", "")))) == [
        "Loaded 1 contact (0 mailable).",
        "1 row is loaded with a remark: see .handbill/rejects/contacts-file-20261201T090000Z-2.csv",
    ]


def test_a_field_that_cannot_be_declared_loads_nothing(root: Path, clock: Clock) -> None:
    (root / "campaigns.yaml").write_text(CAMPAIGNS.replace("currency: GBP", "currency: pounds"))
    with pytest.raises(ProjectInvalid):
        load(root, clock, "contacts", "id,tier\n1,gold\n")
    assert not (root / ".handbill" / "handbill.db").exists()


def test_a_refused_file_leaves_the_project_as_it_was(root: Path, clock: Clock) -> None:
    with pytest.raises(ImportRefused):
        load(root, clock, "contacts", "emial,tier\nann@example.com,gold\n")
    assert (root / "campaigns.yaml").read_text() == CAMPAIGNS


def test_until_when_a_file_is_complete_can_be_said(root: Path, clock: Clock) -> None:
    (root / "file.csv").write_text("id\n1\n")
    until = NOW - timedelta(hours=3)
    result = import_into_project(
        root, "contacts", Path("file.csv"), clock=clock, mapping={}, derive={}, complete_until=until
    )
    assert result.complete_until == until
