"""The parts of a finished message, for vendors that take fields instead of the message itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from typing import Any, cast

_OWN_FIELDS = {
    "from", "to", "reply-to", "subject", "mime-version", "content-type", "content-transfer-encoding", "date",
    "dkim-signature",
}  # fmt: skip
"""Headers that vendors write themselves from the fields that they are given."""


@dataclass(frozen=True)
class Mailbox:
    """A name, which may be empty, and an address."""

    name: str
    address: str


@dataclass(frozen=True)
class MailParts:
    """A message in fields. `headers` are those that vendors have no field for, such as List-Unsubscribe."""

    sender: Mailbox
    reply_to: Mailbox | None
    subject: str
    text: str = field(repr=False)
    html: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)


def parts_of(message: bytes) -> MailParts:
    """Takes apart a message that `handbill.rendering.mime` built."""
    parsed = cast("EmailMessage", message_from_bytes(message, policy=cast("Any", SMTP)))
    reply_to = parsed.get("reply-to")
    return MailParts(
        sender=_mailbox(parsed["from"]),
        reply_to=_mailbox(reply_to) if reply_to else None,
        subject=str(parsed["subject"]),
        text=_body(parsed, "plain"),
        html=_body(parsed, "html"),
        headers={name: str(value) for name, value in parsed.items() if name.lower() not in _OWN_FIELDS},
    )


def _mailbox(header: Any) -> Mailbox:
    return Mailbox(*parseaddr(str(header)))


def _body(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    return str(part.get_content()) if part else ""
