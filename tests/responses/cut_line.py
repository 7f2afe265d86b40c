"""A line between a program and a server that breaks when certain bytes go over it, a given number of times."""

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


class CutLine:
    """Forwards to a port of this machine. `cuts` is how often it still breaks; `on_cut` is called each time.

    `sees` is told all that the program says.
    """

    def __init__(
        self, port: int, word: bytes, cuts: int, on_cut: Callable[[], None], sees: Callable[[bytes], None]
    ) -> None:
        self._target, self._word, self.cuts, self._on_cut, self._sees = port, word, cuts, on_cut, sees
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])

    def serve(self) -> None:
        """Takes one connection after another until it is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, socket.create_connection(("127.0.0.1", self._target)) as server:
                    self._forward(client, server)

    def close(self) -> None:
        """Ends it."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        while True:
            for ready in select.select([client, server], [], [])[0]:
                try:
                    sent = ready.recv(65_536)
                except OSError:
                    return
                if not sent:
                    return
                if ready is client:
                    self._sees(sent)
                if ready is client and self.cuts and self._word in sent:
                    self.cuts -= 1
                    self._on_cut()
                    return
                with suppress(OSError):
                    (server if ready is client else client).sendall(sent)


@contextmanager
def cut_line(
    port: int,
    word: bytes,
    *,
    cuts: int,
    on_cut: Callable[[], None] = lambda: None,
    sees: Callable[[bytes], None] = lambda _: None,
) -> Iterator[CutLine]:
    """A line to `port` that breaks before `word` goes over it."""
    line = CutLine(port, word, cuts, on_cut, sees)
    thread = threading.Thread(target=line.serve, daemon=True)
    thread.start()
    try:
        yield line
    finally:
        line.close()
        thread.join(10)
