"""Whether a finished message keeps the rules that mailbox providers have for those who send in bulk."""

from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import parseaddr
from typing import Any, cast

from handbill.channels.sender_dns import Diagnosis, Mark, is_aligned

LONGEST_LINE = 998
"""Octets that a line of a message may have (RFC 5322)."""
GMAIL_CLIPS_AT = 102_000
"""Bytes of HTML after which Gmail hides the rest, and with it the unsubscribe link at its end."""
LONGEST_SUBJECT = 78
"""Characters after which most inboxes cut a subject, phones far earlier."""

_ONCE = ("From", "To", "Subject", "Date", "Message-ID", "MIME-Version")


def examine_message(message: bytes, topic: str, *, is_marketing: bool, postal_address: str) -> list[Diagnosis]:
    """All rules that the message breaks; one good word when it breaks none.

    Sources: RFC 5322, RFC 8058; Google's and Yahoo's rules for bulk senders of February 2024.
    """
    parsed = cast("EmailMessage", message_from_bytes(message, policy=cast("Any", SMTP)))
    found = [*_headers(parsed), *_body(parsed, message)]
    if is_marketing:
        found += [*_unsubscribe(parsed), *_imprint(parsed, postal_address)]
    broken = [Diagnosis(topic, mark, what, mend) for mark, what, mend in found]
    return broken or [Diagnosis(topic, Mark.GOOD, f"keeps every rule, in {len(message) / 1000:.1f} kB.")]


_Found = tuple[Mark, str, str]


def _headers(parsed: EmailMessage) -> Iterator[_Found]:
    for name in _ONCE:
        if len(parsed.get_all(name, [])) != 1:
            yield Mark.WRONG, f"it has not exactly one {name} header.", "Report this: it is our mistake."
    subject = str(parsed["Subject"] or "")
    if not subject.strip():
        yield Mark.WRONG, "its subject is empty.", "Write one under email.subject."
    elif len(subject) > LONGEST_SUBJECT:
        what = f"its subject has {len(subject)} characters, and inboxes cut it at {LONGEST_SUBJECT}."
        yield Mark.ADVICE, what, "Say the important words first."
    sender = parseaddr(str(parsed["From"]))[1].rpartition("@")[2]
    signature = {tag.strip().partition("=")[0]: tag.strip().partition("=")[2]
                 for tag in str(parsed["DKIM-Signature"] or "").split(";")}  # fmt: skip
    if "d" in signature and not is_aligned(signature["d"], sender):
        what = f"it is signed by {signature['d']} and comes from {sender}."
        yield Mark.WRONG, what, "Sign with a key of the sender's domain."


def _body(parsed: EmailMessage, message: bytes) -> Iterator[_Found]:
    parts = {kind: parsed.get_body((kind,)) for kind in ("plain", "html")}
    for kind, name in (("plain", "text"), ("html", "HTML")):
        if parts[kind] is None:
            yield Mark.WRONG, f"it has no {name} part.", "Report this: it is our mistake."
    html = parts["html"]
    size = len(str(html.get_content()).encode()) if html else 0
    if size > GMAIL_CLIPS_AT:
        what = f"its HTML has {size / 1000:.0f} kB, and Gmail hides what comes after {GMAIL_CLIPS_AT // 1000} kB."
        yield Mark.WRONG, what, "Shorten the template."
    longest = max(len(line) for line in message.split(b"\r\n"))
    if longest > LONGEST_LINE:
        what = f"it has a line of {longest} octets, and {LONGEST_LINE} are allowed."
        yield Mark.WRONG, what, "Report this: it is our mistake."


def _unsubscribe(parsed: EmailMessage) -> Iterator[_Found]:
    ways = str(parsed["List-Unsubscribe"] or "")
    if not ways:
        yield Mark.WRONG, "it has no List-Unsubscribe header.", "Report this: it is our mistake."
    elif "https:" not in ways or parsed["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
        what = "people can unsubscribe by mail only; Gmail and Yahoo ask large senders for one click (RFC 8058)."
        yield Mark.ADVICE, what, "It needs a public address for unsubscribing."


def _imprint(parsed: EmailMessage, postal_address: str) -> Iterator[_Found]:
    for kind in ("plain", "html"):
        part = parsed.get_body((kind,))
        words = " ".join(str(part.get_content()).split()) if part else ""
        if part and postal_address.split(",", maxsplit=1)[0] not in words:
            what = f"its {'text' if kind == 'plain' else 'HTML'} part does not name your postal address."
            yield Mark.ADVICE, what, "Put {{ brand.postal_address }} into the template's footer."
