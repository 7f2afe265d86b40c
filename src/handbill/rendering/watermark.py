"""How a printed proof is kept from being taken for the real piece: one grey word across every page."""

import ctypes
import io
import math

import pypdfium2
from pypdfium2 import raw

WORD = "TEST"
_GREY, _ALPHA = 90, 90
"""Of 255: plain to see, and what lies below can still be read."""
_FONT = b"Helvetica-Bold"
_UNITS = 1000.0
"""Letters are set in this size first, and then made as large as the page allows."""
_PART_OF_DIAGONAL = 0.7


def watermarked(pdf: bytes, word: str = WORD) -> bytes:
    """The same PDF with the word across each of its pages."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for page in document:
            _mark(document, page, word)
        marked = io.BytesIO()
        document.save(marked)
        return marked.getvalue()
    finally:
        document.close()


def _mark(document: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, word: str) -> None:
    text = raw.FPDFPageObj_NewTextObj(document.raw, _FONT, _UNITS)
    letters = (word + "\0").encode("utf-16-le")
    raw.FPDFText_SetText(text, ctypes.cast(ctypes.create_string_buffer(letters), raw.FPDF_WIDESTRING))
    raw.FPDFPageObj_SetFillColor(text, _GREY, _GREY, _GREY, _ALPHA)
    left, bottom, right, top = (ctypes.c_float() for _ in range(4))
    raw.FPDFPageObj_GetBounds(text, left, bottom, right, top)
    raw.FPDFPageObj_Transform(text, *_placed(page, (left.value, bottom.value, right.value, top.value)))
    raw.FPDFPage_InsertObject(page.raw, text)
    raw.FPDFPage_GenerateContent(page.raw)


def _placed(page: pypdfium2.PdfPage, box: tuple[float, float, float, float]) -> tuple[float, ...]:
    """The matrix that lays the word along the page's diagonal, its middle upon the page's."""
    left, bottom, right, top = box
    from_x, from_y, to_x, to_y = page.get_mediabox()
    width, height = to_x - from_x, to_y - from_y
    angle = math.atan2(height, width)
    size = _PART_OF_DIAGONAL * math.hypot(width, height) / (right - left)
    cos, sin = size * math.cos(angle), size * math.sin(angle)
    middle = (left + right) / 2, (bottom + top) / 2
    to = (from_x + to_x) / 2, (from_y + to_y) / 2
    return cos, sin, -sin, cos, to[0] - cos * middle[0] + sin * middle[1], to[1] - sin * middle[0] - cos * middle[1]
