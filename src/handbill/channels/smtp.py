"""E-mail by SMTP, with the point of no return in our own hands: the body first, the final dot when told to.

Libraries send body and dot in one go and raise the same error for a connection that broke before the dot (nothing was
sent) and after it (nobody knows). Here every answer names its stage.
"""

import base64
import ipaddress
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from handbill.channels.contract import Answer, Outcome, Scope
from handbill.channels.smtp_dialogue import Dialogue, LineLost, Reply, Timeouts
from handbill.channels.smtp_line import SmtpLine


@dataclass(frozen=True)
class SmtpServer:
    """A mail server that takes our messages. `tls` replaces the system's certificates."""

    host: str
    port: int = 587
    starttls: bool = True
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    connections: int = 4
    timeouts: Timeouts = field(default_factory=Timeouts)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    def open(self) -> SmtpLine | Answer:
        """A connection that is greeted, encrypted and signed in; or why there is none."""
        try:
            connection = socket.create_connection((self.host, self.port), timeout=self.timeouts.connect)
        except OSError as error:
            reason = "connection timed out" if isinstance(error, TimeoutError) else (error.strerror or str(error))
            return Answer(Outcome.RETRY, "connect", text=reason.lower(), scope=Scope.PROVIDER)
        return _Introduction(self, Dialogue(connection)).make()


def is_loopback(host: str) -> bool:
    """Whether the name means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Introduction:
    """What is said before the first message: greeting, EHLO, STARTTLS, EHLO again, AUTH."""

    def __init__(self, server: SmtpServer, dialogue: Dialogue) -> None:
        self._server = server
        self._dialogue = dialogue
        self._features: dict[str, str] = {}
        self._stage = "greeting"

    def make(self) -> SmtpLine | Answer:
        """A line that is ready for messages, or the answer that stands in its way."""
        steps: list[Callable[[], Answer | None]] = [self._greet, self._hello]
        if self._server.starttls:
            steps += [self._encrypt, self._hello]
        if self._server.user is not None:
            steps += [self._sign_in]
        try:
            refusal = next((answer for step in steps if (answer := step())), None)
        except LineLost as lost:
            refusal = Answer(Outcome.RETRY, self._stage, text=str(lost), scope=Scope.PROVIDER)
        if refusal:
            self._dialogue.close()
            return refusal
        return SmtpLine(self._dialogue, self._features, self._server.timeouts)

    def _greet(self) -> Answer | None:
        return self._unless_positive(self._dialogue.read(self._server.timeouts.command))

    def _hello(self) -> Answer | None:
        reply = self._say("ehlo", f"EHLO {_own_name(self._dialogue)}")
        # The first line names the server; each other one is a feature and what it takes.
        self._features = {name.upper(): rest for name, _, rest in (line.partition(" ") for line in reply.lines[1:])}
        return self._unless_positive(reply)

    def _encrypt(self) -> Answer | None:
        if "STARTTLS" not in self._features:
            return self._refused("starttls", "the server offers no encryption")
        if refusal := self._unless_positive(self._say("starttls", "STARTTLS")):
            return refusal
        context = self._server.tls or ssl.create_default_context()
        try:
            self._dialogue.encrypt(context, self._server.host, self._server.timeouts.command)
        except LineLost as lost:
            return self._refused("starttls", str(lost))
        return None

    def _sign_in(self) -> Answer | None:
        offered = self._features.get("AUTH", "").upper().split()
        user, password = (self._server.user or "").encode(), (self._server.password or "").encode()
        if not self._server.starttls and not is_loopback(self._server.host):
            return self._refused("auth", "a password is only sent under encryption")
        if "PLAIN" in offered:
            token = _base64(b"\0".join((b"", user, password)))
            return self._unless_positive(self._say("auth", f"AUTH PLAIN {token}"))
        if "LOGIN" not in offered:
            return self._refused("auth", "the server offers neither PLAIN nor LOGIN to sign in with")
        reply = self._say("auth", "AUTH LOGIN")
        for secret in (user, password):
            if reply.code == 334:
                reply = self._say("auth", _base64(secret))
        return self._unless_positive(reply)

    def _say(self, stage: str, command: str) -> Reply:
        self._stage = stage
        self._dialogue.write(command.encode() + b"\r\n", self._server.timeouts.command)
        return self._dialogue.read(self._server.timeouts.command)

    def _unless_positive(self, reply: Reply) -> Answer | None:
        if 200 <= reply.code < 300:
            return None
        outcome = Outcome.SENDER_REFUSED if reply.code >= 500 else Outcome.RETRY
        return Answer(outcome, self._stage, reply.code, reply.text, scope=Scope.PROVIDER)

    def _refused(self, stage: str, why: str) -> Answer:
        return Answer(Outcome.SENDER_REFUSED, stage, text=why, scope=Scope.PROVIDER)


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _own_name(dialogue: Dialogue) -> str:
    name = socket.gethostname()
    if "." in name and name.isascii():
        return name
    address = dialogue.local_address
    return f"[IPv6:{address}]" if ":" in address else f"[{address}]"
