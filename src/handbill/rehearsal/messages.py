"""What the people of a campaign test are sent: every queued message, made as a run would make it."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from pypdfium2 import PdfDocument
from sqlalchemy import Connection, Row, select

from handbill.contacts.profiles import load_profiles
from handbill.definitions.campaign import Channel
from handbill.definitions.project import Project
from handbill.definitions.rehearsal import Expectation
from handbill.delivery.messages import Composer
from handbill.delivery.outbox import Claimed
from handbill.errors import NotRenderable
from handbill.rehearsal.reading import Rehearsal
from handbill.rendering.print import MailTemplate, PieceInput, compile_mail
from handbill.rendering.variables import purchases_of
from handbill.settings import Settings
from handbill.store.tables import outbox


@dataclass(frozen=True)
class Made:
    """A message. `text` is everything that can be read in it, with single blanks; of a piece that nobody asked for, "".

    `problem` says why it cannot be made. Money is in millionths.
    """

    leaves_at: datetime
    cost: int
    address: tuple[str, ...]
    subject: str = ""
    preheader: str = ""
    text: str = ""
    language: str = ""
    reply_to: str = ""
    problem: str = ""


def make_messages(
    connection: Connection, project: Project, settings: Settings, rehearsal: Rehearsal, ids: Mapping[str, int]
) -> dict[int, dict[Channel, Made]]:
    """The queued messages by contact and channel. Printed pieces are laid out only where the test asks for their words.

    Raises:
        ProjectInvalid: a template has mistakes.
    """
    rows = connection.execute(select(outbox).where(outbox.c.state == "queued").order_by(outbox.c.id)).all()
    profiles = load_profiles(connection, project, list(ids.values()), purchases_of(rehearsal.campaign))
    expected = {ids[name]: each for name, each in rehearsal.written.expect.items()}
    made: dict[int, dict[Channel, Made]] = {}
    office = _Office(project, settings, rehearsal)
    for row in rows:
        profile = profiles[row.contact_id]
        message = office.email(row, profile) if row.channel == "email" else office.piece(row, profile, expected)
        made.setdefault(row.contact_id, {})[row.channel] = message
    return made


def words(text: str) -> str:
    """The text with single blanks, as expectations are compared with it."""
    return " ".join(text.split())


class _Office:
    """Makes the messages of one campaign; templates are compiled once."""

    def __init__(self, project: Project, settings: Settings, rehearsal: Rehearsal) -> None:
        self._project = project
        self._campaign = rehearsal.campaign
        self._settings = settings
        self._composer: Composer | None = None
        self._templates: dict[str, MailTemplate] = {}

    def email(self, row: Row[Any], profile: Mapping[str, Any]) -> Made:
        """An e-mail, read as a mail program would."""
        self._composer = self._composer or Composer(self._project, self._campaign, self._settings.keys)
        plain, claimed = Made(row.not_before, row.cost, (row.address,)), _claimed(row)
        try:
            sent, rendered = self._composer.compose(claimed, profile), self._composer.render(claimed, profile)
        except NotRenderable as error:
            return replace(plain, problem=str(error))
        read = cast("EmailMessage", message_from_bytes(sent.message, policy=cast("Any", default)))
        seen = f"{_part(read, 'plain')} {_visible(_part(read, 'html'))}"
        return replace(
            plain,
            subject=str(read["Subject"]),
            preheader=rendered.preheader,
            language=rendered.language,
            reply_to=str(read["Reply-To"] or ""),
            text=words(seen),
        )

    def piece(self, row: Row[Any], profile: Mapping[str, Any], expected: Mapping[int, Expectation]) -> Made:
        """A printed piece, read from its PDF."""
        lines = tuple(row.address.split("\n"))
        plain = Made(row.not_before, row.cost, lines)
        wanted = expected.get(row.contact_id)
        if wanted is None or wanted.direct_mail is None:
            return plain
        if row.arm not in self._templates:
            self._templates[row.arm] = compile_mail(self._project, self._campaign, row.arm)
        printed = self._templates[row.arm].render([PieceInput(profile, lines, row.code, sequence=1)])
        if printed.rejected:
            return replace(plain, problem="\n".join(str(each) for each in printed.rejected[1]))
        return replace(plain, text=words(_printed_text(printed.pdf)))


def _claimed(row: Row[Any]) -> Claimed:
    return Claimed(**{name: getattr(row, name) for name in Claimed._fields})


def _part(read: EmailMessage, kind: str) -> str:
    part = read.get_body((kind,))
    return str(part.get_content()) if part else ""


def _visible(markup: str) -> str:
    """What a reader sees of HTML, and the addresses of its links."""
    without_style = re.sub(r"(?s)<(style|script)\b.*?</\1>|<!--.*?-->", " ", markup)
    links = re.findall(r'href="([^"]*)"', without_style)
    return html.unescape(" ".join((re.sub(r"<[^>]*>", " ", without_style), *links)))


def _printed_text(pdf: bytes) -> str:
    document = PdfDocument(pdf)
    try:
        return " ".join(page.get_textpage().get_text_bounded() for page in document)
    finally:
        document.close()
