"""A mail server for the demonstration: it speaks SMTP on the loopback interface and keeps count of what it accepted."""

import asyncio
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

UNKNOWN_DOMAIN = "gone.example"
"""Mailboxes here do not exist: the server refuses them at RCPT with 550, as a real one does."""
KEPT = 3
UNSUBSCRIBE = re.compile(rb"(?im)^List-Unsubscribe:\s*(<[^>\r\n]+>)")


@dataclass
class Mailbox:
    """What the server accepted: copies by recipient, and the first few messages as they arrived."""

    port: int = 0
    accepted: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    kept: list[bytes] = field(default_factory=list)
    unsubscribe_addresses: dict[str, str] = field(default_factory=dict)
    """The List-Unsubscribe header by recipient."""

    def store(self, recipients: list[str], message: bytes) -> None:
        """Counts one accepted message."""
        self.accepted.update(recipients)
        if len(self.kept) < KEPT:
            self.kept.append(message)
        found = UNSUBSCRIBE.search(message)
        for recipient in recipients:
            self.unsubscribe_addresses[recipient] = found[1].decode() if found else ""


@contextmanager
def running_mailbox(port: int = 0) -> Iterator[Mailbox]:
    """A server on 127.0.0.1 in a thread of its own, until the block ends. Port 0 takes a free one."""
    mailbox = Mailbox()
    loop = asyncio.new_event_loop()
    ready = threading.Event()

    async def serve() -> None:
        server = await asyncio.start_server(lambda r, w: _session(mailbox, r, w), "127.0.0.1", port, limit=2**24)
        mailbox.port = server.sockets[0].getsockname()[1]
        ready.set()
        async with server:
            await server.serve_forever()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(task)
        except asyncio.CancelledError:
            loop.run_until_complete(loop.shutdown_asyncgens())
        finally:
            loop.close()

    task = loop.create_task(serve())
    thread = threading.Thread(target=run, name="mailbox", daemon=True)
    thread.start()
    ready.wait()
    try:
        yield mailbox
    finally:
        loop.call_soon_threadsafe(task.cancel)
        thread.join()


async def _session(mailbox: Mailbox, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One client's conversation (RFC 5321), as far as a sender of newsletters goes."""
    writer.write(b"220 mailbox.example ready\r\n")
    recipients: list[str] = []
    try:
        while line := await reader.readline():
            command = line.strip().upper()
            if command.startswith(b"DATA"):
                writer.write(b"354 end with <CRLF>.<CRLF>\r\n")
                mailbox.store(recipients, await _body(reader))
                recipients = []
                writer.write(b"250 2.0.0 kept\r\n")
            elif command.startswith(b"RCPT"):
                address = line.decode("utf-8", "replace").partition("<")[2].partition(">")[0]
                writer.write(_answer_to_recipient(mailbox, recipients, address))
            elif command.startswith(b"EHLO"):
                writer.write(b"250-mailbox.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
            elif command.startswith(b"QUIT"):
                writer.write(b"221 2.0.0 bye\r\n")
                break
            else:
                recipients = [] if command.startswith((b"RSET", b"MAIL")) else recipients
                writer.write(b"250 2.0.0 ok\r\n")
            await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # the client went away; what it had not finished was not accepted
    finally:
        writer.close()


def _answer_to_recipient(mailbox: Mailbox, recipients: list[str], address: str) -> bytes:
    if address.endswith("@" + UNKNOWN_DOMAIN):
        mailbox.refused += 1
        return b"550 5.1.1 no such mailbox\r\n"
    recipients.append(address)
    return b"250 2.1.5 ok\r\n"


async def _body(reader: asyncio.StreamReader) -> bytes:
    # In one piece: line by line, this server would take as much of the processor as the sender that it listens to.
    text = await reader.readuntil(b"\r\n.\r\n")
    return text.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")
