"""What an e-mail says in plain text: its HTML read aloud, with every link kept."""

import re
from dataclasses import dataclass
from html.parser import HTMLParser

from handbill.rendering.elements import VOID_HTML
from handbill.rendering.mjml import Carried, carriers

_BLOCKS = frozenset({
    "address", "article", "blockquote", "body", "center", "dd", "div", "dl", "dt", "figure", "footer", "h1", "h2", "h3",
    "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "tbody", "tfoot",
    "thead", "tr", "ul",
})  # fmt: skip
_ROWS = frozenset({"tbody", "tfoot", "thead", "tr"})
_SILENT = frozenset({"head", "noscript", "script", "style", "svg", "template", "title"})
_INVISIBLE = re.compile("[\u00ad\u034f\u200a\u200b\u2060\ufeff]")
_SPACE = re.compile(r"[ \t\r\n\f\u00a0]+")
_JINJA_LIKE = re.compile(r"\{(?=[{%#])")
_END_OF_LINE = re.compile(r"[ \t]+\n")
_GAP = re.compile(r"\n{3,}")
_HIDDEN = re.compile(r"display\s*:\s*none|mso-hide\s*:\s*all", re.IGNORECASE)


def plain_text(html: Carried) -> Carried:
    """The text of an HTML that was compiled from MJML; tags of Jinja still travel as words."""
    reader = _Reader({number for number, tag in enumerate(html.tags) if tag.kind == "statement"})
    reader.feed(html.text)
    reader.close()
    return Carried(reader.finish(), html.front, html.tags)


def tidy(text: str) -> str:
    """A rendered text without the gaps that omitted parts leave behind."""
    if " \n" in text or "\t\n" in text:
        text = _END_OF_LINE.sub("\n", text)
    if "\n\n\n" in text:
        text = _GAP.sub("\n\n", text)
    return text.strip() + "\n"


@dataclass
class _Link:
    target: str
    start: int


class _Reader(HTMLParser):
    """Collects paragraphs; `statements` are the numbers of tags that steer, and so must not be lost."""

    def __init__(self, statements: set[int]) -> None:
        super().__init__(convert_charrefs=True)
        self.statements = statements
        self.output: list[str] = []
        self.words: list[str] = []
        self.links: list[_Link] = []
        self.silent: list[str] = []
        self.data_tables: list[bool] = []
        self.items: list[int | None] = []

    def finish(self) -> str:
        self._end_paragraph()
        return "".join(self.output)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if self.silent or tag in _SILENT or _HIDDEN.search(values.get("style") or ""):
            if tag not in VOID_HTML:
                self.silent.append(tag)
            return
        if tag == "table":
            self.data_tables.append(values.get("role") != "presentation")
        if tag == "br":
            self.words.append("\n")
        elif tag == "img":
            self.words.append(self._said(values.get("alt") or ""))
        elif tag == "a":
            self.links.append(_Link((values.get("href") or "").strip(), len(self.words)))
        elif tag in _BLOCKS and not (tag in _ROWS and self._in_data):
            self._end_paragraph()
        if tag in {"ul", "ol"}:
            self.items.append(1 if tag == "ol" else None)
        elif tag == "li":
            self.words.append(self._mark())

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID_HTML:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.silent:
            if tag in self.silent:
                while self.silent.pop() != tag:
                    pass
            return
        if tag == "a" and self.links:
            self._end_link(self.links.pop())
        elif tag in {"td", "th"} and self._in_data:
            self.words.append("\t")
        elif tag == "tr" and self._in_data:
            self.words.append("\n")
        elif tag in _BLOCKS and not (tag in _ROWS and self._in_data):
            self._end_paragraph()
        if tag == "table" and self.data_tables:
            self.data_tables.pop()
        elif tag in {"ul", "ol"} and self.items:
            self.items.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(self._steering(data) if self.silent else self._said(data))

    def handle_comment(self, data: str) -> None:
        # Outlook's conditional comments hold a second set of tables, and what steers them.
        self.words.append(self._steering(data))

    @property
    def _in_data(self) -> bool:
        return bool(self.data_tables) and self.data_tables[-1]

    def _said(self, text: str) -> str:
        return _JINJA_LIKE.sub("{{ '{' }}", _SPACE.sub(" ", _INVISIBLE.sub("", text)))

    def _steering(self, text: str) -> str:
        return "".join(word for word, number in carriers(text) if number in self.statements)

    def _mark(self) -> str:
        number = self.items[-1] if self.items else None
        if number is None:
            return "- "
        self.items[-1] = number + 1
        return f"{number}. "

    def _end_link(self, link: _Link) -> None:
        said = "".join(self.words[link.start :]).strip()
        bare = link.target.removeprefix("mailto:").removeprefix("tel:")
        if bare and bare != said:
            self.words.append(f" <{link.target}>" if said else f"<{link.target}>")

    def _end_paragraph(self) -> None:
        lines = (re.sub(" +", " ", line).strip().replace("\t", "  ") for line in "".join(self.words).split("\n"))
        paragraph = "\n".join(lines).strip()
        self.words = []
        words = carriers(paragraph)
        steering = "".join(word for word, number in words if number in self.statements)
        if steering and steering == "".join(paragraph.split()):
            self.output.append(steering)  # with no gap of its own, because it is no paragraph
        elif paragraph:
            self.output.append(f"{paragraph}\n\n")
