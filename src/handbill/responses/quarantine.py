"""Which mails wait for a person, and why; and how one that was looked at is put away."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parseaddr
from pathlib import Path

from sqlalchemy import Connection

from handbill.responses.imap import in_pieces
from handbill.responses.imap_folder import ImapServer
from handbill.responses.judging import TOO_LARGE, judge
from handbill.responses.mailbox import DONE, QUARANTINE, move
from handbill.responses.received import LARGEST, decoded, parse_mail
from handbill.tokens import Keys

UNDERSTOOD = "it would be understood by now: move it back, and it is read"
ON_THE_SERVER = "imap:"
"""What the names of mails on an IMAP server begin with; their UID follows."""

_LONGEST = 80
_AT_A_TIME = 200


@dataclass(frozen=True)
class Waiting:
    """A mail that waits; `sent_at`, sender and subject are its own words, which nobody has to believe."""

    name: str
    sent_at: datetime | None
    sender: str
    subject: str
    why: str


def waiting_in_folder(connection: Connection, inbox: Path, keys: Keys, *, now: datetime) -> Iterator[Waiting]:
    """The mails in the quarantine of a maildir, by name; other files there are left out."""
    for path in sorted((inbox / QUARANTINE).glob("*")):
        if path.is_file() and not path.suffix:
            raw = path.read_bytes() if path.stat().st_size <= LARGEST else None
            yield _described(connection, path.name, raw, keys, now)


def waiting_on_server(connection: Connection, server: ImapServer, keys: Keys, *, now: datetime) -> Iterator[Waiting]:
    """The mails in the quarantine of a mailbox, the oldest first.

    Raises:
        ChannelUnavailable: the mailbox refuses us.
        OSError, imaplib.IMAP4.abort: it cannot be reached.
    """
    with server.opened() as folder:
        folder.turn_to(server.quarantine)
        for first in range(1, folder.count + 1, _AT_A_TIME):
            for piece in in_pieces(folder.sizes(first, _AT_A_TIME)):
                small = [uid for uid, size in piece if size <= LARGEST]
                mails = folder.fetch(small) if small else {}
                for uid, _ in piece:
                    yield _described(connection, f"{ON_THE_SERVER}{uid}", mails.get(uid), keys, now)


def settle_in_folder(inbox: Path, name: str) -> bool:
    """Puts away a mail that a person has looked at; False when there is none of this name."""
    path = inbox / QUARANTINE / name
    if path.parent != inbox / QUARANTINE or not path.is_file():
        return False
    move(path, inbox / DONE)
    return True


def settle_on_server(server: ImapServer, name: str) -> bool:
    """The same on an IMAP server.

    Raises:
        ChannelUnavailable: the mailbox refuses us.
        OSError, imaplib.IMAP4.abort: it cannot be reached.
    """
    number = name.removeprefix(ON_THE_SERVER)
    if not number.isdigit():
        return False
    with server.opened() as folder:
        folder.turn_to(server.quarantine)
        uids = {uid for first in range(1, folder.count + 1, _AT_A_TIME) for uid, _ in folder.sizes(first, _AT_A_TIME)}
        if int(number) not in uids:
            return False
        folder.move([int(number)], server.done)
    return True


def _described(connection: Connection, name: str, raw: bytes | None, keys: Keys, now: datetime) -> Waiting:
    if raw is None:
        return Waiting(name, None, "", "", TOO_LARGE)
    mail = parse_mail(raw)
    sender = parseaddr(mail.fields.first("from"))[1] or mail.fields.first("from")
    subject = decoded(mail.fields.first("subject"))
    why = judge(connection, raw, keys, now=now).waits or UNDERSTOOD
    return Waiting(name, mail.sent_at(now), sender[:_LONGEST], subject[:_LONGEST], why)
