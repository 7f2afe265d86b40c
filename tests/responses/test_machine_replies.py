"""What machines write without a report is told apart: somebody is away, or mail came back after all."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, select

from handbill.channels.contract import BounceKind, EventKind
from handbill.delivery.links import bounce_address
from handbill.responses.machine_replies import is_away_notice, read_words
from handbill.responses.mailbox import MailRead, judge_mail, take_in_mails
from handbill.responses.received import parse_mail
from handbill.store.connection import reading, writing
from handbill.store.tables import event, suppression
from tests.conftest import NOW
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.responses.mails import DOMAIN, SECRET, away

QMAIL = """From: MAILER-DAEMON@mx.example.com
To: {to}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.com.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<ann@example.com>:
{said}

--- Below this line is a copy of the message.

Subject: Spring is here
"""
EXIM = """From: Mail Delivery System <Mailer-Daemon@mx.example.com>
To: {to}
Subject: Mail delivery failed: returning message to sender
X-Failed-Recipients: ann@example.com
Auto-Submitted: auto-replied

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  ann@example.com
    {said}
"""
SIMPLE = """From: postmaster@mx.example.com
To: {to}
Subject: Returned mail: see transcript for details

   ----- The following addresses had permanent fatal errors -----
<ann@example.com>
    (reason: {said})

   ----- Transcript of session follows -----
"""


def written(pattern: str, said: str, to: str = "x@example.com") -> bytes:
    return pattern.format(to=to, said=said).replace("\n", "\r\n").encode()


@pytest.mark.parametrize("pattern", [QMAIL, EXIM, SIMPLE], ids=["qmail", "exim", "sendmail"])
@pytest.mark.parametrize(
    ("said", "kind", "status"),
    [
        ("550 5.1.1 <ann@example.com>: no such user", BounceKind.HARD, "5.1.1"),
        ("550 Unknown user", BounceKind.HARD, "5.0.0"),
        ("552 5.2.2 mailbox full", BounceKind.SOFT, "5.2.2"),
        ("554 5.7.1 rejected as spam", BounceKind.BLOCKED, "5.7.1"),
    ],
)
def test_a_servers_own_words_are_understood(pattern: str, said: str, kind: BounceKind, status: str) -> None:
    notice = read_words(parse_mail(written(pattern, said)))
    assert notice is not None
    assert (notice.kind, notice.bounce, notice.status) == (EventKind.BOUNCED, kind, status)


def test_words_that_name_nobody_say_nothing() -> None:
    assert read_words(parse_mail(b"Subject: What a nice mail!\r\n\r\nI bought two.\r\n")) is None


def test_the_words_of_our_own_message_are_not_the_servers() -> None:
    ours = "\n--- Below this line is a copy of the message.\n\nMessage-ID: <a@b>\n\nYour quota of unknown user spam\n"
    notice = read_words(parse_mail(written(QMAIL.replace("Subject: Spring is here", "") + ours, "Sorry, no.")))
    assert notice is not None
    assert (notice.bounce, notice.status) == (BounceKind.UNKNOWN, "")


def test_a_warning_that_mail_waits_is_a_delay_and_no_bounce() -> None:
    mail = (
        b"From: postmaster@mx.example.com\r\nSubject: Delayed\r\n\r\n"
        b"Delivery to the following recipient has been delayed:\r\n\r\n     ann@example.com\r\n\r\n"
        b"Message will be retried for 2 more day(s)\r\n"
    )
    notice = read_words(parse_mail(mail))
    assert notice is not None
    assert (notice.kind, notice.bounce) == (EventKind.DEFERRED, None)


@pytest.fixture
def message(store: Engine) -> int:
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=1, buyers=0)])
    return 1


def taken(store: Engine, mail: bytes) -> MailRead:
    with writing(store) as connection:
        return take_in_mails(connection, {1: judge_mail(connection, mail, SECRET, NOW)}, now=NOW)[1]


def test_words_count_only_where_our_signed_address_shows_whose_they_are(store: Engine, message: int) -> None:
    said = "550 5.1.1 no such user"
    assert taken(store, written(QMAIL, said)) == MailRead(quarantined=1)
    assert taken(store, written(QMAIL, said, bounce_address(SECRET, DOMAIN, message))) == MailRead(bounces=1)
    with reading(store) as connection:
        row = connection.execute(select(event)).one()
        assert connection.scalars(select(suppression.c.reason)).all() == ["hard bounce"]
    assert row.properties["status"] == "5.1.1"
    assert taken(store, written(QMAIL, said, bounce_address(SECRET, DOMAIN, 999))) == MailRead(set_aside=1)


# ---------------------------------------------------------------- somebody is away


@pytest.mark.parametrize(
    "mail",
    [
        away(),
        away(Subject="Re: Spring", Auto_Submitted="auto-replied"),
        away(Subject="Re: Spring", Auto_Submitted="auto-generated (vacation)"),
        away(Subject="Re: Spring", Precedence="auto-reply"),
        away(Subject="Re: Spring", X_Autoreply="yes"),
        away(Subject="Out of the office until Monday"),
        away(Subject="Abwesenheitsnotiz: Urlaub"),
        away(Subject="=?utf-8?q?R=C3=A9ponse_automatique=3A_en_vacances?="),
        away(Subject="Respuesta automática"),
    ],
)
def test_an_automatic_reply_is_told_as_one(mail: bytes) -> None:
    assert is_away_notice(parse_mail(mail))


@pytest.mark.parametrize(
    "mail",
    [
        away(Subject="Re: Spring is here"),
        away(Subject="Re: Spring", Auto_Submitted="no"),
        away(Subject="My office is out of chairs"),
        written(EXIM, "550 no such user"),
    ],
)
def test_what_a_person_or_a_mail_server_wrote_is_none(mail: bytes) -> None:
    assert not is_away_notice(parse_mail(mail))


def test_an_automatic_reply_is_no_bounce_even_where_it_sounds_like_one(store: Engine, message: int) -> None:
    mail = away(to=bounce_address(SECRET, DOMAIN, message)) + written(QMAIL, "550 5.1.1 no such user")
    assert taken(store, mail) == MailRead(set_aside=1)
    with reading(store) as connection:
        assert connection.scalars(select(event.c.id)).all() == []
