"""What a print batch is made of: claimed pieces, numbered and rendered, without those that cannot be."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from handbill.channels.print_house import ManifestRow
from handbill.definitions.campaign import Campaign, mail_of
from handbill.delivery.outbox import Claimed
from handbill.errors import RunRefused
from handbill.rendering.press_room import PIECES_A_JOB, PressRoom, Rendered
from handbill.rendering.press_worker import PrintJob
from handbill.rendering.print import PieceInput, RenderedMail

Rejections = Sequence[tuple[Claimed, str]]
"""Messages that cannot be rendered, each with its reason."""

_Key = tuple[str, int, tuple[int, ...]]


@dataclass(frozen=True)
class Piece:
    """One claimed message and what fills its template."""

    row: Claimed
    content: PieceInput
    household_id: str

    def numbered(self, sequence: int) -> "Piece":
        """The same piece at another place of the batch."""
        return replace(self, content=replace(self.content, sequence=sequence))


def by_format(campaign: Campaign, pieces: Sequence[Piece]) -> Iterator[tuple[str, list[Piece]]]:
    """The pieces of each format, one arm after another, so that what looks the same lies together.

    Raises:
        RunRefused: an arm of the run sends no post any more.
    """
    contents = {name: mail_of(campaign, arm) for name, arm in campaign.arms.items()}
    formats = {name: content.format for name, content in contents.items() if content and content.format}
    if lost := sorted({piece.row.arm for piece in pieces} - formats.keys()):
        what = f'{campaign.name}: arm "{lost[0]}" of this run sends no post any more.'
        raise RunRefused(f"{what} Restore it in campaigns.yaml, or cancel the run.")
    places = list(formats)
    for format_ in dict.fromkeys(formats.values()):
        chosen = [piece for piece in pieces if formats[piece.row.arm] == format_]
        if chosen:
            yield format_, sorted(chosen, key=lambda piece: (places.index(piece.row.arm), piece.row.id))


class Printing:
    """Renders the pieces of one batch, again after some have left it; what did not change is not rendered twice."""

    def __init__(
        self, campaign: Campaign, room: PressRoom, reject: Callable[[Rejections], None], rendered: Rendered
    ) -> None:
        self._campaign, self._room, self._reject, self._rendered = campaign, room, reject, rendered
        self._made: dict[_Key, RenderedMail] = {}
        self.mails: list[RenderedMail] = []

    def render(self, pieces: Sequence[Piece]) -> list[Piece]:
        """The pieces that can be printed, numbered from 1, with `mails` to match; the others are rejected."""
        while True:
            numbered = [piece.numbered(sequence) for sequence, piece in enumerate(pieces, start=1)]
            orders = list(_orders(self._campaign.name, numbered))
            missing = [(key, order) for key, order in orders if key not in self._made]
            made = self._room.render([order for _, order in missing], self._rendered)
            self._made |= {key: mail for (key, _), mail in zip(missing, made, strict=True)}
            self.mails = [self._made[key] for key, _ in orders]
            wrong = {sequence: problems for mail in self.mails for sequence, problems in mail.rejected.items()}
            if not wrong:
                return numbered
            self._reject([(piece.row, str(wrong[n][0])) for n, piece in enumerate(numbered, 1) if n in wrong])
            pieces = [piece for n, piece in enumerate(numbered, 1) if n not in wrong]

    @property
    def fonts(self) -> tuple[str, ...]:
        """Names of the fonts in the batch."""
        return tuple(sorted({font for mail in self.mails for font in mail.fonts}))

    def manifest(self, pieces: Sequence[Piece]) -> Iterator[ManifestRow]:
        """A row for each piece, with its pages in the whole batch."""
        before = 0
        for mail in self.mails:
            for span in mail.spans:
                yield _row(pieces[span.sequence - 1], before + span.page_from, before + span.page_to)
            before += mail.spans[-1].page_to


def _orders(campaign: str, pieces: Sequence[Piece]) -> Iterator[tuple[_Key, PrintJob]]:
    """Jobs of at most `PIECES_A_JOB` neighbours of one arm; the key tells whether one was done before."""
    start = 0
    while start < len(pieces):
        arm, end = pieces[start].row.arm, start
        while end < len(pieces) and end - start < PIECES_A_JOB and pieces[end].row.arm == arm:
            end += 1
        some = pieces[start:end]
        key = arm, start, tuple(piece.row.id for piece in some)
        yield key, PrintJob(campaign, arm, tuple(piece.content for piece in some))
        start = end


def _row(piece: Piece, page_from: int, page_to: int) -> ManifestRow:
    return ManifestRow(
        sequence=piece.content.sequence,
        piece_id=piece.row.message_id,
        household_id=piece.household_id,
        arm=piece.row.arm,
        code=piece.row.code or "",
        page_from=page_from,
        page_to=page_to,
        address_lines=piece.content.address_lines,
        postcode=str(piece.content.profile.get("postcode") or ""),
    )
