"""What a file is that was named as text and is none."""

from pathlib import Path

from handbill.errors import ImportRefused, Problem

_HEAD = 4096
_TEXT_NEEDS = frozenset(b"\t\n\x0b\x0c\r\x1b")
_CONTROLS = bytes(byte for byte in range(1, 32) if byte not in _TEXT_NEEDS)
_MOST_CONTROLS = 0.02
_MOST_ZEROS = 0.6
_KNOWN = (
    (b"PK\x03\x04", "a ZIP archive or an Excel file", "Import the table in it, saved as CSV."),
    (b"PK\x05\x06", "an empty ZIP archive", "Import the table that belongs in it, saved as CSV."),
    (b"\x1f\x8b", "packed with gzip", "End its name in .gz."),
    (b"\x28\xb5\x2f\xfd", "packed with zstd", "End its name in .zst."),
    (b"PAR1", "a Parquet file", "End its name in .parquet."),
    (b"\xd0\xcf\x11\xe0", "an old Excel file", "Save the table in it as CSV."),
    (b"SQLite format 3\x00", "a SQLite database", "Import from it with --from and --query."),
    (b"%PDF", "a PDF", "Import the table that it shows, saved as CSV."),
)


def refuse_what_is_no_text(path: Path) -> None:
    """Raises ImportRefused when the file begins like something else, or holds more than letters."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    for start, what, mend in _KNOWN:
        if head.startswith(start):
            raise ImportRefused(Problem(str(path), what=f"this is {what}, and no text.", mend=mend))
    zeros = [head[place::2].count(0) for place in (0, 1)]
    wide = max(zeros) > len(head) // 2 * _MOST_ZEROS and min(zeros) < len(head) // 2 * _MOST_CONTROLS
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if not wide and sum(zeros) + controls > max(1, len(head) * _MOST_CONTROLS) and not head.startswith(_MARKS):
        raise ImportRefused(Problem(str(path), what="this is no text.", mend="Save the table as CSV."))


_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""Text in UTF-16 begins with one of them, and has many zeros."""
