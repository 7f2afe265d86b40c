"""In which letters a text file is written, found out from its bytes."""

import codecs
import re
from pathlib import Path

_CHUNK = 1 << 20
_ESCAPED_BYTE = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")


def encoding_of(path: Path) -> str:
    """`utf-8`, `utf-8-sig`, `utf-16`, `utf-16-le`, `utf-16-be` or `cp1252`.

    Nearly any bytes can be read as cp1252, so it is taken only for a file that is no UTF-8 at all. A file in UTF-8
    with a few bad bytes stays UTF-8: reading it stops at the first of them.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if unmarked := _unmarked_utf16(head):
        return unmarked
    if _is_utf8(path):
        return "utf-8"
    letters, bad_bytes = _survey(path)
    return "cp1252" if bad_bytes > 10 * letters else "utf-8"


def _unmarked_utf16(head: bytes) -> str | None:
    """Western text in UTF-16 has a zero byte beside most letters."""
    most = len(head) // 2 * 0.6
    if head[1::2].count(0) > most:
        return "utf-16-le"
    return "utf-16-be" if head[0::2].count(0) > most else None


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _survey(path: Path) -> tuple[int, int]:
    """How many letters beyond ASCII are valid UTF-8, and how many bytes are not."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    letters = bad_bytes = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            text = decoder.decode(chunk)
            if not text.isascii():
                letters += len(_BEYOND_ASCII.findall(text))
                bad_bytes += len(_ESCAPED_BYTE.findall(text))
    return letters, bad_bytes
