"""A message goes over SMTP in two steps, and every fault is told by its stage."""

import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from handbill.channels.contract import Answer, Outcome, Outgoing, Scope
from handbill.channels.smtp import SmtpServer, is_loopback
from handbill.channels.smtp_dialogue import Timeouts
from handbill.channels.smtp_line import SmtpLine
from tests.scenarios.certificates import Certificate, certificate_for
from tests.scenarios.fault_server import (
    ANSWERED,
    AUTH,
    BODY,
    DATA,
    DOT,
    EHLO,
    GREETING,
    MAIL,
    RCPT,
    STARTTLS,
    Fault,
    FaultServer,
    serving,
)

MESSAGE = Outgoing("bounces@shop.test", "ann@example.org", (b"Subject: Hello\r\n\r\nHello Ann\r\n",), key="1.a")
BRIEF = Timeouts(connect=5, command=0.2, data=0.2, body=0.2, dot=0.2, quit=0.2)


def to_server(
    server: FaultServer, *, starttls: bool = False, user: str | None = None, password: str = ""
) -> SmtpServer:
    return SmtpServer("127.0.0.1", server.port, starttls=starttls, user=user, password=password, timeouts=BRIEF)


def line_to(server: FaultServer | SmtpServer) -> SmtpLine:
    line = (to_server(server) if isinstance(server, FaultServer) else server).open()
    assert isinstance(line, SmtpLine)
    OPENED.append(line)
    return line


OPENED: list[SmtpLine] = []


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    yield
    while OPENED:
        OPENED.pop().withdraw()


def send(line: SmtpLine, message: Outgoing = MESSAGE) -> Answer:
    return line.offer(message) or line.commit()


@pytest.fixture(params=[("PIPELINING", "8BITMIME"), ("8BITMIME",)], ids=["pipelined", "step by step"])
def features(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return tuple(request.param)


# ---------------------------------------------------------------- what goes well


def test_a_message_is_taken_only_after_the_dot(features: tuple[str, ...]) -> None:
    with serving(FaultServer(features=features)) as server:
        line = line_to(server)
        assert line.offer(MESSAGE) is None
        assert server.taken == []
        assert line.commit() == Answer(Outcome.ACCEPTED, "dot", 250, "2.0.0 ok: taken as 1")
        assert [(each.sender, each.recipient, each.message) for each in server.taken] == [
            ("bounces@shop.test", "ann@example.org", MESSAGE.message)
        ]
        line.close()


def test_many_messages_go_over_one_connection() -> None:
    with serving(FaultServer()) as server:
        line = line_to(server)
        assert [send(line).outcome for _ in range(5)] == [Outcome.ACCEPTED] * 5
        line.close()
        assert (server.connections, len(server.taken), line.is_open) == (1, 5, False)


def test_a_withdrawn_message_is_not_taken() -> None:
    with serving(FaultServer()) as server:
        line = line_to(server)
        assert line.offer(MESSAGE) is None
        line.withdraw()
        assert send(line_to(server)).outcome is Outcome.ACCEPTED
        assert len(server.taken) == 1


def test_a_line_that_begins_with_a_dot_arrives_as_it_was() -> None:
    body = b".\r\n..\r\nend.\r\n.x\r\n"
    with serving(FaultServer()) as server:
        send(line_to(server), Outgoing("a@shop.test", "b@example.org", (body,), key="1.a"))
        assert server.taken[0].message == body


@pytest.mark.parametrize("end", [b"\n.\n", b"\r.\r", b"\n.\r\n", b"\r\n.\r", b"\r\n.\n", b"\r\r\n.\r\r\n"])
def test_no_line_ending_smuggles_a_second_message(end: bytes) -> None:
    second = b"MAIL FROM:<eve@example.org>\r\nRCPT TO:<victim@example.org>\r\nDATA\r\n"
    with serving(FaultServer()) as server:
        message = Outgoing("a@shop.test", "b@example.org", (b"Subject: x\r\n\r\nhello" + end + second,), key="1.a")
        assert send(line_to(server), message).outcome is Outcome.ACCEPTED
        assert [each.recipient for each in server.taken] == ["b@example.org"]
        arrived = server.taken[0].message
        assert arrived.count(b"\n") == arrived.count(b"\r") == arrived.count(b"\r\n")


def test_a_server_that_writes_notifications_is_told_how_to_name_the_message() -> None:
    named = replace(MESSAGE, envelope_id="abc234")
    for features, mail, rcpt in (
        (("DSN",), " RET=HDRS ENVID=abc234", " NOTIFY=FAILURE,DELAY"),
        ((), "", ""),
    ):
        with serving(FaultServer(features=features)) as server:
            assert send(line_to(server), named).outcome is Outcome.ACCEPTED
            said = [command for command in server.commands if command.startswith(("MAIL", "RCPT"))]
            assert said == [f"MAIL FROM:<bounces@shop.test>{mail}", f"RCPT TO:<ann@example.org>{rcpt}"]


def test_what_the_server_offers_is_used() -> None:
    with serving(FaultServer()) as server:
        message = Outgoing("a@shop.test", "größe@example.org", ("Grüße\r\n".encode(),), key="1.a")
        assert send(line_to(server), message).outcome is Outcome.ACCEPTED
        assert server.taken[0].parameters == " SIZE=9 BODY=8BITMIME SMTPUTF8"


# ---------------------------------------------------------------- what cannot be carried


@pytest.mark.parametrize(
    ("recipient", "body", "features", "why"),
    [
        ("größe@example.org", b"x", (), "the server takes no addresses outside ASCII (SMTPUTF8)"),
        ("b@example.org", b"\xc3\xbc", (), "the server takes only seven-bit messages (8BITMIME)"),
        ("b@example.org", b"x" * 98, ("SIZE 99",), "the message has 100 bytes and the server takes 99"),
        ("b@example.org>\r\nRCPT TO:<c@d.org", b"x", (), "the address holds characters that SMTP cannot carry"),
        ("b c@example.org", b"x", (), "the address holds characters that SMTP cannot carry"),
        ("b\u2028c@example.org", b"x", (), "the address holds characters that SMTP cannot carry"),
    ],
)
def test_what_the_server_cannot_carry_fails_before_anything_is_said(
    recipient: str, body: bytes, features: tuple[str, ...], why: str
) -> None:
    with serving(FaultServer(features=features)) as server:
        line = line_to(server)
        answer = line.offer(Outgoing("a@shop.test", recipient, (body,), key="1.a"))
        assert answer == Answer(Outcome.FAILED, "mail", text=why)
        assert [command.split(" ")[0] for command in server.commands] == ["EHLO"]
        assert send(line).outcome is Outcome.ACCEPTED


# ---------------------------------------------------------------- what goes wrong while a message crosses

RETRY, FAILED, UNCERTAIN, REFUSED = Outcome.RETRY, Outcome.FAILED, Outcome.UNCERTAIN, Outcome.SENDER_REFUSED
CLOSED = "the server closed the connection"
SILENT = "the server did not answer for 0.2 seconds"
NOT_SMTP = "the server's answer is not SMTP"
MESSAGE_ONLY, LINE, PROVIDER = Scope.MESSAGE, Scope.LINE, Scope.PROVIDER


@pytest.mark.parametrize(
    ("fault", "expected", "stays_open"),
    [
        (Fault(MAIL, drops=True), Answer(RETRY, "mail", text=CLOSED, scope=LINE), False),
        (Fault(MAIL, silent=True), Answer(RETRY, "mail", text=SILENT, scope=LINE), False),
        (Fault(MAIL, says="421 4.3.2 shutting down", drops=True),
         Answer(RETRY, "mail", 421, "4.3.2 shutting down", scope=LINE), False),
        (Fault(MAIL, says="451 later"), Answer(RETRY, "mail", 451, "later"), True),
        (Fault(MAIL, says="550 5.7.1 sender unknown"),
         Answer(REFUSED, "mail", 550, "5.7.1 sender unknown", scope=PROVIDER), True),
        (Fault(RCPT, drops=True), Answer(RETRY, "rcpt", text=CLOSED), False),
        (Fault(RCPT, silent=True), Answer(RETRY, "rcpt", text=SILENT), False),
        (Fault(RCPT, says="450 4.2.0 greylisted"), Answer(RETRY, "rcpt", 450, "4.2.0 greylisted"), True),
        (Fault(RCPT, says="421 4.7.0 too fast", drops=True), Answer(RETRY, "rcpt", 421, "4.7.0 too fast"), False),
        (Fault(RCPT, says="552 mailbox full"), Answer(RETRY, "rcpt", 552, "mailbox full"), True),
        (Fault(RCPT, says="550-5.1.1 no such\r\n550 5.1.1 user"),
         Answer(FAILED, "rcpt", 550, "5.1.1 no such 5.1.1 user"), True),
        (Fault(RCPT, says="554 5.7.1 <ann@example.org>: Relay access denied"),
         Answer(REFUSED, "rcpt", 554, "5.7.1 <ann@example.org>: Relay access denied", scope=PROVIDER), True),
        (Fault(RCPT, says="530 5.7.0 sign in first"),
         Answer(REFUSED, "rcpt", 530, "5.7.0 sign in first", scope=PROVIDER), True),
        (Fault(DATA, drops=True), Answer(RETRY, "data", text=CLOSED), False),
        (Fault(DATA, says="451 no room"), Answer(RETRY, "data", 451, "no room"), True),
        (Fault(DATA, says="554 no"), Answer(FAILED, "data", 554, "no"), True),
        (Fault(DATA, says="250 what?"), Answer(RETRY, "data", 250, "what?"), False),
        (Fault(DATA, says="garbage"), Answer(RETRY, "data", text=NOT_SMTP), False),
        (Fault(BODY, says="552 5.3.4 too big", drops=True), Answer(FAILED, "body", 552, "5.3.4 too big"), False),
        (Fault(BODY, says="421 going down", drops=True), Answer(RETRY, "body", 421, "going down"), False),
        (Fault(BODY, says="250 yes yes", drops=True),
         Answer(RETRY, "body", 250, "the server answered before it had the whole message"), False),
        (Fault(DOT, says="451 4.3.0 queue full"), Answer(RETRY, "dot", 451, "4.3.0 queue full"), True),
        (Fault(DOT, says="421 going down", drops=True), Answer(RETRY, "dot", 421, "going down"), False),
        (Fault(DOT, says="554 5.7.1 spam"), Answer(FAILED, "dot", 554, "5.7.1 spam"), True),
        (Fault(DOT, says="552 too big"), Answer(FAILED, "dot", 552, "too big"), True),
        (Fault(DOT, drops=True), Answer(UNCERTAIN, "dot", text=CLOSED), False),
        (Fault(DOT, drops=True, takes=True), Answer(UNCERTAIN, "dot", text=CLOSED), False),
        (Fault(DOT, silent=True, takes=True), Answer(UNCERTAIN, "dot", text=SILENT), False),
        (Fault(DOT, says="?", takes=True), Answer(UNCERTAIN, "dot", text=NOT_SMTP), False),
        (Fault(DOT, says="250-ok\r\n251 ok", takes=True), Answer(UNCERTAIN, "dot", text=NOT_SMTP), False),
        (Fault(DOT, says="354 go on", takes=True), Answer(UNCERTAIN, "dot", 354, "go on"), False),
    ],
    ids=lambda value: f"{value.stage}: {value.says or ('silent' if value.silent else 'drops')}"
    if isinstance(value, Fault) else "",
)  # fmt: skip
def test_a_fault_is_told_by_its_stage(
    fault: Fault, expected: Answer, stays_open: bool, features: tuple[str, ...]
) -> None:
    with serving(FaultServer([fault], features=features)) as server:
        line = line_to(server)
        answer = line.offer(MESSAGE)
        if answer is None:
            wait_until_spoken(line, fault)
            answer = line.commit()
        assert answer == expected
        assert line.is_open is stays_open
        assert len(server.taken) == fault.takes


def wait_until_spoken(line: SmtpLine, fault: Fault) -> None:
    """Lets a fault in the body happen before the dot is sent."""
    if fault.stage == BODY:
        line._dialogue._socket.settimeout(5)  # noqa: SLF001 - waits for the other side without sleeping
        line._dialogue._socket.recv(1, socket.MSG_PEEK)  # noqa: SLF001 - the same


def test_a_connection_that_breaks_in_the_body_sent_nothing() -> None:
    """The server reads one line and hangs up; nothing of it is in doubt."""
    with serving(FaultServer([Fault(BODY, drops=True, times=1)])) as server:
        line = line_to(server)
        answer = line.offer(Outgoing("a@shop.test", "b@example.org", (b"x" * 990 + b"\r\n",), key="1.a"))
        if answer is None:
            wait_until_spoken(line, Fault(BODY))
            answer = line.commit()
        assert (answer.outcome, answer.stage) == (Outcome.RETRY, "body")
        assert server.taken == []


def test_a_server_that_stops_taking_the_body_was_sent_nothing() -> None:
    """As when its machine vanishes: nothing comes back, not even that the connection is over."""
    large = replace(MESSAGE, pieces=(*MESSAGE.pieces, b"a line of a message without end\r\n" * 1_000_000))
    with serving(FaultServer([Fault(BODY, silent=True)], features=["8BITMIME"])) as server:
        answer = line_to(server).offer(large)
        assert answer == Answer(RETRY, "body", text=SILENT)
        assert server.taken == []


def test_after_a_refused_recipient_the_next_message_goes_over_the_same_connection(features: tuple[str, ...]) -> None:
    with serving(FaultServer([Fault(RCPT, says="550 no", times=1)], features=features)) as server:
        line = line_to(server)
        assert [send(line).outcome for _ in range(3)] == [Outcome.FAILED, Outcome.ACCEPTED, Outcome.ACCEPTED]
        assert server.connections == 1


def test_a_connection_that_ends_after_the_answer_does_not_undo_it() -> None:
    with serving(FaultServer([Fault(ANSWERED, drops=True)])) as server:
        line = line_to(server)
        assert send(line).outcome is Outcome.ACCEPTED
        answer = send(line)
        assert (answer.outcome, answer.scope) == (Outcome.RETRY, Scope.LINE)
        assert len(server.taken) == 1


# ---------------------------------------------------------------- how a connection begins


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Fault(GREETING, drops=True), Answer(RETRY, "greeting", text=CLOSED, scope=PROVIDER)),
        (Fault(GREETING, says="421 too busy", drops=True), Answer(RETRY, "greeting", 421, "too busy", scope=PROVIDER)),
        (Fault(GREETING, says="554 go away"), Answer(REFUSED, "greeting", 554, "go away", scope=PROVIDER)),
        (Fault(GREETING, says="SSH-2.0-OpenSSH"), Answer(RETRY, "greeting", text=NOT_SMTP, scope=PROVIDER)),
        (Fault(GREETING, says="x" * 9000), Answer(RETRY, "greeting", text=NOT_SMTP, scope=PROVIDER)),
        (Fault(EHLO, drops=True), Answer(RETRY, "ehlo", text=CLOSED, scope=PROVIDER)),
        (Fault(EHLO, silent=True), Answer(RETRY, "ehlo", text=SILENT, scope=PROVIDER)),
        (Fault(EHLO, says="550 not you"), Answer(REFUSED, "ehlo", 550, "not you", scope=PROVIDER)),
        (Fault(AUTH, says="454 4.7.0 not now"), Answer(RETRY, "auth", 454, "4.7.0 not now", scope=PROVIDER)),
    ],
    ids=lambda value: f"{value.stage}: {value.says[:20] or 'drops'}" if isinstance(value, Fault) else "",
)
def test_a_fault_before_the_first_message_concerns_the_server(fault: Fault, expected: Answer) -> None:
    with serving(FaultServer([fault], login=("shop", "right"))) as server:
        assert to_server(server, user="shop", password="right").open() == expected


def test_a_server_that_is_not_there_is_told_as_such() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    answer = SmtpServer("127.0.0.1", port, starttls=False).open()
    assert answer == Answer(Outcome.RETRY, "connect", text="connection refused", scope=Scope.PROVIDER)


@pytest.mark.parametrize("method", ["AUTH PLAIN LOGIN", "AUTH LOGIN"])
def test_user_and_password_are_told_to_the_server(method: str) -> None:
    with serving(FaultServer(features=[method], login=("shop", "right"))) as server:
        assert send(line_to(to_server(server, user="shop", password="right"))).outcome is Outcome.ACCEPTED


def test_a_wrong_password_is_the_senders_fault() -> None:
    with serving(FaultServer(login=("shop", "right"))) as server:
        assert to_server(server, user="shop", password="wrong").open() == Answer(
            REFUSED, "auth", 535, "5.7.8 wrong user or password", scope=PROVIDER
        )


def test_a_server_without_a_known_way_to_sign_in_is_refused() -> None:
    with serving(FaultServer(features=["AUTH GSSAPI"])) as server:
        assert to_server(server, user="shop", password="right").open() == Answer(
            REFUSED, "auth", text="the server offers neither PLAIN nor LOGIN to sign in with", scope=PROVIDER
        )


def test_a_password_does_not_stand_in_the_repr() -> None:
    assert "s3cret" not in repr(SmtpServer("mail.test", user="shop", password="s3cret"))


# ---------------------------------------------------------------- encryption


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return certificate_for("localhost", tmp_path_factory.mktemp("tls") / "localhost.pem")


@pytest.fixture
def tls_server(certificate: Certificate) -> Iterator[FaultServer]:
    with serving(FaultServer(tls=certificate.serving, login=("shop", "right"))) as server:
        yield server


def test_messages_go_encrypted_to_a_server_whose_certificate_is_trusted(
    tls_server: FaultServer, certificate: Certificate
) -> None:
    server = SmtpServer(
        "localhost", tls_server.port, tls=certificate.trusting, user="shop", password="right", timeouts=BRIEF
    )
    line = line_to(server)
    assert [send(line).outcome for _ in range(2)] == [Outcome.ACCEPTED] * 2
    assert tls_server.commands[:3] == ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]"]
    line.close()


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server: FaultServer) -> None:
    assert SmtpServer("localhost", tls_server.port, timeouts=BRIEF).open() == Answer(
        REFUSED, "starttls", text="its certificate is not valid for localhost (self-signed certificate)", scope=PROVIDER
    )


def test_a_certificate_for_another_name_is_refused(tls_server: FaultServer, certificate: Certificate) -> None:
    assert SmtpServer("127.0.0.1", tls_server.port, tls=certificate.trusting, timeouts=BRIEF).open() == Answer(
        REFUSED, "starttls", scope=PROVIDER,
        text="its certificate is not valid for 127.0.0.1 (IP address mismatch, certificate is not valid for "
             "'127.0.0.1'.)",
    )  # fmt: skip


def test_a_server_without_encryption_is_refused_unless_declared() -> None:
    with serving(FaultServer()) as server:
        assert to_server(server, starttls=True).open() == Answer(
            REFUSED, "starttls", text="the server offers no encryption", scope=PROVIDER
        )


def test_words_slipped_in_before_encryption_are_refused(certificate: Certificate) -> None:
    faults = [Fault(STARTTLS, says="220 go ahead\r\n250 injected")]
    with serving(FaultServer(faults, tls=certificate.serving)) as server:
        assert to_server(server, starttls=True).open() == Answer(
            REFUSED, "starttls", text="the server spoke before encryption began", scope=PROVIDER
        )


@pytest.mark.parametrize(
    ("host", "expected"),
    [("localhost", True), ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("mail.example.org", False),
     ("10.0.0.1", False), ("localhost.example.org", False)],
)  # fmt: skip
def test_only_this_machine_is_loopback(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
