"""Mails that come back: notifications of other servers and requests of people, byte for byte."""

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
    date: str = "Tue, 01 Dec 2026 08:00:00 +0000",
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
