"""A complaint stops all mail to whoever complained, when our own message proves who that is."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine, func, select, update

from handbill.delivery.links import Unsubscribe, bounce_address, envelope_id, unsubscribe_mailto
from handbill.responses.complaints import read_feedback
from handbill.responses.judging import NO_MESSAGE, judge
from handbill.responses.mailbox import MailRead, judge_mail, take_in_mails
from handbill.responses.received import parse_mail
from handbill.store.connection import reading, writing
from handbill.store.tables import event, outbox, suppression
from tests.conftest import NOW
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.responses.mails import DOMAIN, SECRET, complaint


@pytest.fixture
def message(store: Engine) -> tuple[int, int]:
    """Id and contact of an accepted message, whose Message-ID is known."""
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=2, buyers=0)])
        connection.execute(update(outbox).where(outbox.c.id == 1).values(message_id="0a1b@northwind.example"))
        row = connection.execute(select(outbox.c.id, outbox.c.contact_id).where(outbox.c.id == 1)).one()
        return row.id, row.contact_id


def taken(store: Engine, mail: bytes) -> MailRead:
    with writing(store) as connection:
        return take_in_mails(connection, {1: judge_mail(connection, mail, SECRET, NOW)}, now=NOW)[1]


def suppressed(store: Engine) -> list[tuple[str, str]]:
    with reading(store) as connection:
        return [tuple(row) for row in connection.execute(select(suppression.c.key_hash, suppression.c.reason))]


def by_token(ids: tuple[int, int]) -> str:
    link = unsubscribe_mailto(SECRET, DOMAIN, Unsubscribe(ids[1], ids[0], "offers"))
    return f"List-Unsubscribe: <https://go.example/u/x>, <{link}>"


@pytest.mark.parametrize("by", ["Message-ID", "token", "bounce address", "envelope"])
def test_a_complaint_suppresses_at_once_whoever_our_own_message_names(
    store: Engine, message: tuple[int, int], by: str
) -> None:
    address = bounce_address(SECRET, DOMAIN, message[0])
    mail = {
        "Message-ID": complaint(returned="Message-ID: <0a1b@northwind.example>"),
        "token": complaint(returned=by_token(message)),
        "bounce address": complaint(bounced_to=message[0]),
        "envelope": complaint(envelope_id=envelope_id(address)),
    }[by]
    assert taken(store, mail) == MailRead(complaints=1)
    assert suppressed(store) == [(f"{message[1]:032}", "complaint")]
    with reading(store) as connection:
        row = connection.execute(select(event)).one()
    assert (row.kind, row.outbox_id, row.contact_id) == ("email.complained", *message)
    assert row.properties == {"type": "abuse", "provider": "Mailbox/1.0"}
    assert taken(store, mail) == MailRead(known=1)


def test_every_type_that_asks_to_stop_is_a_complaint(store: Engine, message: tuple[int, int]) -> None:
    for kind in ("abuse", "fraud", "virus", "other", "miscategorized", "opt-out", "ABUSE (by hand)"):
        assert taken(store, complaint(bounced_to=message[0], kind=kind)) == MailRead(complaints=1), kind


def test_other_reports_ask_for_nothing(store: Engine, message: tuple[int, int]) -> None:
    for kind in ("not-spam", "auth-failure", "dmarc"):
        assert taken(store, complaint(bounced_to=message[0], kind=kind)) == MailRead(set_aside=1), kind
    assert suppressed(store) == []


def test_a_complaint_that_names_an_address_only_waits_for_a_person(store: Engine, message: tuple[int, int]) -> None:
    with reading(store) as connection:
        address = connection.scalar(select(outbox.c.address).where(outbox.c.id == message[0]))
    mail = complaint(original_rcpt=str(address), returned="Feedback-ID: spring:plain:offers:northwind")
    assert taken(store, mail) == MailRead(quarantined=1)
    assert suppressed(store) == []
    with reading(store) as connection:
        why = judge(connection, mail, SECRET, now=NOW).waits
        assert connection.scalar(select(func.count()).select_from(event)) == 0
    assert why == f"{NO_MESSAGE} (its Feedback-ID names the campaign spring)"


def test_a_complaint_about_a_message_that_was_erased_asks_for_nothing(store: Engine, message: tuple[int, int]) -> None:
    assert taken(store, complaint(bounced_to=999)) == MailRead(set_aside=1)


def test_outlooks_own_letter_is_a_complaint(store: Engine, message: tuple[int, int]) -> None:
    mail = (
        b"From: staff@hotmail.com\r\nSubject: complaint about message from 192.0.2.1\r\n"
        b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n'
        b"Message-ID: <0a1b@northwind.example>\r\nSubject: Spring\r\n\r\nHello\r\n--b--\r\n"
    )
    assert taken(store, mail) == MailRead(complaints=1)
    assert taken(store, mail.replace(b"staff@hotmail.com", b"staff@example.com")) == MailRead(quarantined=1)


def test_a_report_in_base64_is_read() -> None:
    mail = complaint().replace(
        b"message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: Mailbox/1.0\r\nVersion: 1\r\n",
        b"message/feedback-report\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        b"RmVlZGJhY2stVHlwZTogZnJhdWQKVXNlci1BZ2VudDogQmFzZS82NAo=\r\n\r\n",
    )
    found = read_feedback(parse_mail(mail))
    assert found is not None
    assert found.type == "fraud"
