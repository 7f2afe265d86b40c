"""How pieces become pages of a PDF: each one laid out for itself, looked over, and drawn with its neighbours."""

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from weasyprint import CSS, HTML, Document
from weasyprint.css.counters import CounterStyle
from weasyprint.pdf.metadata import DocumentMetadata
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from handbill.rendering.fonts import FontCheck
from handbill.rendering.layout import MARK_CLASS, read_page
from handbill.rendering.paper import BLEED, INCH, SLUG, Paper
from handbill.rendering.print_checks import Fault, page_count_faults, page_faults

_STYLES = re.compile(r"<style\b([^>]*)>(.*?)</style\s*>|<link\b([^>]*)>", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_HREF = re.compile(r"\bhref\s*=\s*[\"']?([^\"'\s>]+)", re.IGNORECASE)
_END_OF_BODY = re.compile(r"</body\s*>\s*(?:</html\s*>)?\s*$", re.IGNORECASE)
_LOST = ("Failed to load image at", "Failed to load stylesheet at", "Font-face")
"""What WeasyPrint says when our own fetcher has said more about it."""


@dataclass(frozen=True)
class LaidOut:
    """One piece, laid out. Without a document, the faults say why."""

    document: Document | None
    faults: tuple[Fault, ...]

    @property
    def pages(self) -> int:
        """Pages of the piece."""
        return len(self.document.pages) if self.document else 0


@dataclass
class Press:
    """Fonts, style sheets and pictures of one template, held because loading them takes longer than a piece.

    `base` is the template's file; `folder` is templates/, outside of which nothing is read.
    """

    folder: Path
    base: Path
    paper: Paper
    allowed_pages: range
    _sheets: dict[str, tuple[CSS | None, tuple[Fault, ...]]] = field(default_factory=dict)
    _pictures: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._fetcher = TemplatesFetcher(self.folder)
        self._fonts = FontConfiguration()
        self._counters = CounterStyle()
        self._colours: dict[str, Any] = {}
        self._font_check = FontCheck()
        self._own_sheet = self._parse(string=_page_rules(self.paper))

    def lay_out(self, html: str, mark: str) -> LaidOut:
        """Lays one piece out and looks it over; `mark` is its sequence, printed beyond the edge of each page."""
        html, sheets, faults = self._take_sheets(_COMMENT.sub("", html))
        with heard(self.folder) as said:
            document = HTML(
                string=_with_mark(html, mark), base_url=self.base.as_uri(), url_fetcher=self._fetcher
            ).render(
                font_config=self._fonts,
                counter_style=self._counters,
                color_profiles=self._colours,
                stylesheets=[*sheets, self._own_sheet],
                cache=self._pictures,
            )
        self._forget_lost_pictures()
        faults += [*self._lost_faults(said), *page_count_faults(len(document.pages), self.allowed_pages)]
        if not faults:
            for page in document.pages:
                faults += self._font_check.faults(page)
            faults += page_faults([read_page(page) for page in document.pages], self.paper)
        return LaidOut(None if faults else document, tuple(dict.fromkeys(faults)))

    def draw(self, documents: Sequence[Document]) -> tuple[bytes, tuple[str, ...], tuple[Fault, ...]]:
        """One PDF with all pages, the names of its fonts, and what WeasyPrint complained of while drawing."""
        whole = documents[0].copy([page for document in documents for page in document.pages])
        whole.metadata = DocumentMetadata(title=self.base.stem, generator="Handbill")
        with heard(self.folder) as said:
            content = whole.write_pdf(finisher=_set_bleed_box)
        names = {font.name.decode().rpartition("+")[2] for font in whole.fonts.values()}
        return content, tuple(sorted(names)), tuple(_complaints(said))

    def _take_sheets(self, html: str) -> tuple[str, list[CSS], list[Fault]]:
        """The page without its style sheets, and these: parsing them anew for every piece would double its time."""
        sheets: list[CSS] = []
        faults: list[Fault] = []
        kept: list[str] = []
        position = 0
        for found in _STYLES.finditer(html):
            attributes = found[1] if found[3] is None else found[3]
            if "media" in attributes.lower() or (found[3] is not None and "stylesheet" not in attributes.lower()):
                continue
            sheet, its_faults = self._sheet(found[2], attributes)
            sheets += [sheet] if sheet else []
            faults += its_faults
            kept.append(html[position : found.start()])
            position = found.end()
        return "".join((*kept, html[position:])), sheets, faults

    def _sheet(self, text: str | None, attributes: str) -> tuple[CSS | None, tuple[Fault, ...]]:
        href = _HREF.search(attributes) if text is None else None
        url = urljoin(self.base.as_uri(), href[1]) if href else ""
        key = url or text or ""
        if key not in self._sheets:
            with heard(self.folder) as said:
                try:
                    sheet = self._parse(url=url) if url else self._parse(string=text, base_url=self.base.as_uri())
                except OSError:  # the fetcher knows why
                    sheet = None
            name = self.base.name if text is not None else (href[1] if href else "link")
            faults = tuple(self._lost_faults(said, f"{name}: "))
            self._sheets[key] = sheet, faults
        return self._sheets[key]

    def _parse(self, **source: Any) -> CSS:
        return CSS(
            **source,
            url_fetcher=self._fetcher,
            font_config=self._fonts,
            counter_style=self._counters,
            color_profiles=self._colours,
        )

    def _lost_faults(self, said: Sequence[str], prefix: str = "") -> list[Fault]:
        """What could not be read, and whatever else WeasyPrint complained of."""
        lost, self._fetcher.lost = self._fetcher.lost, []
        faults = [(f'"{name}" {why}', "Save it there, or correct the name.") for name, why in lost]
        others = [text for text in said if not (lost and text.startswith(_LOST))]
        return faults + [(f"{prefix}{what}", mend) for what, mend in _complaints(others)]

    def _forget_lost_pictures(self) -> None:
        # WeasyPrint remembers a picture that failed and leaves it out of the next piece without a word.
        for url in [url for url, picture in self._pictures.items() if picture is None]:
            del self._pictures[url]


class TemplatesFetcher(URLFetcher):  # type: ignore[misc] # WeasyPrint publishes no types
    """Reads files below templates/ and nothing else: no network, no other folder, no `data:`.

    `lost` holds what was asked for and refused, with the reason.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(allowed_protocols={"file"})
        self.folder = folder.resolve()
        self.lost: list[tuple[str, str]] = []

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:  # noqa: ARG002 - WeasyPrint's signature
        """The content of a file.

        Raises:
            OSError: there is no such file below the folder.
        """
        parts = urlsplit(url)
        path = Path(unquote(parts.path)).resolve() if parts.scheme == "file" and not parts.netloc else None
        if path is None or not path.is_relative_to(self.folder):
            shown = url if len(url) <= 60 else f"{url[:60]}…"
            name = path.name if path else shown
            self.lost.append((name, "is not a file in templates/, and print reads nothing else."))
            raise OSError(f"{url} is outside templates/")
        if not path.is_file():
            self.lost.append((path.relative_to(self.folder).as_posix(), "is not there: templates/ has no such file."))
            raise OSError(f"{url} does not exist")
        return URLFetcherResponse(url, path.read_bytes(), {"Content-Type": _TYPES.get(path.suffix.lower(), _UNKNOWN)})


_TYPES = {".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
_UNKNOWN = "application/octet-stream"


@contextmanager
def heard(folder: Path) -> Iterator[list[str]]:
    """What WeasyPrint warns of meanwhile, in this thread; it only logs where others would raise."""
    said: list[str] = []
    listener = _Listener(said, folder.resolve().as_uri())
    logger = logging.getLogger("weasyprint")
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        yield said
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagates


class _Listener(logging.Handler):
    def __init__(self, said: list[str], folder: str) -> None:
        super().__init__(logging.WARNING)
        self.said, self.folder, self.thread = said, folder, threading.get_ident()

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread == self.thread:
            self.said.append(record.getMessage().replace(self.folder, "templates"))


def _complaints(said: Sequence[str]) -> Iterator[Fault]:
    for text in dict.fromkeys(said):
        yield f"WeasyPrint says: {text.rstrip('.')}.", "Correct the template, its style sheet or the picture."


def _with_mark(html: str, mark: str) -> str:
    """The page with its sequence mark: fixed, so that it stands on every page of the piece."""
    element = f'<div class="{MARK_CLASS}">{mark}</div>'
    end = _END_OF_BODY.search(html)
    return f"{html[: end.start()]}{element}{html[end.start() :]}" if end else html + element


def _page_rules(paper: Paper) -> str:
    room = BLEED + SLUG
    return f"""
        @page {{ size: {paper.width}mm {paper.height}mm; margin: 0; bleed: {room}mm; marks: none }}
        .{MARK_CLASS} {{
            position: fixed; top: {-room + 1}mm; left: 0; padding: 0 1mm; background: white; color: black;
            font-size: 7pt; font-weight: normal; font-style: normal; line-height: {SLUG - 2}mm; white-space: nowrap;
        }}
    """


def _set_bleed_box(_document: Document, pdf: Any) -> None:
    """WeasyPrint puts the BleedBox up to 10 pt around the TrimBox; ours is exactly as wide as the bleed."""
    bleed = BLEED / INCH * 72
    for page in pdf.objects:
        if isinstance(page, dict) and page.get("Type") == "/Page":
            trim = page["TrimBox"]
            left, lower, right, upper = trim
            page["BleedBox"] = type(trim)((left - bleed, lower - bleed, right + bleed, upper + bleed))
