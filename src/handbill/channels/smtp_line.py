"""How one message after another crosses an open SMTP connection, up to the final dot and then over it."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from handbill.channels.contract import Answer, Outcome, Outgoing, Scope
from handbill.channels.smtp_dialogue import Dialogue, LineLost, Reply, Timeouts

_LINE_END = re.compile(rb"\r\n|\r|\n")
_NOT_IN_A_PATH = re.compile(r"[\x00-\x20\x7f-\xa0<>\u2028\u2029]")
_RELAY = re.compile(r"\brelay", re.IGNORECASE)
_ASKS_FOR_LOGIN = {530, 534, 535, 538}
_TOO_MUCH_NOW = 552  # at RCPT, RFC 5321 (4.5.3.1.10) wants it read as 452, too many recipients
_GOES_AWAY = 421
_GIVE_THE_BODY = 354
_BEFORE_THE_RECIPIENT = {"rset", "mail"}


class SmtpLine:
    """One connection to a mail server, greeted and signed in. `features` are what its EHLO offered."""

    def __init__(self, dialogue: Dialogue, features: Mapping[str, str], timeouts: Timeouts) -> None:
        self._dialogue = dialogue
        self._features = features
        self._timeouts = timeouts
        self._needs_reset = False
        self._stage = "mail"
        self.is_open = True

    def offer(self, message: Outgoing) -> Answer | None:
        """MAIL, RCPT, DATA and the body, without the dot."""
        body = _as_data(message.pieces)
        if refusal := self._cannot_carry(message, body):
            return refusal
        try:
            return self._ask_for_data(message, body) or self._write_body(body)
        except LineLost as lost:
            self.withdraw()
            return Answer(Outcome.RETRY, self._stage, text=str(lost), scope=self._scope_of_a_loss())

    def commit(self) -> Answer:
        """The dot, and the answer to it."""
        if self._dialogue.has_spoken():  # the server gave up before it had the dot, so nothing was sent
            return self._judge_early()
        self._stage = "dot"
        try:
            self._dialogue.write(b".\r\n", self._timeouts.body)
            reply = self._dialogue.read(self._timeouts.dot)
        except LineLost as lost:
            self.withdraw()
            return Answer(Outcome.UNCERTAIN, "dot", text=str(lost))
        if 300 <= reply.code < 400:  # an answer that no server should give here proves nothing
            self.withdraw()
            return Answer(Outcome.UNCERTAIN, "dot", reply.code, reply.text)
        return self._judge(reply)

    def withdraw(self) -> None:
        """Cuts the connection: without the dot, nothing was accepted."""
        self.is_open = False
        self._dialogue.close()

    def close(self) -> None:
        """QUIT."""
        if not self.is_open:
            return
        try:
            self._dialogue.write(b"QUIT\r\n", self._timeouts.quit)
            self._dialogue.read(self._timeouts.quit)
        except LineLost:
            pass  # it was over anyway
        finally:
            self.withdraw()

    def _cannot_carry(self, message: Outgoing, body: bytes) -> Answer | None:
        addresses = message.sender + message.recipient
        limit = self._features.get("SIZE", "")
        why = None
        if _NOT_IN_A_PATH.search(addresses):
            why = "the address holds characters that SMTP cannot carry"
        elif not addresses.isascii() and "SMTPUTF8" not in self._features:
            why = "the server takes no addresses outside ASCII (SMTPUTF8)"
        elif not body.isascii() and "8BITMIME" not in self._features:
            why = "the server takes only seven-bit messages (8BITMIME)"
        elif limit.isdigit() and 0 < int(limit) < len(body):
            why = f"the message has {len(body)} bytes and the server takes {limit}"
        return Answer(Outcome.FAILED, "mail", text=why) if why else None

    def _ask_for_data(self, message: Outgoing, body: bytes) -> Answer | None:
        """MAIL, RCPT and DATA; None when the server waits for the body."""
        mail = f"MAIL FROM:<{message.sender}>{self._parameters(message, body)}"
        notify = " NOTIFY=FAILURE,DELAY" if self._is_noted(message) else ""
        commands = [("mail", mail), ("rcpt", f"RCPT TO:<{message.recipient}>{notify}"), ("data", "DATA")]
        if self._needs_reset:
            commands.insert(0, ("rset", "RSET"))
        refusal: Answer | None = None
        for stage, reply in self._replies(commands):
            if stage == "data" and reply.code == _GIVE_THE_BODY:
                if refusal:
                    self.withdraw()  # it waits for a body although it refused somebody: never give it one
            elif refusal is None and (stage == "data" or not 200 <= reply.code < 300):
                refusal = self._judge(reply)
                if stage == "data" and reply.code < 400:
                    # Its replies are out of step, and the one that is missing may be the go-ahead for a body.
                    self.withdraw()
        self._needs_reset = refusal is not None
        return refusal

    def _replies(self, commands: list[tuple[str, str]]) -> Iterator[tuple[str, Reply]]:
        """The reply to each command; all are sent at once where the server can follow (PIPELINING, RFC 2920)."""
        at_once = "PIPELINING" in self._features
        self._stage = commands[0][0]
        if at_once:
            everything = "".join(f"{command}\r\n" for _, command in commands)
            self._dialogue.write(everything.encode(), self._timeouts.command)
        for stage, command in commands:
            self._stage = stage
            if not at_once:
                self._dialogue.write(f"{command}\r\n".encode(), self._timeouts.command)
            reply = self._dialogue.read(self._timeouts.data if stage == "data" else self._timeouts.command)
            yield stage, reply
            if not self.is_open or (not at_once and reply.code >= 400):
                return

    def _parameters(self, message: Outgoing, body: bytes) -> str:
        wanted = {
            f" SIZE={len(body)}": "SIZE" in self._features,
            " BODY=8BITMIME": not body.isascii(),
            " SMTPUTF8": not (message.sender + message.recipient).isascii(),
            f" RET=HDRS ENVID={message.envelope_id}": self._is_noted(message),
        }
        return "".join(parameter for parameter, is_wanted in wanted.items() if is_wanted)

    def _is_noted(self, message: Outgoing) -> bool:
        """Whether notifications may name the message by the id of its envelope (DSN, RFC 3461)."""
        return bool(message.envelope_id) and "DSN" in self._features

    def _write_body(self, body: bytes) -> Answer | None:
        self._stage = "body"
        try:
            self._dialogue.write(body, self._timeouts.body)
        except LineLost:
            # A server that has had enough says why before it hangs up: 552 is for good, 421 is not.
            return self._judge_early()
        return None

    def _judge_early(self) -> Answer:
        """What the server meant by speaking, or hanging up, before it had the dot."""
        try:
            answer = self._judge(self._dialogue.read(self._timeouts.quit))
        except LineLost as lost:
            answer = Answer(Outcome.RETRY, "body", text=str(lost))
        self.withdraw()
        if answer.outcome is Outcome.ACCEPTED:
            return Answer(Outcome.RETRY, "body", answer.code, "the server answered before it had the whole message")
        return answer

    def _judge(self, reply: Reply) -> Answer:
        """The outcome that a reply means at the present stage."""
        stage, code, text = self._stage, reply.code, reply.text
        if code == _GOES_AWAY:
            self.withdraw()
            return Answer(Outcome.RETRY, stage, code, text, scope=self._scope_of_a_loss())
        if 200 <= code < 300 and stage != "data":
            return Answer(Outcome.ACCEPTED, stage, code, text)
        if code < 500 or (code == _TOO_MUCH_NOW and stage == "rcpt"):
            return Answer(Outcome.RETRY, stage, code, text)
        # "Relaying denied" comes at RCPT but is about us: it would fail every recipient in turn.
        is_about_us = code in _ASKS_FOR_LOGIN or (stage == "rcpt" and _RELAY.search(text))
        if stage in _BEFORE_THE_RECIPIENT or is_about_us:
            return Answer(Outcome.SENDER_REFUSED, stage, code, text, scope=Scope.PROVIDER)
        return Answer(Outcome.FAILED, stage, code, text)

    def _scope_of_a_loss(self) -> Scope:
        return Scope.LINE if self._stage in _BEFORE_THE_RECIPIENT else Scope.MESSAGE


def _as_data(pieces: tuple[bytes, ...]) -> bytes:
    """The message as DATA carries it: every line ends in CRLF, and a dot that begins a line is doubled.

    A bare CR or LF ends a line for one server and not for the next, which would let a recipient's own text smuggle a
    second message through. So no piece is trusted: unless each is whole lines, they are read as one.
    """
    lines = [*filter(None, map(_lines, pieces))]
    if lines and len(lines) == len(pieces):
        return b"".join(lines)
    message = b"".join(pieces)
    if _has_bare_ends(message):
        message = _LINE_END.sub(b"\r\n", message)
    return _dotted(message if message.endswith(b"\r\n") else message + b"\r\n")


@lru_cache(maxsize=512)  # most pieces are the same in all messages of a campaign
def _lines(piece: bytes) -> bytes:
    """A piece as DATA carries it; nothing where it is not whole lines."""
    return _dotted(piece) if piece.endswith(b"\r\n") and not _has_bare_ends(piece) else b""


def _has_bare_ends(text: bytes) -> bool:
    ends = text.count(b"\r\n")
    return text.count(b"\n") != ends or text.count(b"\r") != ends


def _dotted(lines: bytes) -> bytes:
    stuffed = lines.replace(b"\r\n.", b"\r\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed
