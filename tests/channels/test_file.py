"""E-mail can go into a maildir instead of out of the house."""

import mailbox
from pathlib import Path

from handbill.channels.contract import Answer, Outcome, Outgoing
from handbill.channels.file import Maildir, MaildirLine

MESSAGE = Outgoing("bounces@shop.test", "ann@example.org", (b"Subject: Hello\r\n\r\nHello Ann\r\n",), key="1.a")


def line_to(directory: Path) -> MaildirLine:
    line = Maildir(directory).open()
    assert isinstance(line, MaildirLine)
    return line


def test_a_message_is_in_the_maildir_once_it_is_committed(tmp_path: Path) -> None:
    line = line_to(tmp_path / "mail")
    assert line.offer(MESSAGE) is None
    assert len(mailbox.Maildir(tmp_path / "mail")) == 0
    assert line.commit() == Answer(Outcome.ACCEPTED, "rename", provider_id="1.a")
    (message,) = mailbox.Maildir(tmp_path / "mail")
    assert (message["Subject"], message["Delivered-To"], message["Return-Path"]) == (
        "Hello", "ann@example.org", "<bounces@shop.test>",
    )  # fmt: skip


def test_the_same_message_twice_is_one_file(tmp_path: Path) -> None:
    for _ in range(2):
        line = line_to(tmp_path)
        line.offer(MESSAGE)
        line.commit()
    assert len(mailbox.Maildir(tmp_path)) == 1


def test_a_withdrawn_message_leaves_nothing(tmp_path: Path) -> None:
    line = line_to(tmp_path)
    line.offer(MESSAGE)
    line.withdraw()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_key_cannot_lead_out_of_the_maildir(tmp_path: Path) -> None:
    line = line_to(tmp_path / "mail")
    line.offer(Outgoing("a@shop.test", "b@example.org", (b"x",), key="../../1"))
    line.commit()
    assert [path.name for path in (tmp_path / "mail" / "new").iterdir()] == [".._.._1"]


def test_a_maildir_that_cannot_be_made_is_the_senders_fault(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    answer = Maildir(tmp_path / "mail").open()
    assert isinstance(answer, Answer)
    assert (answer.outcome, answer.text) == (Outcome.SENDER_REFUSED, f"{tmp_path}/mail/tmp: not a directory")
