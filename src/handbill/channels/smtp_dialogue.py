"""How commands and replies cross one SMTP connection, with every way in which that can break said in words."""

import re
import socket
import ssl
import time
from dataclasses import dataclass

from handbill.channels.switchboard import await_socket

_LONGEST_LINE = 8_192  # RFC 5321 allows 512; real servers write more
_MOST_LINES = 200
_LONGEST_TEXT = 300
_REPLY = re.compile(rb"([2-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class LineLost(Exception):
    """Nothing more can be said on this connection; the text says what happened."""


@dataclass(frozen=True)
class Timeouts:
    """Seconds that each stage may take; RFC 5321, section 4.5.3.2, but for `connect` and `quit`."""

    connect: float = 30
    command: float = 300
    data: float = 120
    body: float = 180
    dot: float = 600
    quit: float = 5


@dataclass(frozen=True)
class Reply:
    """What the server answered to one command: its code, and its lines without codes."""

    code: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """All lines as one, fit for a log: no control characters, not endless."""
        return " ".join(line for line in self.lines if line)[:_LONGEST_TEXT]


class Dialogue:
    """One connection: bytes out, replies in. Every fault is a LineLost."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._received = bytearray()
        self._end = ""
        connection.setblocking(False)  # whoever waits does so on a switchboard, or for this connection alone
        # Without this the five bytes that end a message wait for the acknowledgement of its body.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def local_address(self) -> str:
        """This end's IP address, as the server sees it when nothing stands between."""
        return str(self._socket.getsockname()[0])

    def write(self, text: bytes, timeout: float) -> None:
        """Hands the bytes to the connection, all of them within the time."""
        left, deadline = memoryview(text), time.monotonic() + timeout
        while left:
            try:
                left = left[self._socket.send(left) :]
            except _NOT_YET as obstacle:
                to_write = not isinstance(obstacle, ssl.SSLWantReadError)
                if not await_socket(self._socket, to_write=to_write, seconds=deadline - time.monotonic()):
                    raise LineLost(f"the server took nothing for {timeout:g} seconds") from None
            except OSError as error:
                raise LineLost(f"the connection broke ({_reason(error)})") from None

    def read(self, timeout: float) -> Reply:
        """The next whole reply; `timeout` seconds may pass between two of its parts."""
        first, more = self._read_line(timeout)
        lines = [first]
        while more:
            following, more = self._read_line(timeout)
            lines.append(following)
            if following[0] != first[0] or len(lines) > _MOST_LINES:
                raise LineLost("the server's answer is not SMTP")
        return Reply(first[0], tuple(text for _, text in lines))

    def has_spoken(self) -> bool:
        """Whether the server said something, or hung up, without being asked."""
        return bool(self._received or self._end) or self._take_what_is_there()

    def encrypt(self, context: ssl.SSLContext, host: str, timeout: float) -> None:
        """Goes on under TLS, with the server's certificate checked for `host`."""
        if self._received:
            # Whatever came before the handshake could have been slipped in by anybody on the way.
            raise LineLost("the server spoke before encryption began")
        self._socket.settimeout(timeout)
        try:
            self._socket = context.wrap_socket(self._socket, server_hostname=host)
            self._socket.setblocking(False)
        except ssl.SSLCertVerificationError as error:
            raise LineLost(f"its certificate is not valid for {host} ({error.verify_message})") from None
        except OSError as error:
            raise LineLost(f"no encryption could be agreed on ({_reason(error)})") from None

    def close(self) -> None:
        """Ends the connection at once."""
        self._socket.close()

    def _read_line(self, timeout: float) -> tuple[tuple[int, str], bool]:
        while (end := self._received.find(b"\n")) < 0:
            if len(self._received) > _LONGEST_LINE:
                raise LineLost("the server's answer is not SMTP")
            self._receive(timeout)
        raw = bytes(self._received[:end]).rstrip(b"\r")
        del self._received[: end + 1]
        match = _REPLY.fullmatch(raw)
        if not match:
            raise LineLost("the server's answer is not SMTP")
        return (int(match[1]), _printable(match[3] or b"")), match[2] == b"-"

    def _receive(self, timeout: float) -> None:
        # What lies decrypted in the socket's own buffer wakes nobody who waits for the network.
        is_there = bool(self._end) or (isinstance(self._socket, ssl.SSLSocket) and self._take_what_is_there())
        while not is_there:
            if not await_socket(self._socket, to_write=False, seconds=timeout):
                raise LineLost(f"the server did not answer for {timeout:g} seconds")
            is_there = self._take_what_is_there()
        if self._end:
            raise LineLost(self._end)

    def _take_what_is_there(self) -> bool:
        """Whether something came, or the connection ended, without waiting for it."""
        try:
            received = self._socket.recv(65_536)
        except _NOT_YET:
            return False
        except OSError as error:
            self._end = f"the connection broke ({_reason(error)})"
            return True
        self._received += received
        self._end = "" if received else "the server closed the connection"
        return True


def _printable(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace")
    if text.isprintable():
        return text.strip()
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _reason(error: OSError) -> str:
    return (error.strerror or str(error) or type(error).__name__).lower()
