import csv
import ctypes
import hashlib
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pypdfium2 as pdfium
import pytest
from pypdfium2 import raw

from handbill.channels.print_house import (
    Batch,
    ManifestRow,
    hand_over,
    is_handed_over,
    read_marks,
    remove_draft,
    write_draft,
)
from handbill.errors import ChannelUnavailable, RunRefused
from tests.conftest import NOW

ADDRESS = ("Zoë Adeyemi", "1 Dock Lane", "Whitby", "YO21 1AA")


def pdf(sequences: Sequence[int]) -> bytes:
    """A PDF with a page for each number, which stands beyond its edge."""
    document = pdfium.PdfDocument.new()
    for sequence in sequences:
        page = document.new_page(100, 140)
        page.set_mediabox(-20, -20, 120, 160)
        page.set_trimbox(0, 0, 100, 140)
        text = raw.FPDFPageObj_NewTextObj(document.raw, b"Helvetica", 8.0)
        words = f"#{sequence:06d}".encode("utf-16-le") + b"\0\0"
        buffer = ctypes.create_string_buffer(words)
        raw.FPDFText_SetText(text, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)))
        raw.FPDFPageObj_Transform(text, 1, 0, 0, 1, 0, 146)
        raw.FPDFPage_InsertObject(page.raw, text)
        raw.FPDFPage_GenerateContent(page.raw)
    content = BytesIO()
    document.save(content)
    return content.getvalue()


def row(sequence: int, page_from: int | None = None, page_to: int | None = None) -> ManifestRow:
    first = page_from or sequence
    return ManifestRow(
        sequence, f"piece-{sequence}", f"H-{sequence}", "letter", f"CODE{sequence}", first, page_to or first, ADDRESS,
        "02108",
    )  # fmt: skip


def batch(*rows: ManifestRow) -> Batch:
    return Batch(
        name="winback-once-letter-001", campaign="winback", wave="once", format="letter", trim=(210, 297), bleed=3,
        fonts=("Carlito", "EB-Garamond"), rows=rows, made_at=NOW,
    )  # fmt: skip


def test_a_batch_appears_only_when_it_is_handed_over(tmp_path: Path) -> None:
    draft = write_draft(tmp_path, batch(row(1)), [pdf([1])])
    assert not (tmp_path / "winback-once-letter-001").exists()
    hand_over(draft)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["winback-once-letter-001"]
    assert sorted(path.name for path in draft.final.iterdir()) == ["job.json", "manifest.csv", "pieces.pdf"]


def test_the_parts_become_one_pdf_in_their_order(tmp_path: Path) -> None:
    draft = write_draft(tmp_path, batch(row(1), row(2), row(3)), [pdf([1, 2]), pdf([3])])
    assert draft.pages == 3
    assert list(read_marks(draft.folder / "pieces.pdf")) == [1, 2, 3]


def test_the_manifest_lists_a_row_for_each_piece(tmp_path: Path) -> None:
    draft = write_draft(tmp_path, batch(row(1, 1, 2), replace(row(2, 3, 3), is_seed=True)), [pdf([1, 1, 2])])
    assert (draft.folder / "manifest.csv").read_text(encoding="utf-8").splitlines() == [
        (
            '"sequence","piece_id","household_id","arm","code","page_from","page_to",'
            '"address_1","address_2","address_3","address_4","address_5","address_6","postcode","seed"'
        ),
        '1,"piece-1","H-1","letter","CODE1",1,2,"Zoë Adeyemi","1 Dock Lane","Whitby","YO21 1AA","","","02108","no"',
        '2,"piece-2","H-2","letter","CODE2",3,3,"Zoë Adeyemi","1 Dock Lane","Whitby","YO21 1AA","","","02108","yes"',
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t"])
def test_what_looks_like_a_formula_is_made_text(tmp_path: Path, start: str) -> None:
    name = f"{start}HYPERLINK(A1)"
    changed = replace(row(1), household_id=name, address_lines=(name, "1 Dock Lane"), postcode=name)
    draft = write_draft(tmp_path, batch(changed), [pdf([1])])
    with (draft.folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        (found,) = csv.DictReader(file)
    assert {found["household_id"], found["address_1"], found["postcode"]} == {f"'{name}"}


def test_a_long_address_gets_columns_of_its_own(tmp_path: Path) -> None:
    lines = tuple(f"Line {number}" for number in range(1, 9))
    draft = write_draft(tmp_path, batch(replace(row(1), address_lines=lines)), [pdf([1])])
    with (draft.folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        (found,) = csv.DictReader(file)
    assert found["address_8"] == "Line 8"


def test_the_job_file_holds_the_facts_and_the_digests(tmp_path: Path) -> None:
    draft = write_draft(tmp_path, batch(row(1, 1, 2), row(2, 3, 4)), [pdf([1, 1]), pdf([2, 2])])
    digests = {
        name: hashlib.sha256((draft.folder / name).read_bytes()).hexdigest() for name in ("pieces.pdf", "manifest.csv")
    }
    assert json.loads((draft.folder / "job.json").read_text(encoding="utf-8")) == {
        "batch": "winback-once-letter-001",
        "campaign": "winback",
        "wave": "once",
        "made_at": "2026-12-01T09:00:00+00:00",
        "format": "letter",
        "pieces": 2,
        "seeds": 0,
        "pages": 4,
        "trim_mm": {"width": 210, "height": 297},
        "bleed_mm": 3,
        "fonts": ["Carlito", "EB-Garamond"],
        "pdf": "pieces.pdf",
        "pdf_sha256": digests["pieces.pdf"],
        "manifest": "manifest.csv",
        "manifest_sha256": digests["manifest.csv"],
    }
    assert draft.pdf_sha256 == digests["pieces.pdf"]


@pytest.mark.parametrize(
    ("rows", "marks"),
    [
        ((row(1), row(2)), [2, 1]),
        ((row(1), row(2)), [1]),
        ((row(1),), [1, 2]),
        ((row(1), row(3, 2)), [1, 3]),
        ((row(1), row(2, 3)), [1, 1, 2]),
    ],
)
def test_pages_that_are_not_those_of_the_manifest_are_never_handed_over(
    tmp_path: Path, rows: tuple[ManifestRow, ...], marks: list[int]
) -> None:
    with pytest.raises(RuntimeError):
        write_draft(tmp_path, batch(*rows), [pdf(marks)])


def test_only_its_owner_can_read_a_batch(tmp_path: Path) -> None:
    draft = write_draft(tmp_path, batch(row(1)), [pdf([1])])
    assert stat.S_IMODE(draft.folder.stat().st_mode) == 0o700


def test_what_an_interrupted_run_left_is_written_anew(tmp_path: Path) -> None:
    write_draft(tmp_path, batch(row(1), row(2)), [pdf([1, 2])])
    draft = write_draft(tmp_path, batch(row(1)), [pdf([1])])
    assert list(read_marks(draft.folder / "pieces.pdf")) == [1]


def test_a_draft_can_be_removed_whether_it_is_there_or_not(tmp_path: Path) -> None:
    write_draft(tmp_path, batch(row(1)), [pdf([1])])
    remove_draft(tmp_path, "winback-once-letter-001")
    remove_draft(tmp_path, "winback-once-letter-001")
    assert list(tmp_path.iterdir()) == []


def test_a_batch_is_known_again_by_its_pdf(tmp_path: Path) -> None:
    draft = write_draft(tmp_path, batch(row(1)), [pdf([1])])
    assert not is_handed_over(tmp_path, "winback-once-letter-001", draft.pdf_sha256)
    hand_over(draft)
    assert is_handed_over(tmp_path, "winback-once-letter-001", draft.pdf_sha256)
    assert not is_handed_over(tmp_path, "winback-once-letter-001", "0" * 64)


def test_a_batch_is_never_written_over_another(tmp_path: Path) -> None:
    hand_over(write_draft(tmp_path, batch(row(1)), [pdf([1])]))
    with pytest.raises(RunRefused) as refused:
        write_draft(tmp_path, batch(row(1)), [pdf([1])])
    assert str(refused.value) == (
        f"{tmp_path}/winback-once-letter-001: a print batch of this name exists, and the database does not know it. "
        "Move it away, then run again."
    )


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(ChannelUnavailable) as unavailable:
        write_draft(tmp_path / "taken", batch(row(1)), [pdf([1])])
    assert str(unavailable.value) == (
        f"{tmp_path}/taken: print batches cannot be written here: {os.strerror(20).lower()}. "
        "Mend it, or set channels.direct_mail.directory."
    )
