"""What goes over the wire: one rendered e-mail and its envelope as the bytes of a message."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

from handbill.errors import NotRenderable, Problem
from handbill.rendering.email import RenderedEmail
from handbill.rendering.headers import mailbox, raw, unstructured
from handbill.rendering.quoted_printable import encode

LONGEST_LINE = 998
"""Octets a line of a message may have, without its end (RFC 5322)."""


@dataclass(frozen=True)
class Envelope:
    """Who writes to whom, and what mail programs have to know.

    `message_id` is written with its angle brackets; `sent_at` is aware. `list_unsubscribe` holds addresses such as
    `https://…` and `mailto:…`, the best one first; an https one must take a POST (RFC 8058). `bulk` is true for
    everything but transactional mail.
    """

    from_: str
    to: str
    message_id: str
    sent_at: datetime
    reply_to: str | None = None
    list_unsubscribe: tuple[str, ...] = ()
    list_id: str | None = None
    feedback_id: str | None = None
    bulk: bool = True


def build_message(rendered: RenderedEmail, envelope: Envelope) -> bytes:
    """The message with CRLF line ends; no line is longer than `LONGEST_LINE`. See `build_parts`."""
    head, body = build_parts(rendered, envelope)
    return head + b"".join(body)


def build_parts(rendered: RenderedEmail, envelope: Envelope) -> tuple[bytes, list[bytes]]:
    """The message's headers, with the empty line after them, and its body in pieces, all of them whole lines.

    What is the same for many recipients is a piece of its own, and mostly the very same object.

    Raises:
        NotRenderable: the recipient's address or a value cannot stand in a message.
    """
    # Quoted-printable never holds "=_", so this line cannot occur in a part.
    boundary = f"=_{hashlib.blake2b(envelope.message_id.encode(), digest_size=12).hexdigest()}"
    try:
        text = encode((rendered.text,), {})
        html = encode(rendered.pieces, rendered.ready)
        headers = _headers(rendered, envelope)
    except UnicodeEncodeError:
        what = "a value for this recipient holds half a character."
        raise NotRenderable(Problem(what=what, mend="Import the contact again, in UTF-8.")) from None
    mark = f"--{boundary}\r\n".encode()
    head = b"".join((*headers, f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'.encode()))
    return head, [mark, _PLAIN, *text, mark, _HTML, *html, f"--{boundary}--\r\n".encode()]


_PLAIN = b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
_HTML = b"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"


@lru_cache(maxsize=8)  # the messages of a run mostly have one date
def _date(sent_at: datetime) -> bytes:
    return raw("Date", format_datetime(sent_at))


def _headers(rendered: RenderedEmail, envelope: Envelope) -> list[bytes]:
    headers = [mailbox("From", envelope.from_), mailbox("To", envelope.to)]
    if envelope.reply_to:
        headers.append(mailbox("Reply-To", envelope.reply_to))
    headers += [
        unstructured("Subject", rendered.subject),
        _date(envelope.sent_at),
        raw("Message-ID", envelope.message_id),
        b"MIME-Version: 1.0\r\n",
    ]
    if envelope.list_unsubscribe:
        headers.append(raw("List-Unsubscribe", *(f"<{address}>" for address in envelope.list_unsubscribe)))
        if any(address.startswith("https:") for address in envelope.list_unsubscribe):
            headers.append(b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n")
    if envelope.list_id:
        headers.append(raw("List-Id", f"<{envelope.list_id}>"))
    if envelope.feedback_id:
        headers.append(raw("Feedback-ID", envelope.feedback_id))
    if envelope.bulk:
        headers.append(b"Precedence: bulk\r\n")
    return headers
