"""A mail server on this machine that breaks where it is told to, and counts what it took responsibility for."""

import base64
import math
import socket
import ssl
import struct
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

GREETING, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, BODY, DOT, ANSWERED = (
    "greeting", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "dot", "answered",
)  # fmt: skip
NEVER = (math.inf, math.inf)
FEATURES = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 1000000")


@dataclass
class Fault:
    """At `stage`: says `says` instead of what is right, hangs up if `drops`, or falls silent for ever.

    Happens `times` times (always, when None), after `spares` times in which nothing goes wrong, and only for messages
    to `recipient` when one is given. At `dot` the server has not taken the message; `answered` is after its answer.
    `takes` makes it take the message although it never answers; `resets` hangs up with a reset; `slow` lets it think
    for so many seconds and then say what is right; `mute` lets it go on without a word; `endless` repeats what it says.
    """

    stage: str
    says: str = ""
    drops: bool = False
    silent: bool = False
    takes: bool = False
    resets: bool = False
    slow: float = 0
    mute: bool = False
    endless: bool = False
    times: int | None = None
    spares: int = 0
    recipient: str | None = None

    def strikes(self, stage: str, recipient: str | None) -> bool:
        if stage != self.stage or (self.recipient is not None and recipient != self.recipient):
            return False
        if self.spares > 0:
            self.spares -= 1
            return False
        if self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


@dataclass(frozen=True)
class Taken:
    """A message that the server took responsibility for."""

    sender: str
    recipient: str
    message: bytes
    parameters: str
    connection: int


@dataclass
class FaultServer:
    """What the server does, and what it saw."""

    faults: Sequence[Fault] = ()
    features: Sequence[str] = FEATURES
    tls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    on_taken: Callable[[Taken], None] | None = None
    on_stage: Callable[[str], None] | None = None
    taken: list[Taken] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    open_connections: int = 0
    most_connections: int = 0
    port: int = 0
    steps: int = 0
    """Stages of the dialogue that were reached, over all connections."""
    standing: int = 0
    """Connections that wait because the server stands still."""
    still_at: tuple[float, float] = NEVER
    lock: threading.Condition = field(default_factory=threading.Condition)
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def counts(self) -> Counter[str]:
        """How often each recipient's message was taken."""
        with self.lock:
            return Counter(each.recipient for each in self.taken)

    def wait_for_step(self, number: int, timeout: float) -> bool:
        """Until so many stages in all were reached; False when that takes too long."""
        with self.lock:
            return self.lock.wait_for(lambda: self.steps >= number, timeout)

    def stand_still(self, *, steps: int = 0, messages: int = 0) -> None:
        """Lets everybody wait at the next stage that they reach, until `go_on`; first so many more may come."""
        with self.lock:
            self.still_at = self.steps + steps, len(self.taken) + messages
            self.lock.notify_all()

    def go_on(self) -> None:
        """Lets those who wait go on."""
        with self.lock:
            self.still_at = NEVER
            self.lock.notify_all()

    def wait_until_standing(self, connections: int, *, timeout: float = 120) -> None:
        """Until so many connections wait; then nothing happens on them before `go_on`."""
        with self.lock:
            assert self.lock.wait_for(lambda: self.standing >= connections, timeout), f"{self.standing} came so far"

    def wait_until_taken(self, messages: int, *, timeout: float = 120) -> None:
        """Until so many messages in all were taken."""
        with self.lock:
            assert self.lock.wait_for(lambda: len(self.taken) >= messages, timeout), f"{len(self.taken)} came so far"

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stands still until the end of the block."""
        self.stand_still()
        try:
            yield
        finally:
            self.go_on()

    def fault(self, stage: str, recipient: str | None) -> Fault | None:
        with self.lock:
            self._wait_while_still()
            self.steps += 1
            self.lock.notify_all()
        if self.on_stage:
            self.on_stage(stage)
        with self.lock:
            return next((fault for fault in self.faults if fault.strikes(stage, recipient)), None)

    def _wait_while_still(self) -> None:
        if self._may_go_on():
            return
        self.standing += 1
        self.lock.notify_all()
        self.lock.wait_for(self._may_go_on)
        self.standing -= 1

    def _may_go_on(self) -> bool:
        steps, messages = self.still_at
        return self.steps < steps or len(self.taken) < messages or self.closing.is_set()


@contextmanager
def serving(server: FaultServer) -> Iterator[FaultServer]:
    """The server on a free port of the loopback interface, until the end of the block."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    server.port = listener.getsockname()[1]
    open_sockets: set[socket.socket] = set()

    def accept() -> None:
        while not server.closing.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            open_sockets.add(connection)
            threading.Thread(target=_Session(server, connection, open_sockets).run, daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.go_on()
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in list(open_sockets):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()


class _HangUp(Exception):
    """The connection ends here."""


class _Session:
    def __init__(self, server: FaultServer, connection: socket.socket, open_sockets: set[socket.socket]) -> None:
        self.server = server
        self.socket = connection
        self.open_sockets = open_sockets
        self.reader = connection.makefile("rb")
        self.sender = self.parameters = ""
        self.recipient: str | None = None
        self.accepts = False
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        with self.server.lock:
            self.server.connections += 1
            self.number = self.server.connections
            self.server.open_connections += 1
            self.server.most_connections = max(self.server.most_connections, self.server.open_connections)
        try:
            self.reply(GREETING, "220 mail.test ESMTP")
            while self.serve_one():
                pass
        except (_HangUp, OSError, ValueError):
            pass
        finally:
            with self.server.lock:
                self.server.open_connections -= 1
                self.open_sockets.discard(self.socket)
            self.reader.close()
            self.socket.close()

    def serve_one(self) -> bool:
        line = self.reader.readline()
        if not line:
            return False
        command = line.decode().rstrip("\r\n")
        with self.server.lock:
            self.server.commands.append(command)
        verb = command.split(" ")[0].upper()
        if verb == "QUIT":
            self.say("221 bye")
            return False
        handler = getattr(self, f"on_{verb.lower()}", None)
        if handler is None:
            self.say("502 what?")
        else:
            handler(command)
        return True

    def on_ehlo(self, _command: str) -> None:
        features = [*self.server.features]
        if self.server.tls and not isinstance(self.socket, ssl.SSLSocket):
            features.append("STARTTLS")
        if self.server.login:
            features.append("AUTH PLAIN LOGIN")
        lines = ["mail.test", *features]
        self.reply(EHLO, "\r\n".join(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines))

    def on_starttls(self, _command: str) -> None:
        if not self.reply(STARTTLS, "220 go ahead"):
            return
        assert self.server.tls
        self.reader.close()
        self.socket = self.server.tls.wrap_socket(self.socket, server_side=True)
        self.open_sockets.add(self.socket)
        self.reader = self.socket.makefile("rb")

    def on_auth(self, command: str) -> None:
        method, *first = command.split(" ")[1:]
        if method == "LOGIN":
            self.say("334 VXNlcm5hbWU6")
            user = self.reader.readline().decode()
            self.say("334 UGFzc3dvcmQ6")
            words = [base64.b64decode(user).decode(), base64.b64decode(self.reader.readline()).decode()]
        else:
            words = base64.b64decode(first[0]).decode().split("\0")[1:]
        self.reply(AUTH, "235 welcome" if tuple(words) == self.server.login else "535 5.7.8 wrong user or password")

    def on_mail(self, command: str) -> None:
        path, _, self.parameters = command[len("MAIL FROM:<") :].partition(">")
        self.sender, self.recipient = path, None
        self.accepts = False
        self.mail_ok = self.reply(MAIL, "250 ok")

    def on_rcpt(self, command: str) -> None:
        self.recipient = command[len("RCPT TO:<") :].rpartition(">")[0]
        if not self.mail_ok:
            self.say("503 MAIL first")
            return
        self.accepts = self.reply(RCPT, "250 ok")

    def on_rset(self, _command: str) -> None:
        self.accepts = False
        self.say("250 ok")

    def on_data(self, _command: str) -> None:
        if self.reply(DATA, "354 go on" if self.accepts else "554 no valid recipients"):
            self.receive()

    def receive(self) -> None:
        lines: list[bytes] = []
        while (line := self.reader.readline()) != b".\r\n":
            if not line:
                raise _HangUp
            if not lines:
                self.strike(BODY)
            lines.append(line[1:] if line.startswith(b"..") else line)
        taken = Taken(self.sender, self.recipient or "", b"".join(lines), self.parameters, self.number)
        fault = self.server.fault(DOT, self.recipient)
        if fault is None or fault.takes or fault.slow:
            with self.server.lock:
                self.server.taken.append(taken)
                self.server.lock.notify_all()
            if self.server.on_taken:
                self.server.on_taken(taken)
        if fault:
            self.suffer(fault)
        if fault is None or fault.slow:
            self.say(f"250 2.0.0 ok: taken as {len(self.server.taken)}")
        self.strike(ANSWERED)

    def reply(self, stage: str, right: str) -> bool:
        """Says what is right unless a fault strikes; whether it was positive."""
        fault = self.server.fault(stage, self.recipient)
        if fault:
            self.suffer(fault)
        said = right if fault is None or fault.slow else fault.says or "250"
        if fault is None or fault.slow:
            self.say(right)
        return said[0] in "23"

    def strike(self, stage: str) -> None:
        if fault := self.server.fault(stage, self.recipient):
            self.suffer(fault)

    def suffer(self, fault: Fault) -> None:
        if fault.silent:
            self.server.closing.wait()
        self.server.closing.wait(fault.slow)
        while fault.says:
            self.say(fault.says)
            if not fault.endless:
                break
        if fault.resets:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if fault.drops or fault.silent or fault.resets:
            raise _HangUp

    def say(self, text: str) -> None:
        self.socket.sendall(text.encode() + b"\r\n")
