"""Which files of a project name a person, beside the database; lists of rejected rows are cleaned, others are named."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from handbill.contacts.imports import REJECTS_DIR
from handbill.settings import Settings

_CHUNK = 1 << 20
_NOT_OURS_TO_READ = ("prefect", "owners")
_WORDS = {
    REJECTS_DIR: "rows that an import rejected",
    "inbox": "a file or a mail that was taken in",
    "preview": "a preview",
    "proofs": "a printed proof",
    "print": "a print batch",
    "reports": "a report",
}
"""Folders of the project's working files, and what lies in them."""
FOLDERS = (REJECTS_DIR, "inbox/done", "inbox/quarantine", "preview", "proofs")
"""Where files lie that nobody needs for good. What waits in the inbox is not among them, nor what was printed."""


@dataclass(frozen=True)
class Leftover:
    """A file that names somebody, and what sort of file it is."""

    path: Path
    what: str


def files_that_name(settings: Settings, words: Sequence[str]) -> list[Leftover]:
    """Every working file of the project in which one of the words stands, in any case; not the database's own."""
    wanted = _needles(words)
    if not wanted or not settings.work_dir.is_dir():
        return []
    found = []
    for path in _files(settings.work_dir):
        if _holds(path, wanted):
            top = path.relative_to(settings.work_dir).parts[0]
            found.append(Leftover(path, _WORDS.get(top, "a working file")))
    return found


def forget_rejects(settings: Settings, words: Sequence[str]) -> int:
    """Removes the rows that name somebody from the lists of rejected rows; answers how many."""
    wanted, removed = _needles(words), 0
    folder = settings.work_dir / REJECTS_DIR
    if not wanted or not folder.is_dir():
        return 0
    for path in sorted(folder.iterdir()):
        if path.is_file() and _holds(path, wanted):
            removed += _without(path, wanted)
    return removed


def _needles(words: Sequence[str]) -> tuple[bytes, ...]:
    return tuple(sorted({word.lower().encode() for word in words if word}))


def _files(folder: Path) -> Iterator[Path]:
    for directory, names, files in os.walk(folder):
        if Path(directory) == folder:
            names[:] = [name for name in names if name not in _NOT_OURS_TO_READ]
            files = [name for name in files if not name.startswith("handbill.db")]  # noqa: PLW2901 - the rest of them
        names.sort()
        yield from (Path(directory) / name for name in sorted(files))


def _holds(path: Path, wanted: Sequence[bytes]) -> bool:
    """Reads by pieces that overlap, so that no word is cut in two."""
    overlap = max(map(len, wanted)) - 1
    try:
        with path.open("rb") as file:
            tail = b""
            while chunk := file.read(_CHUNK):
                seen = tail + chunk.lower()
                if any(word in seen for word in wanted):
                    return True
                tail = seen[-overlap:] if overlap else b""
    except (FileNotFoundError, PermissionError):  # taken away meanwhile, or somebody else's
        return False
    return False


def _without(path: Path, wanted: Sequence[bytes]) -> int:
    removed = 0
    descriptor, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # for its owner only, like the list
    with os.fdopen(descriptor, "wb") as copy, path.open("rb") as file:
        for record in _records(file):
            if any(word in record.lower() for word in wanted):
                removed += 1
            else:
                copy.write(record)
    os.replace(draft, path)
    return removed


def _records(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Rows of a CSV or JSON Lines file; a row of CSV goes on while a quotation mark is open."""
    record = b""
    for line in lines:
        record += line
        if record.startswith(b"{") or record.count(b'"') % 2 == 0:
            yield record
            record = b""
    if record:
        yield record
