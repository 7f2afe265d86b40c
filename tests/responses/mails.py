"""Mails that come back: notifications of other servers and requests of people, byte for byte."""

import base64
import quopri
from pathlib import Path

from handbill.delivery.links import Unsubscribe, bounce_address, unsubscribe_mailto

SECRET = b"secret"
DOMAIN = "northwind.example"


def notification(
    *,
    to: str,
    action: str = "failed",
    status: str = "5.1.1",
    said: str = "smtp; 550 5.1.1 no such user",
    returned: str = "",
    date: str = "Tue, 01 Dec 2026 10:00:00 +0000",
) -> bytes:
    """A notification as Postfix writes it."""
    return f"""From: MAILER-DAEMON@mx.example
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: {date}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry to have to inform you that your message could not be delivered.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; somebody@example.com
Action: {action}
Status: {status}
Diagnostic-Code: {said}

--b
Content-Type: message/rfc822

From: news@{DOMAIN}
Message-ID: {returned}
Subject: Spring is here

Hello
--b--
""".replace("\n", "\r\n").encode()


def bounced(outbox_id: int, **parts: str) -> bytes:
    """A notification that came back to the signed address of a message."""
    return notification(to=bounce_address(SECRET, DOMAIN, outbox_id), **parts)


def request_to_stop(contact_id: int, outbox_id: int, topic: str = "offers") -> bytes:
    """What a mail program sends for our List-Unsubscribe link."""
    link = unsubscribe_mailto(SECRET, DOMAIN, Unsubscribe(contact_id, outbox_id, topic))
    address, _, subject = link.removeprefix("mailto:").partition("?subject=")
    subject = subject.replace("%20", " ")
    return f"From: somebody@example.com\r\nTo: {address}\r\nSubject: {subject}\r\n\r\n".encode()


def put(folder: Path, name: str, mail: bytes) -> Path:
    """Delivers a mail into a maildir."""
    for part in ("tmp", "new", "cur"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    path = folder / "new" / name
    path.write_bytes(mail)
    return path


def report_of(
    *groups: str,
    to: str = "x@example.com",
    envelope_id: str = "",
    kind: str = "message/delivery-status",
    coding: str = "",
) -> bytes:
    """A notification with these groups of fields, one a recipient, coded as `coding` says."""
    head = f"Reporting-MTA: dns; mx.example\n{f'Original-Envelope-Id: {envelope_id}{chr(10)}' if envelope_id else ''}"
    status = "\n\n".join((head.strip(), *groups)).replace("\n", "\r\n").encode()
    if coding == "base64":
        status = base64.encodebytes(status)
    if coding == "quoted-printable":
        status = quopri.encodestring(status)
    lines = [
        f"To: {to}",
        "Date: Tue, 01 Dec 2026 10:00:00 +0000",
        'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
        "",
        "--b",
        f"Content-Type: {kind}",
        *([f"Content-Transfer-Encoding: {coding}"] if coding else []),
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + status + b"\r\n--b--\r\n"


def away(to: str = "news@northwind.example", **fields: str) -> bytes:
    """What a mail program answers while somebody is on holiday."""
    head = {"From": "ann@example.com", "To": to, "Subject": "Automatic reply: Spring is here", **fields}
    return "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in head.items()).encode() + b"\r\nBye\r\n"


def complaint(
    *,
    bounced_to: int | None = None,
    kind: str = "abuse",
    returned: str = "Message-ID: <nobody@knows.example>",
    envelope_id: str = "",
    original_rcpt: str = "victim@example.com",
) -> bytes:
    """A report that somebody pressed "this is spam" (RFC 5965); `returned` are headers of the mail in question."""
    to = "abuse@northwind.example" if bounced_to is None else bounce_address(SECRET, DOMAIN, bounced_to)
    envelope = f"Original-Envelope-Id: {envelope_id}\n" if envelope_id else ""
    return f"""From: feedback@mailbox.example
To: {to}
Date: Tue, 01 Dec 2026 10:00:00 +0000
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

This is an abuse report.

--b
Content-Type: message/feedback-report

Feedback-Type: {kind}
User-Agent: Mailbox/1.0
Version: 1
Original-Rcpt-To: {original_rcpt}
{envelope}
--b
Content-Type: message/rfc822

From: news@{DOMAIN}
{returned}
Subject: Spring is here

Hello
--b--
""".replace("\n", "\r\n").encode()
