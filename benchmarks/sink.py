"""A mail server that takes everything and keeps nothing, as cheaply as Python can.

python benchmarks/sink.py [PORT] prints its port, and at the end how many messages it took.
"""

import asyncio
import signal
import sys

GREETING = b"220 sink ESMTP\r\n"
FEATURES = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 50000000\r\n"
END = b"\r\n.\r\n"
ANSWERS = {
    b"MAIL": b"250 2.1.0 Ok\r\n",
    b"RCPT": b"250 2.1.5 Ok\r\n",
    b"RSET": b"250 2.0.0 Ok\r\n",
    b"DATA": b"354 End data with <CR><LF>.<CR><LF>\r\n",
    b"QUIT": b"221 2.0.0 Bye\r\n",
}


class Sink(asyncio.Protocol):
    """One connection."""

    taken = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what a TCP server is given
        self.transport = transport
        self.buffer = b""
        self.is_in_body = False
        transport.write(GREETING)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while self.step():
            pass

    def step(self) -> bool:
        """One command or one body; False when more must come first."""
        if self.is_in_body:
            if not self.buffer.endswith(END):  # nobody pipelines past the end of a message
                self.buffer = self.buffer[-len(END) :]
                return False
            self.buffer, self.is_in_body = b"", False
            Sink.taken += 1
            self.transport.write(b"250 2.0.0 Ok: queued as SINK\r\n")
            return False
        line, newline, rest = self.buffer.partition(b"\r\n")
        if not newline:
            return False
        self.buffer = rest
        verb = line[:4].upper()
        self.transport.write(FEATURES if verb == b"EHLO" else ANSWERS.get(verb, b"502 5.5.2 What?\r\n"))
        if verb == b"DATA":
            self.is_in_body, self.buffer = True, b"\r\n" + rest
        elif verb == b"QUIT":
            self.transport.close()
        return True


async def main(port: int) -> None:
    """Serves until SIGTERM."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", port, backlog=128)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    await ended.wait()
    server.close()
    print(Sink.taken, flush=True)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
