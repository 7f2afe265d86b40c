"""One folder of a mailbox on an IMAP server: what lies in it, and how mail leaves it."""

import imaplib
import re
import ssl
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from handbill.errors import ChannelUnavailable, Problem
from handbill.responses.received import LARGEST, plain

LOST = (imaplib.IMAP4.abort, OSError)
"""What a connection that broke raises; another one may do better."""

_UID = re.compile(rb"\bUID (\d+)")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")


@dataclass(frozen=True)
class ImapServer:
    """A mailbox and its folders. `tls` replaces the system's certificates; `timeout` in seconds, a command."""

    host: str
    port: int
    security: str
    user: str
    password: str = field(repr=False)
    folder: str = "INBOX"
    done: str = "Handbill done"
    quarantine: str = "Handbill quarantine"
    timeout: float = 60
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @contextmanager
    def opened(self) -> Iterator["ImapFolder"]:
        """The folder, over a connection that is encrypted and signed in.

        Raises:
            ChannelUnavailable: the server refuses us, or is not the one that its certificate names.
            OSError, imaplib.IMAP4.abort: the connection cannot be made, or broke; trying again may help.
        """
        with self._connected() as connection:
            self._sign_in(connection)
            yield ImapFolder(self, connection)

    def refused(self, why: str, mend: str = "Correct channels.email.mailbox in campaigns.yaml.") -> ChannelUnavailable:
        """The error that says what the server does not do for us."""
        return ChannelUnavailable(Problem(what=f"the mailbox at {self.host}:{self.port} {why}.", mend=mend))

    def unreachable(self, error: Exception) -> ChannelUnavailable:
        """The error that says that no connection lasted."""
        said = plain(str(getattr(error, "strerror", None) or error) or type(error).__name__).lower()
        return self.refused(f"cannot be reached ({said})", "Start it, or correct channels.email.mailbox.")

    @contextmanager
    def _connected(self) -> Iterator[imaplib.IMAP4]:
        """A connection, which is closed in any case: politely where that is possible."""
        context = self.tls or ssl.create_default_context()
        connection: imaplib.IMAP4 | None = None
        try:
            if self.security == "tls":
                connection = imaplib.IMAP4_SSL(self.host, self.port, ssl_context=context, timeout=self.timeout)
            else:
                connection = imaplib.IMAP4(self.host, self.port, timeout=self.timeout)
            if self.security == "starttls":
                self._encrypt(connection, context)
            yield connection
        except ssl.SSLCertVerificationError as error:
            raise self.refused(f"has a certificate that is not valid for it ({error.verify_message})") from None
        finally:
            if connection is not None:
                with suppress(imaplib.IMAP4.error, OSError):
                    connection.logout()
                with suppress(OSError):
                    connection.shutdown()

    def _encrypt(self, connection: imaplib.IMAP4, context: ssl.SSLContext) -> None:
        if "STARTTLS" not in connection.capabilities:
            raise self.refused("offers no encryption")
        connection.starttls(context)

    def _sign_in(self, connection: imaplib.IMAP4) -> None:
        try:
            if "AUTH=PLAIN" in connection.capabilities:
                secret = b"\0".join((b"", self.user.encode(), self.password.encode()))
                connection.authenticate("PLAIN", lambda _: secret)
            else:
                connection.login(self.user, self.password)
            connection.capabilities = _capabilities(connection)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, UnicodeEncodeError) as error:
            raise self.refused(f"does not let us in ({_said(error)})") from None


class ImapFolder:
    """A folder that is open for reading and moving. Mails are named by their UIDs, which hold for one `validity`."""

    def __init__(self, server: ImapServer, connection: imaplib.IMAP4) -> None:
        self._server = server
        self._connection = connection
        self._name = server.folder
        self.count = self.validity = self.next_uid = 0
        self.look()

    def look(self) -> int:
        """Looks at the folder as it is now; answers how many mails lie in it."""
        state, found = self._connection.select(_quoted(self._name))
        if state != "OK":
            raise self._server.refused(f"has no folder {self._name} ({_said(found)})")
        self.count = int(found[0] or 0)
        self.validity, self.next_uid = self._number("UIDVALIDITY"), self._number("UIDNEXT")
        return self.count

    def turn_to(self, folder: str) -> None:
        """Goes over to another folder of the mailbox, which is made when it is not there."""
        self._make(folder)
        self._name = folder
        self.look()

    def sizes(self, first: int, most: int) -> list[tuple[int, int]]:
        """UID and size of the mails from the `first` one (from 1), as they lie in the folder, the oldest first."""
        last = min(first + most - 1, self.count)
        if last < first:
            return []
        lines = self._fetched(self._connection.fetch(f"{first}:{last}", "(UID RFC822.SIZE)"))
        found = ((_UID.search(line), _SIZE.search(line)) for line, _ in lines)
        return sorted((int(uid[1]), int(size[1])) for uid, size in found if uid and size)

    def fetch(self, uids: Collection[int]) -> Mapping[int, bytes | None]:
        """The mails, without marking them as read; None for one that is larger than it said. Vanished ones are absent.

        One command, so keep what it brings small.
        """
        wanted = f"(UID BODY.PEEK[]<0.{LARGEST + 1}>)"
        lines = self._fetched(self._connection.uid("FETCH", _set(uids), wanted))
        found = ((_UID.search(line), body) for line, body in lines)
        return {int(uid[1]): body if len(body) <= LARGEST else None for uid, body in found if uid}

    def move(self, uids: Collection[int], folder: str) -> None:
        """Moves mails into another folder of the mailbox, which is made when it is not there."""
        if not uids:
            return
        self._make(folder)
        if "MOVE" in self._connection.capabilities:
            self._must("move", *self._connection.uid("MOVE", _set(uids), _quoted(folder)))
        elif "UIDPLUS" in self._connection.capabilities:
            self._must("copy", *self._connection.uid("COPY", _set(uids), _quoted(folder)))
            self._must("remove", *self._connection.uid("STORE", _set(uids), "+FLAGS.SILENT", r"(\Deleted)"))
            self._must("remove", *self._connection.uid("EXPUNGE", _set(uids)))
        else:
            why = "can neither move mails (MOVE) nor remove single ones (UIDPLUS)"
            raise self._server.refused(why, "Use a mailbox on another server.")

    def _make(self, folder: str) -> None:
        self._connection.create(_quoted(folder))  # NO when it exists

    def _must(self, verb: str, state: str, found: object) -> None:
        if state != "OK":
            raise self._server.refused(f"does not {verb} mails for us ({_said(found)})", "Ask whoever runs it.")

    def _number(self, name: str) -> int:
        _, found = self._connection.response(name)
        return int(found[0]) if found and found[0] else 0

    def _fetched(self, answer: tuple[str, Sequence[object]]) -> Iterator[tuple[bytes, bytes]]:
        """What was told of each mail, and its literal; some servers tell the UID before it, some behind it."""
        state, items = answer
        self._must("show", state, items)
        told, body = b"", b""
        for item in items:
            if isinstance(item, tuple):
                told, body = item[0], item[1]
            elif isinstance(item, bytes):
                yield told + b" " + item, body
                told, body = b"", b""


def _capabilities(connection: imaplib.IMAP4) -> tuple[str, ...]:
    """What the server can do for those who have signed in, which is often more than before."""
    _, found = connection.capability()
    return tuple(found[-1].decode("ascii", "replace").upper().split())


def _set(uids: Collection[int]) -> str:
    return ",".join(str(uid) for uid in sorted(uids))


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _said(answer: object) -> str:
    """The server's own words, fit for a line."""
    first = answer[0] if isinstance(answer, list) and answer else answer
    text = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(first)
    return plain(text.removeprefix("b'").removesuffix("'"))[:200]
