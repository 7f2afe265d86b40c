"""The demonstration's mail server is one that smtplib can talk to."""

import smtplib

import pytest

from handbill.demo.mailbox import running_mailbox

MESSAGE = (
    b"Subject: hello\r\nList-Unsubscribe: <mailto:u@shop.example>\r\n\r\nfirst\r\n.second line starts with a dot\r\n"
)


def test_an_accepted_message_is_counted_and_kept_as_it_was_sent() -> None:
    with running_mailbox() as mailbox, smtplib.SMTP("127.0.0.1", mailbox.port) as client:
        client.sendmail("news@shop.example", ["anna@mail.example"], MESSAGE)
    assert mailbox.accepted == {"anna@mail.example": 1}
    assert mailbox.kept == [MESSAGE]
    assert mailbox.unsubscribe_addresses == {"anna@mail.example": "<mailto:u@shop.example>"}


def test_a_mailbox_that_does_not_exist_is_refused() -> None:
    with (
        running_mailbox() as mailbox,
        smtplib.SMTP("127.0.0.1", mailbox.port) as client,
        pytest.raises(smtplib.SMTPRecipientsRefused),
    ):
        client.sendmail("news@shop.example", ["old@gone.example"], MESSAGE)
    assert mailbox.refused == 1
    assert not mailbox.accepted
