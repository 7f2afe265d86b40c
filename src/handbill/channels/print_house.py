"""What a printer gets: one PDF in sequence, a list of its pieces and the facts of the job, all at one stroke."""

import contextlib
import csv
import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from handbill.errors import ChannelUnavailable, RunRefused

PDF, MANIFEST, JOB = "pieces.pdf", "manifest.csv", "job.json"
FEWEST_ADDRESS_COLUMNS = 6

_MARK = re.compile(r"#(\d{6})")
_FORMULA = re.compile(r"^[=+\-@\t\r]")


@dataclass(frozen=True)
class ManifestRow:
    """One piece: who it is for, and its pages in the PDF, from 1 and both included."""

    sequence: int
    piece_id: str
    household_id: str
    arm: str
    code: str
    page_from: int
    page_to: int
    address_lines: tuple[str, ...]
    postcode: str
    is_seed: bool = False


@dataclass(frozen=True)
class Batch:
    """One job for the printer; all pieces of one format. `trim` is width and height as cut; lengths in millimetres."""

    name: str
    campaign: str
    wave: str
    format: str
    trim: tuple[float, float]
    bleed: float
    fonts: tuple[str, ...]
    rows: tuple[ManifestRow, ...]
    made_at: datetime


@dataclass(frozen=True)
class Draft:
    """A batch that is complete on disk, under a name that no printer looks at."""

    folder: Path
    final: Path
    pdf_sha256: str
    pages: int


def write_draft(directory: Path, batch: Batch, parts: Sequence[bytes]) -> Draft:
    """Writes a batch below `directory`; the PDF is made of `parts` in their order.

    Raises:
        RunRefused: a batch of this name has been handed over already.
        ChannelUnavailable: the directory cannot be written.
    """
    final = directory / batch.name
    if final.exists():
        what = f"{final}: a print batch of this name exists, and the database does not know it."
        raise RunRefused(f"{what} Move it away, then run again.")
    with _plain_errors(directory):
        remove_draft(directory, batch.name)
        folder = _draft_folder(directory, batch.name)
        folder.mkdir(parents=True, mode=0o700)  # names and addresses: for nobody else on this machine
        pages = _write_pdf(folder / PDF, parts)
        prove_sequence(folder / PDF, batch.rows)
        _write_manifest(folder / MANIFEST, batch.rows)
        digest = hashlib.sha256((folder / PDF).read_bytes()).hexdigest()
        facts = _facts(batch, pages, digest, hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest())
        (folder / JOB).write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        for path in (folder / PDF, folder / MANIFEST, folder / JOB, folder, directory):
            _flush(path)
    return Draft(folder, final, digest, pages)


def hand_over(draft: Draft) -> None:
    """Gives the batch its real name: from now on it is the printer's."""
    with _plain_errors(draft.final.parent):
        os.rename(draft.folder, draft.final)
        _flush(draft.final.parent)


def is_handed_over(directory: Path, name: str, pdf_sha256: str) -> bool:
    """Whether the batch with this PDF is in the printer's hands."""
    try:
        facts = json.loads((directory / name / JOB).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return False
    return bool(facts["pdf_sha256"] == pdf_sha256)


def remove_draft(directory: Path, name: str) -> None:
    """Removes what there is of a batch that was not handed over; afterwards nobody can hand it over any more."""
    folder, removed = _draft_folder(directory, name), directory / f".{name}.removed"
    with _plain_errors(directory):
        # Renamed first: whoever wants to hand it over at this very moment either has done so, or finds it gone.
        shutil.rmtree(removed, ignore_errors=True)
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            os.rename(folder, removed)
        shutil.rmtree(removed, ignore_errors=True)


def prove_sequence(pdf: Path, rows: Sequence[ManifestRow]) -> None:
    """Reads the sequence mark back from every page and compares it with the manifest.

    Raises:
        RuntimeError: a page is not the one that the manifest says. This is a bug of ours, and nothing is printed.
    """
    expected = [row.sequence for row in rows for _ in range(row.page_from, row.page_to + 1)]
    spans = [(row.page_from, row.page_to) for row in rows]
    ends = [0, *(last for _, last in spans)]
    if [row.sequence for row in rows] != list(range(1, len(rows) + 1)) or any(
        first != before + 1 or last < first for (first, last), before in zip(spans, ends, strict=False)
    ):
        raise RuntimeError("the manifest's sequence or pages have gaps")
    found = list(read_marks(pdf))
    if found != expected:
        page = next((n for n, pair in enumerate(zip(found, expected, strict=False), 1) if pair[0] != pair[1]), 0)
        raise RuntimeError(f"{len(found)} pages for {len(expected)} in the manifest; they differ from page {page}")


def read_marks(pdf: Path) -> Iterator[int]:
    """The sequence that stands above the edge of each page."""
    import pypdfium2 as pdfium  # noqa: PLC0415 - a PDF engine, which runs without post need not load

    document = pdfium.PdfDocument(pdf)
    try:
        for number in range(len(document)):
            page = document[number]
            left, _, right, top = page.get_mediabox()
            edge = page.get_trimbox()[3]
            text_page = page.get_textpage()
            found = _MARK.search(text_page.get_text_bounded(left, edge, right, top))
            text_page.close()
            page.close()
            yield int(found[1]) if found else 0
    finally:
        document.close()


def _write_pdf(path: Path, parts: Sequence[bytes]) -> int:
    import pypdfium2 as pdfium  # noqa: PLC0415 - a PDF engine, which runs without post need not load

    whole = pdfium.PdfDocument.new()
    for part in parts:
        source = pdfium.PdfDocument(part)
        whole.import_pages(source)
        source.close()
    whole.save(path)
    pages = len(whole)
    whole.close()
    return pages


def _write_manifest(path: Path, rows: Sequence[ManifestRow]) -> None:
    columns = max(FEWEST_ADDRESS_COLUMNS, *(len(row.address_lines) for row in rows))
    with path.open("w", encoding="utf-8", newline="") as file:
        # Text in quotation marks, numbers without: so that 02108 can be told from a number.
        writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC)
        addresses = [f"address_{number}" for number in range(1, columns + 1)]
        writer.writerow(
            [
                "sequence",
                "piece_id",
                "household_id",
                "arm",
                "code",
                "page_from",
                "page_to",
                *addresses,
                "postcode",
                "seed",
            ]
        )
        for row in rows:
            lines = (*row.address_lines, *([""] * (columns - len(row.address_lines))))
            texts = [_harmless(text) for text in (row.piece_id, row.household_id, row.arm, row.code)]
            writer.writerow(
                [row.sequence, *texts, row.page_from, row.page_to, *map(_harmless, lines), _harmless(row.postcode),
                 "yes" if row.is_seed else "no"]
            )  # fmt: skip


def _harmless(text: str) -> str:
    """A spreadsheet runs what looks like a formula; an apostrophe before it makes it text."""
    return f"'{text}" if _FORMULA.match(text) else text


def _facts(batch: Batch, pages: int, pdf_sha256: str, manifest_sha256: str) -> dict[str, object]:
    return {
        "batch": batch.name,
        "campaign": batch.campaign,
        "wave": batch.wave,
        "made_at": batch.made_at.isoformat(),
        "format": batch.format,
        "pieces": len(batch.rows),
        "seeds": sum(row.is_seed for row in batch.rows),
        "pages": pages,
        "trim_mm": {"width": batch.trim[0], "height": batch.trim[1]},
        "bleed_mm": batch.bleed,
        "fonts": list(batch.fonts),
        "pdf": PDF,
        "pdf_sha256": pdf_sha256,
        "manifest": MANIFEST,
        "manifest_sha256": manifest_sha256,
    }


def _draft_folder(directory: Path, name: str) -> Path:
    return directory / f".{name}.draft"


def _flush(path: Path) -> None:
    """Survives a power cut: the database must never know of a batch that the disk has lost."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _plain_errors(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise ChannelUnavailable(
            f"{directory}: print batches cannot be written here: {why}. Mend it, or set channels.direct_mail.directory."
        ) from error
