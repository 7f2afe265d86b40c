"""How a plan is laid out: parts with tables and sentences, as text of any width and as Markdown."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal

WIDTH = 100
"""Of sentences, where nothing else is known; tables are as wide as they must be."""
NARROWEST = 12
"""Letters that a column keeps when a table does not fit."""
INDENT, GAP = "  ", "  "

Table = tuple[tuple[str, ...], ...]
Role = Literal["title", "summary", "heading", "columns", "row", "total", "sentence", "warning", "faint"]
Line = tuple[Role, str]
"""What a line is, so that a terminal can colour it, and its text."""


@dataclass(frozen=True)
class Part:
    """A heading, a table whose first row holds its headings (or no table), and sentences below it.

    `totals` are rows that a reader looks for first, by their place below the headings; `tone` colours the sentences.
    """

    title: str
    rows: Table = ()
    sentences: tuple[str, ...] = ()
    totals: tuple[int, ...] = ()
    tone: Literal["sentence", "warning", "faint"] = "sentence"


@dataclass(frozen=True)
class Page:
    """A title, one line that sums up, the parts, and a last line."""

    title: str
    summary: str
    parts: tuple[Part, ...]
    footer: str = ""


def lines_of(page: Page, width: int | None = None) -> Iterator[Line]:
    """The page line by line; with a width, long cells are broken until their table fits."""
    yield "title", page.title
    if page.summary:
        yield from (("summary", line) for line in wrap(page.summary, width or WIDTH, break_long_words=False))
    for part in page.parts:
        yield "row", ""
        yield "heading", part.title
        yield from _table(part, width)
        for sentence in part.sentences:
            yield from ((part.tone, line) for line in _sentence(sentence, width or WIDTH))
    if page.footer:
        yield "row", ""
        yield "faint", page.footer


def as_text(page: Page, width: int | None = None) -> str:
    """Plain text with aligned columns."""
    return "".join(f"{text}\n" for _, text in lines_of(page, width))


def as_markdown(page: Page) -> str:
    """Markdown for the comment of a pull request."""
    blocks = [f"## {_escaped(page.title)}", _escaped(page.summary)]
    blocks += ["\n".join(_markdown_lines(part)) for part in page.parts]
    blocks.append(_escaped(page.footer))
    return "\n\n".join(filter(None, blocks)) + "\n"


def _sentence(text: str, width: int) -> list[str]:
    return wrap(text, width, initial_indent=INDENT, subsequent_indent=2 * INDENT, break_long_words=False)


def _table(part: Part, width: int | None) -> Iterator[Line]:
    if not part.rows:
        return
    numeric = _numeric(part.rows)
    wanted = [max(len(_bare(cell)) for cell in column) for column in zip(*part.rows, strict=True)]
    widths = _fitted(wanted, numeric, width)
    for number, row in enumerate(part.rows):
        role: Role = "columns" if number == 0 else "total" if number - 1 in part.totals else "row"
        cells = [wrap(_bare(cell), size) or [""] for cell, size in zip(row, widths, strict=True)]
        for line in range(max(map(len, cells))):
            texts = [cell[line] if line < len(cell) else "" for cell in cells]
            aligned = [
                text.rjust(size) if right else text.ljust(size)
                for text, size, right in zip(texts, widths, numeric, strict=True)
            ]
            yield role, (INDENT + GAP.join(aligned)).rstrip()


def _bare(cell: str) -> str:
    """A command stands alone in its cell; only Markdown needs the marks around it."""
    return cell[1:-1] if cell.startswith("`") and cell.endswith("`") else cell


def _fitted(widths: list[int], numeric: list[bool], width: int | None) -> list[int]:
    """Takes letters from the widest column of words until the table fits."""
    while width and len(INDENT) + sum(widths) + len(GAP) * (len(widths) - 1) > width:
        words = [size for size, right in zip(widths, numeric, strict=True) if not right]
        widest = max(words, default=0)
        if widest <= NARROWEST:
            break
        place = max(place for place, size in enumerate(widths) if size == widest and not numeric[place])
        widths[place] -= 1
    return widths


def _numeric(rows: Table) -> list[bool]:
    """Which columns hold numbers, and stand to the right with their headings."""
    return [all(_is_number(cell) for cell in column[1:] if cell) for column in zip(*rows, strict=True)]


def _markdown_lines(part: Part) -> Iterator[str]:
    yield f"### {part.title}"
    yield ""
    if part.rows:
        head, *body = part.rows
        yield _markdown_row(head)
        yield _markdown_row(["---:" if right else "---" for right in _numeric(part.rows)])
        for number, row in enumerate(body):
            yield _markdown_row(row, strong=number in part.totals)
        yield from [""] if part.sentences else []
    yield from (f"- {_escaped(sentence)}" for sentence in part.sentences)


def _markdown_row(cells: Sequence[str], *, strong: bool = False) -> str:
    texts = [_escaped(cell) for cell in cells]
    return f"| {' | '.join(f'**{text}**' if strong and text else text for text in texts)} |"


def _escaped(text: str) -> str:
    """Names come from files and imports: they must not draw tables or links; a command in ` ` stays one."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        parts = [text]
    return "`".join(part.replace("|", "\\|") if number % 2 else _plain(part) for number, part in enumerate(parts))


def _plain(text: str) -> str:
    return "".join(f"\\{letter}" if letter in "|[]<>`*_\\" else letter for letter in text)


def _is_number(cell: str) -> bool:
    return cell.lstrip("−+").removesuffix(" pp").rstrip("%").replace(",", "").replace(".", "").isdigit()
