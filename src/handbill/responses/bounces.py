"""What a delivery status notification (RFC 3464) says about one message, in our words."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email.message import Message

from handbill.channels.contract import BounceKind, EventKind

HARD = frozenset({"1.0", "1.1", "1.2", "1.3", "1.6", "1.10", "2.1"})
"""Status codes (RFC 3463, without the class) that say: this mailbox does not exist or was closed."""
BLOCKED = frozenset({"1.7", "1.8", "2.3"})
"""The sender or the message was refused; everything of subject 6 (content) and 7 (policy) was, too."""

_STATUS = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})")
_NO_SUCH_MAILBOX = re.compile(
    r"user unknown|unknown user|no such (user|mailbox|recipient)|does not exist|mailbox not found|recipient rejected",
    re.IGNORECASE,
)
_KINDS: Mapping[str, EventKind] = {
    "failed": EventKind.BOUNCED,
    "delayed": EventKind.DEFERRED,
    "delivered": EventKind.DELIVERED,
}


@dataclass(frozen=True)
class Notice:
    """What became of one recipient's message. `bounce` is set for a bounce; `said` is the server's own line."""

    kind: EventKind
    bounce: BounceKind | None
    status: str
    said: str


def read_notices(message: Message) -> list[Notice]:
    """What a mail reports about recipients; empty when it is no delivery status notification, or only a relay's."""
    notices = []
    for fields in _recipients(message):
        kind = _KINDS.get(str(fields.get("Action", "")).strip().lower())
        if kind is not None:
            status, said = str(fields.get("Status", "")).strip(), str(fields.get("Diagnostic-Code", "")).strip()
            bounce = bounce_kind(status, said) if kind == EventKind.BOUNCED else None
            notices.append(Notice(kind, bounce, status[:20], " ".join(said.split())[:500]))
    return notices


def bounce_kind(status: str, said: str = "") -> BounceKind:
    """What a failure says about the address.

    A failure of class 4 is final for the message and passing for the address. Where the status says nothing
    (5.0.0), the server's own words count.

    >>> bounce_kind("5.1.1"), bounce_kind("4.4.7"), bounce_kind("5.7.1"), bounce_kind("5.0.0", "550 no such user")
    (<BounceKind.HARD: 'hard'>, <BounceKind.SOFT: 'soft'>, <BounceKind.BLOCKED: 'blocked'>, <BounceKind.HARD: 'hard'>)
    """
    match = _STATUS.match(status)
    if not match:
        return BounceKind.UNKNOWN
    severity, subject, detail = match.groups()
    if severity == "4":
        return BounceKind.SOFT
    code = f"{subject}.{detail}"
    if code in HARD or (code == "0.0" and _NO_SUCH_MAILBOX.search(said)):
        return BounceKind.HARD
    if code in BLOCKED or subject in {"6", "7"}:
        return BounceKind.BLOCKED
    return BounceKind.SOFT if subject in {"2", "3", "4"} else BounceKind.UNKNOWN


def returned_message_id(message: Message) -> str | None:
    """The Message-ID of the mail that came back, without its brackets, from the part that holds it or its headers."""
    for part in message.walk():
        if part.get_content_type() == "message/rfc822":
            inner = part.get_payload()
            if isinstance(inner, list) and inner and isinstance(inner[0], Message):
                return _without_brackets(inner[0].get("Message-ID"))
        if part.get_content_type() == "text/rfc822-headers":
            found = re.search(r"^message-id:\s*<([^>\s]+)>", str(part.get_payload()), re.IGNORECASE | re.MULTILINE)
            return found[1] if found else None
    return None


def _recipients(message: Message) -> Iterator[Message]:
    """The groups of fields of a notification, without the first, which is about the message as a whole."""
    if message.get_content_type() != "multipart/report":
        return
    for part in message.walk():
        if part.get_content_type() == "message/delivery-status":
            groups = part.get_payload()
            if isinstance(groups, list):
                yield from (group for group in groups if isinstance(group, Message) and "Action" in group)


def _without_brackets(header: object) -> str | None:
    return str(header).strip().strip("<>") if header else None
