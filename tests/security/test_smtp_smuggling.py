"""No body ends its own message early: what leaves over the wire has one end, whatever servers take for an end."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import product

import pytest

from handbill.channels.contract import Outcome, Outgoing
from handbill.channels.smtp import SmtpServer
from handbill.channels.smtp_line import SmtpLine

EVIL = b"MAIL FROM:<eve@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\nSubject: evil\r\n\r\nevil"
BREAKS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\r\n\n", b"\n\r")
ENDS = [before + b"." + after for before, after in product(BREAKS, BREAKS)]
LINE_ENDINGS = [*ENDS, b"\r\n.\x00\r\n", b"\r\n..\r\n", b"\x00\r\n.\r\n", b"\r\n.\r\n.\r\n"]


@dataclass
class Recorder:
    """A server that understands nothing: it answers every step, and keeps each byte between DATA and the end."""

    body: bytes = b""
    after: bytes = b""

    def serve(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.settimeout(10)
            connection.sendall(b"220 recorder\r\n")
            buffer = b""
            for answer in (b"250 recorder\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go on\r\n"):
                while b"\r\n" not in buffer:
                    if not (more := connection.recv(65536)):
                        return
                    buffer += more
                _, _, buffer = buffer.partition(b"\r\n")
                connection.sendall(answer)
            while not buffer.endswith(b"\r\n.\r\n"):
                buffer += connection.recv(65536)
            self.body = buffer
            connection.sendall(b"250 taken\r\n")
            connection.settimeout(0.3)
            with suppress(TimeoutError):
                self.after = connection.recv(65536)


@contextmanager
def recording() -> Iterator[tuple[Recorder, int]]:
    recorder = Recorder()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=recorder.serve, args=(listener,), daemon=True)
        thread.start()
        yield recorder, listener.getsockname()[1]
        thread.join(20)


@pytest.mark.parametrize("end", LINE_ENDINGS, ids=ascii)
def test_the_wire_carries_one_message_with_one_end(end: bytes) -> None:
    message = b"Subject: hello\r\n\r\nhello" + end + EVIL + end + b"bye\r\n"
    with recording() as (recorder, port):
        line = SmtpServer("127.0.0.1", port, starttls=False).open()
        assert isinstance(line, SmtpLine)
        outgoing = Outgoing("news@shop.test", "ann@example.org", (message,), key="1.a")
        answer = line.offer(outgoing) or line.commit()
        assert answer.outcome is Outcome.ACCEPTED
        line.close()
    body = recorder.body
    assert body.count(b"\r\n.\r\n") == 1
    bare = body.replace(b"\r\n", b"")
    assert b"\r" not in bare
    assert b"\n" not in bare
    lines = body.removesuffix(b".\r\n").split(b"\r\n")
    assert all(each.startswith(b"..") for each in lines if each.startswith(b"."))
    assert recorder.after in (b"", b"QUIT\r\n")


@pytest.mark.parametrize("address", [
    "ann@example.org>\r\nRCPT TO:<victim@example.org", "ann@example.org\nDATA", "<ann@example.org> ORCPT=x",
    "ann@example.org\x00", "ann@exa\rmple.org",
])  # fmt: skip
def test_an_address_carries_no_command(address: str) -> None:
    with recording() as (recorder, port):
        line = SmtpServer("127.0.0.1", port, starttls=False).open()
        assert isinstance(line, SmtpLine)
        refused = line.offer(Outgoing("news@shop.test", address, (b"Subject: x\r\n\r\nx\r\n",), key="1.a"))
        assert refused is not None
        assert refused.text == "the address holds characters that SMTP cannot carry"
        line.withdraw()
    assert recorder.body == b""
