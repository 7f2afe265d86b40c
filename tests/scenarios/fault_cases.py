"""What each fault of a mail server leads to: one table, which the tests walk and docs/reference/outbox.md shows."""

from dataclasses import dataclass

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
)

ONE = "person1@example.org"
SILENCE = "the server did not answer for 2 seconds"
NOT_SMTP = "the server's answer is not SMTP"
CLOSED = "the server closed the connection"
GOES_ON, ENDS, PAUSED = "goes on", "ends, to be run again", "is paused"


@dataclass(frozen=True)
class Case:
    """One fault. `message` is the path of the message that it hits, by states; the others of a run that goes on go.

    `answer` is what the tries of that message left behind: code and text of the first one; or, where the `run` does not
    go on, what is said of the server. `reason` is that of a message that failed. `is_taken` says whether the server has
    the message after the first round. `or_else` is the other path where luck decides which side was faster.
    """

    name: str
    fault: Fault
    message: str
    answer: str = ""
    reason: str | None = None
    run: str = GOES_ON
    is_taken: bool = False
    or_else: str = ""
    is_brief: bool = False
    """The client waits 2 seconds where it usually waits minutes."""
    tls: str = ""
    """Which certificate the server shows to a client that wants encryption: good, expired, wrong host, self-signed."""
    has_login: bool = False


AGAIN = "queued → accepted"
STAYS = "queued"


def once(stage: str, **how: object) -> Fault:
    """A fault that hits the first message, once."""
    after_mail = stage not in {GREETING, EHLO, STARTTLS, AUTH, MAIL}
    return Fault(stage, times=1, recipient=ONE if after_mail else None, **how)  # type: ignore[arg-type] # fields of Fault


BEFORE_MESSAGES = (
    Case("hangs up instead of greeting", Fault(GREETING, drops=True), STAYS, f"greeting: {CLOSED}", run=ENDS),
    Case("never greets", Fault(GREETING, silent=True), STAYS, f"greeting: {SILENCE}", run=ENDS, is_brief=True),
    Case(
        "greets with 421", Fault(GREETING, says="421 too busy", drops=True), STAYS, "greeting: 421 too busy", run=ENDS
    ),
    Case("greets with 554", Fault(GREETING, says="554 not you"), STAYS, "greeting: 554 not you", run=PAUSED),
    Case("is no mail server", Fault(GREETING, says="SSH-2.0-OpenSSH_9"), STAYS, f"greeting: {NOT_SMTP}", run=ENDS),
    Case(
        "greets with a line without end",
        Fault(GREETING, says="220 " + "x" * 100_000),
        STAYS,
        f"greeting: {NOT_SMTP}",
        run=ENDS,
    ),
    Case("hangs up at EHLO", Fault(EHLO, drops=True), STAYS, f"ehlo: {CLOSED}", run=ENDS),
    Case("hangs up at EHLO, once", once(EHLO, drops=True), "accepted", "250 2.0.0 ok: taken as", is_taken=True),
    Case(
        "answers EHLO with lines without end",
        Fault(EHLO, says="250-again", endless=True),
        STAYS,
        f"ehlo: {NOT_SMTP}",
        run=ENDS,
    ),
    Case("answers EHLO with 550", Fault(EHLO, says="550 not you"), STAYS, "ehlo: 550 not you", run=PAUSED),
    Case(
        "offers no STARTTLS",
        Fault(STARTTLS),
        STAYS,
        "starttls: the server offers no encryption",
        run=PAUSED,
        tls="none",
    ),
    Case(
        "refuses STARTTLS for now",
        Fault(STARTTLS, says="454 later"),
        STAYS,
        "starttls: 454 later",
        run=ENDS,
        tls="good",
    ),
    Case(
        "shows a certificate that has expired",
        Fault(STARTTLS, times=0),
        STAYS,
        "starttls: its certificate is not valid for localhost (certificate has expired)",
        run=PAUSED,
        tls="expired",
    ),
    Case(
        "shows a certificate of another host",
        Fault(STARTTLS, times=0),
        STAYS,
        "starttls: its certificate is not valid for localhost (Hostname mismatch, certificate is not valid for "
        "'localhost'.)",
        run=PAUSED,
        tls="wrong host",
    ),
    Case(
        "shows a certificate that nobody vouches for",
        Fault(STARTTLS, times=0),
        STAYS,
        "starttls: its certificate is not valid for localhost (self-signed certificate)",
        run=PAUSED,
        tls="self-signed",
    ),
    Case(
        "slips words in before encryption",
        Fault(STARTTLS, says="220 go on\r\n250 injected"),
        STAYS,
        "starttls: the server spoke before encryption began",
        run=PAUSED,
        tls="good",
    ),
    Case(
        "answers AUTH with 535",
        Fault(AUTH, says="535 5.7.8 wrong password"),
        STAYS,
        "auth: 535 5.7.8 wrong password",
        run=PAUSED,
        has_login=True,
    ),
    Case(
        "answers AUTH with 454",
        Fault(AUTH, says="454 4.7.0 not now"),
        STAYS,
        "auth: 454 4.7.0 not now",
        run=ENDS,
        has_login=True,
    ),
)
BEFORE_THE_DOT = (
    Case("hangs up at MAIL, once", once(MAIL, drops=True), "accepted", "250 2.0.0 ok: taken as", is_taken=True),
    Case(
        "answers MAIL with 421 in the middle of a batch",
        Fault(MAIL, says="421 enough", drops=True, times=1, spares=2),
        "accepted",
        "250 2.0.0 ok: taken as",
        is_taken=True,
    ),
    Case("answers MAIL with 451", once(MAIL, says="451 4.3.0 later"), AGAIN, "451 4.3.0 later"),
    Case("answers MAIL with 550", Fault(MAIL, says="550 5.7.1 not you"), STAYS, "mail: 550 5.7.1 not you", run=PAUSED),
    Case("hangs up at RCPT", once(RCPT, drops=True), AGAIN, CLOSED),
    Case("falls silent at RCPT", once(RCPT, silent=True), AGAIN, SILENCE, is_brief=True),
    Case("answers RCPT with nonsense", once(RCPT, says="garbage"), AGAIN, NOT_SMTP),
    Case("answers RCPT slowly", once(RCPT, slow=0.2), "accepted", "250 2.0.0 ok: taken as", is_taken=True),
    Case("answers RCPT with 421", once(RCPT, says="421 going down", drops=True), AGAIN, "421 going down"),
    Case(
        "answers RCPT with 450, then takes it", once(RCPT, says="450 4.2.0 greylisted"), AGAIN, "450 4.2.0 greylisted"
    ),
    Case("answers RCPT with 552", once(RCPT, says="552 too many"), AGAIN, "552 too many"),
    Case(
        "answers RCPT with 550",
        once(RCPT, says="550 5.1.1 no such user"),
        "failed",
        "550 5.1.1 no such user",
        "refused at rcpt with 550",
    ),
    Case(
        "answers RCPT with 530",
        once(RCPT, says="530 5.7.0 sign in first"),
        STAYS,
        "rcpt: 530 5.7.0 sign in first",
        run=PAUSED,
    ),
    Case(
        "answers RCPT with relaying denied",
        once(RCPT, says="554 5.7.1 Relay access denied"),
        STAYS,
        "rcpt: 554 5.7.1 Relay access denied",
        run=PAUSED,
    ),
    Case("hangs up at DATA", once(DATA, drops=True), AGAIN, CLOSED),
    Case("answers DATA with 451", once(DATA, says="451 no room"), AGAIN, "451 no room"),
    Case("answers DATA with 554", once(DATA, says="554 no"), "failed", "554 no", "refused at data with 554"),
    Case(
        "says one reply too many, so that all later ones are out of step",
        once(RCPT, says="250 ok\r\n250 ok"),
        AGAIN,
        "250 ok",
    ),
    Case(
        "leaves out a reply, so that all later ones are out of step",
        once(RCPT, mute=True),
        AGAIN,
        SILENCE,
        is_brief=True,
    ),
    Case("hangs up in the body", once(BODY, drops=True), AGAIN, CLOSED, or_else="uncertain"),
    Case("resets the connection in the body", once(BODY, resets=True), AGAIN, or_else="uncertain"),
    Case(
        "answers in the body with 421 and hangs up",
        once(BODY, says="421 going down", drops=True),
        AGAIN,
        "421 going down",
        or_else="uncertain",
    ),
    Case(
        "answers in the body with 552 and hangs up",
        once(BODY, says="552 5.3.4 too big", drops=True),
        "failed",
        "552 5.3.4 too big",
        "refused at body with 552",
        or_else="uncertain",
    ),
)
AFTER_THE_DOT = (
    Case("hangs up after the dot, without the message", once(DOT, drops=True), "uncertain", CLOSED),
    Case(
        "hangs up after the dot, with the message",
        once(DOT, drops=True, takes=True),
        "uncertain",
        CLOSED,
        is_taken=True,
    ),
    Case(
        "resets the connection after the dot, with the message",
        once(DOT, resets=True, takes=True),
        "uncertain",
        "the connection broke (connection reset by peer)",
        is_taken=True,
    ),
    Case(
        "falls silent after the dot",
        once(DOT, silent=True, takes=True),
        "uncertain",
        SILENCE,
        is_taken=True,
        is_brief=True,
    ),
    Case("answers the dot slowly", once(DOT, slow=0.2), "accepted", "250 2.0.0 ok: taken as", is_taken=True),
    Case("answers the dot with nonsense", once(DOT, says="what?", takes=True), "uncertain", NOT_SMTP, is_taken=True),
    Case("answers the dot with 354", once(DOT, says="354 go on", takes=True), "uncertain", "354 go on", is_taken=True),
    Case(
        "answers the dot with lines without end",
        once(DOT, says="250-ok", endless=True, takes=True),
        "uncertain",
        NOT_SMTP,
        is_taken=True,
    ),
    Case("answers the dot with 451", once(DOT, says="451 4.3.0 queue full"), AGAIN, "451 4.3.0 queue full"),
    Case(
        "answers the dot with 421 and hangs up", once(DOT, says="421 going down", drops=True), AGAIN, "421 going down"
    ),
    Case("answers the dot with 552", once(DOT, says="552 too big"), "failed", "552 too big", "refused at dot with 552"),
    Case(
        "answers the dot with 554",
        once(DOT, says="554 5.7.1 spam"),
        "failed",
        "554 5.7.1 spam",
        "refused at dot with 554",
    ),
    Case("hangs up after its answer", once(ANSWERED, drops=True), "accepted", "250 2.0.0 ok: taken as", is_taken=True),
)
CASES = BEFORE_MESSAGES + BEFORE_THE_DOT + AFTER_THE_DOT


def row_of(case: Case) -> str:
    """The case as a row of the table in docs/reference/outbox.md."""
    becomes = {
        "accepted": "sent" if case.fault.slow or case.fault.stage == ANSWERED else "sent, over another connection",
        AGAIN: "sent a minute later",
        STAYS: "queued still",
        "failed": "failed",
        "uncertain": "unsure",
    }[case.message]
    luck = ", or unsure where the dot was faster" if case.or_else else ""
    return f"| {case.name} | {becomes}{luck} | {case.run} |"
