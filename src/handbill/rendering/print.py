"""What one recipient finds in the letter box: a letter or postcard of one arm, filled in and laid out for print."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from handbill.definitions.campaign import Campaign
from handbill.definitions.project import Project
from handbill.errors import NotRenderable, Problem, ProjectInvalid
from handbill.rendering.compiled import Fallback
from handbill.rendering.environment import missing
from handbill.rendering.paper import Paper
from handbill.rendering.print_checks import Fault, address_faults
from handbill.rendering.print_parts import MailParts, MailVariant, read_mail_parts
from handbill.rendering.qr import CODE_PATH, SCAN_PATH, qr_picture
from handbill.rendering.typesetting import require_typesetting
from handbill.rendering.variables import ContactValues, Values

if TYPE_CHECKING:
    from handbill.rendering.press import LaidOut, Press


@dataclass(frozen=True)
class PieceInput:
    """What differs from piece to piece. `sequence` is its number in the batch, from 1."""

    profile: Mapping[str, Any]
    address_lines: tuple[str, ...]
    code: str | None
    sequence: int

    @property
    def recipient(self) -> str:
        """Whom messages name."""
        return f"contact {self.profile.get('external_id', '?')}"


@dataclass(frozen=True)
class Span:
    """Where a piece is in a PDF: its pages from 1, both included."""

    sequence: int
    page_from: int
    page_to: int


@dataclass(frozen=True)
class RenderedMail:
    """A PDF with the pieces that could be made, in their order, and what is wrong with the others by sequence.

    `fonts` are the names of the fonts in the PDF, which is empty when no piece could be made.
    """

    pdf: bytes
    spans: tuple[Span, ...]
    fonts: tuple[str, ...]
    rejected: Mapping[int, tuple[Problem, ...]]


def compile_mail(project: Project, campaign: Campaign, arm_name: str) -> "MailTemplate":
    """The printed piece of an arm.

    Raises:
        ProjectInvalid: the arm sends no post, or its template is missing or has mistakes.
        SetupIncomplete: this machine lacks what typesetting needs.
    """
    parts, problems = read_mail_parts(project, campaign, arm_name)
    if parts is None:
        raise ProjectInvalid(*problems)
    require_typesetting()
    return MailTemplate(project, parts)


class MailTemplate:
    """One arm's printed piece in all its languages; holds the presses that fonts and style sheets are loaded into."""

    def __init__(self, project: Project, parts: MailParts) -> None:
        self._project = project
        self._parts = parts
        self._contacts = ContactValues(project.fields)
        self._presses: dict[str, Press] = {}

    @property
    def fallbacks(self) -> frozenset[Fallback]:
        """Every `default(…)` in any of its languages."""
        return frozenset(each for variant in self._parts.variants.values() for each in variant.text.fallbacks)

    @property
    def paper(self) -> Paper:
        """Its format."""
        return self._parts.paper

    def render(self, pieces: Sequence[PieceInput]) -> RenderedMail:
        """The pieces as pages of one PDF, ready for print: bleed, boxes, embedded fonts."""
        laid_out = [(piece, *self._lay_out(piece)) for piece in pieces]
        rejected = {piece.sequence: problems for piece, _, problems in laid_out if problems}
        return self._draw([(piece, made) for piece, made, problems in laid_out if made and not problems], rejected)

    def check(self, piece: PieceInput) -> tuple[Problem, ...]:
        """What is wrong with one piece."""
        return self._lay_out(piece)[1]

    def _draw(
        self, pieces: Sequence[tuple[PieceInput, "LaidOut"]], rejected: dict[int, tuple[Problem, ...]]
    ) -> RenderedMail:
        if not pieces:
            return RenderedMail(b"", (), (), rejected)
        press = self._press(self.language_of(pieces[0][0]))  # any of them draws what all have laid out
        pdf, fonts, faults = press.draw([made.document for _, made in pieces])
        if not faults:
            return RenderedMail(pdf, tuple(_spans(pieces)), fonts, rejected)
        # Something is wrong with some of them; drawn one by one they tell with which. They are laid out anew, because
        # a picture that could not be had once is not asked for again.
        sound = []
        for piece, _ in pieces:
            fresh, problems = self._lay_out(piece)
            if fresh is None or problems:
                rejected[piece.sequence] = problems
            elif own := press.draw([fresh.document])[2]:
                rejected[piece.sequence] = self._problems(piece, own)
            else:
                sound.append((piece, fresh))
        if len(sound) == len(pieces):  # none can be told from the others, so none is printed
            rejected |= {piece.sequence: self._problems(piece, faults) for piece, _ in pieces}
            return RenderedMail(b"", (), (), rejected)
        return self._draw(sound, rejected)

    def _lay_out(self, piece: PieceInput) -> tuple["LaidOut | None", tuple[Problem, ...]]:
        faults: tuple[Fault, ...] = tuple(address_faults(piece.address_lines))
        if faults:
            return None, self._problems(piece, faults)
        try:
            html = self.write(piece)
        except NotRenderable as error:
            return None, tuple(replace(each, what=f"{piece.recipient}: {each.what}") for each in error.problems)
        made = self._press(self.language_of(piece)).lay_out(html, f"#{piece.sequence:06d}")
        return made, self._problems(piece, made.faults)

    def write(self, piece: PieceInput, read: set[Fallback] | None = None) -> str:
        """The HTML of one piece, before it is laid out; the fallbacks that it reads are added to `read`.

        Raises:
            NotRenderable: something in it has no value, or fails.
        """
        return self._variant(piece).text.render(self._values(piece), read)

    def _variant(self, piece: PieceInput) -> MailVariant:
        return self._parts.variants[self.language_of(piece)]

    def language_of(self, piece: PieceInput) -> str:
        """The language of the piece's template."""
        wanted = piece.profile.get("language")
        chain = self._project.languages.chain(wanted if isinstance(wanted, str) else None)
        return next(each for each in chain if each in self._parts.variants)

    def _values(self, piece: PieceInput) -> Values:
        url = address_of_codes(self._project) + piece.code if piece.code else ""
        return {
            "contact": self._contacts.of(piece.profile),
            "piece": {
                "address_lines": piece.address_lines,
                "code": piece.code or missing("piece.code"),
                "qr": qr_picture(url) if url else missing("piece.qr"),
                "url": url or missing("piece.url"),
            },
            "sequence": piece.sequence,
        }

    def _problems(self, piece: PieceInput, faults: Iterable[Fault]) -> tuple[Problem, ...]:
        file = self._variant(piece).file
        return tuple(Problem(file, what=f"{piece.recipient}: {what}", mend=mend) for what, mend in faults)

    def _press(self, language: str) -> "Press":
        from handbill.rendering.press import Press  # noqa: PLC0415 - loads WeasyPrint, which most commands never need

        if language not in self._presses:
            folder, variant = self._project.templates_dir.resolve(), self._parts.variants[language]
            self._presses[language] = Press(folder, folder.parent / variant.file, self._parts.paper, variant.pages)
        return self._presses[language]


def address_of_codes(project: Project) -> str:
    """What stands before a piece's code in its QR picture: the web service where scans are counted, or the website."""
    post = project.channels.direct_mail
    if post and post.links and post.tracking != "off":
        return post.links.rstrip("/") + SCAN_PATH
    return project.brand.website.rstrip("/") + CODE_PATH


def check_pieces(template: MailTemplate, pieces: Iterable[PieceInput]) -> list[Problem]:
    """What is wrong with any of the pieces, the likeliest culprits first."""
    return [problem for piece in worst_first(pieces) for problem in template.check(piece)]


def worst_first(pieces: Iterable[PieceInput]) -> list[PieceInput]:
    """The pieces in the order in which they are likely to fail: longest name and address, then emptiest fields."""
    return sorted(pieces, key=hardship)


def hardship(piece: PieceInput) -> tuple[int, int]:
    """How likely a piece is to fail, the least number first: its widest line and script, then its emptiest fields."""
    widest = max((_width(line) for line in piece.address_lines), default=0)
    names = sum(_width(str(piece.profile.get(field) or "")) for field in ("first_name", "last_name"))
    empty = sum(value in (None, "") for value in piece.profile.values())
    return -max(widest, names) - 4 * len(piece.address_lines), -empty


def _width(text: str) -> int:
    # East Asian characters are twice as wide as letters; anything outside ASCII may need another font.
    return sum(1 if character.isascii() else 2 for character in text)


def _spans(pieces: Sequence[tuple[PieceInput, "LaidOut"]]) -> Iterable[Span]:
    page = 1
    for piece, made in pieces:
        yield Span(piece.sequence, page, page + made.pages - 1)
        page += made.pages
