"""A mailbox on a real IMAP server is read to its end, whatever breaks, and every mail is filed exactly once."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select

from handbill.errors import ChannelUnavailable, StoreUnavailable
from handbill.responses.imap import read_imap
from handbill.responses.imap_folder import ImapServer
from handbill.responses.mailbox import MailRead, read_mail
from handbill.responses.received import LARGEST
from handbill.store.connection import open_store, reading, writing
from handbill.store.tables import event, outbox, suppression
from tests.conftest import NOW
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.responses.cut_line import cut_line
from tests.responses.dovecot import Dovecot, running_dovecot
from tests.responses.mails import SECRET, bounced, put, request_to_stop

MESSAGES = 300
DONE, QUARANTINE = "Handbill done", "Handbill quarantine"


@pytest.fixture(scope="module")
def dovecot() -> Iterator[Dovecot]:
    with running_dovecot() as server:
        yield server


@pytest.fixture
def mailbox(dovecot: Dovecot) -> Iterator[Dovecot]:
    """The server with an empty mailbox."""
    yield dovecot
    dovecot.empty()


@pytest.fixture
def messages(store: Engine) -> list[tuple[int, int]]:
    """Ids and contacts of accepted messages."""
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=MESSAGES, buyers=0)])
        return [
            tuple(row) for row in connection.execute(select(outbox.c.id, outbox.c.contact_id).order_by(outbox.c.id))
        ]


def counted(store: Engine) -> tuple[int, int]:
    """How many events and suppressions there are."""
    with reading(store) as connection:
        events = connection.scalar(select(func.count()).select_from(event)) or 0
        return events, connection.scalar(select(func.count()).select_from(suppression)) or 0


def read(store: Engine, server: ImapServer) -> MailRead:
    return read_imap(store, server, SECRET, now=NOW)


def test_what_came_back_is_taken_in_and_filed(store: Engine, messages: list[tuple[int, int]], mailbox: Dovecot) -> None:
    (first, person), (second, _), *_ = messages
    mails = {
        "1": bounced(second),
        "2": request_to_stop(person, first),
        "3": b"Subject: What a nice mail!\r\n\r\nAnn\r\n",
    }
    for name, mail in mails.items():
        mailbox.put(name, mail)
    assert read(store, mailbox.mailbox()) == MailRead(bounces=1, unsubscribes=1, quarantined=1)
    assert mailbox.mails() == []
    assert mailbox.mails(DONE) == sorted([mails["1"], mails["2"]])
    assert mailbox.mails(QUARANTINE) == [mails["3"]]
    assert counted(store) == (2, 1)
    assert read(store, mailbox.mailbox()) == MailRead()


@pytest.mark.parametrize("security", ["starttls", "none"])
def test_it_is_read_over_other_lines_too(
    store: Engine, messages: list[tuple[int, int]], mailbox: Dovecot, security: str
) -> None:
    mailbox.put("1", bounced(messages[0][0]))
    assert read(store, mailbox.mailbox(security=security)) == MailRead(bounces=1)


def test_hundreds_of_mails_are_read_piece_by_piece(
    store: Engine, messages: list[tuple[int, int]], mailbox: Dovecot
) -> None:
    for message, _ in messages:
        mailbox.put(str(message), bounced(message))
    for number in range(150):
        mailbox.put(f"x{number}", b"Subject: hello %d\r\n\r\n" % number)
    assert read(store, mailbox.mailbox()) == MailRead(bounces=MESSAGES, quarantined=150)
    assert (len(mailbox.mails()), len(mailbox.mails(DONE)), len(mailbox.mails(QUARANTINE))) == (0, MESSAGES, 150)
    assert counted(store) == (MESSAGES, MESSAGES)


def test_large_mails_come_one_by_one_and_larger_ones_are_never_fetched(
    store: Engine, messages: list[tuple[int, int]], mailbox: Dovecot
) -> None:
    # Line ends are counted as they are sent: one octet more a line than on the server's disk.
    sizes = [LARGEST - 2_000, LARGEST - 1_000, LARGEST + 1, 3 * LARGEST]
    for number, size in enumerate(sizes):
        head = bounced(messages[number][0])
        mailbox.put(str(number), head + b"\r\n" + b"x" * (size - len(head) - 2))
    commands: list[bytes] = []
    with cut_line(mailbox.plain_port, b"", cuts=0, sees=commands.append) as line:
        assert read(store, replace(mailbox.mailbox(security="none"), port=line.port)) == MailRead(
            bounces=2, quarantined=2
        )
    asked = [command.split()[3] for command in commands if b"BODY.PEEK" in command]
    assert len(asked) == 2, "each in a command of its own"
    assert counted(store) == (2, 2)


def test_a_server_that_knows_no_moving_is_served_by_copying(store: Engine, messages: list[tuple[int, int]]) -> None:
    with running_dovecot(more="imap_capability = IMAP4rev1 UIDPLUS AUTH=PLAIN") as old:
        old.put("1", bounced(messages[0][0]))
        old.put("2", b"Subject: hello\r\n\r\n")
        assert read(store, old.mailbox()) == MailRead(bounces=1, quarantined=1)
        assert (old.mails(), len(old.mails(DONE)), len(old.mails(QUARANTINE))) == ([], 1, 1)


# ---------------------------------------------------------------- what breaks


def test_a_line_that_breaks_before_mails_are_moved_repeats_and_loses_nothing(
    store: Engine, messages: list[tuple[int, int]], mailbox: Dovecot
) -> None:
    for message, _ in messages[:5]:
        mailbox.put(str(message), bounced(message))
    with cut_line(mailbox.plain_port, b"UID MOVE", cuts=2) as line:
        found = read(store, replace(mailbox.mailbox(security="none"), port=line.port))
    assert found == MailRead(bounces=5)
    assert (len(mailbox.mails()), len(mailbox.mails(DONE))) == (0, 5)
    assert counted(store) == (5, 5)


def test_a_reader_that_is_stopped_before_mails_are_moved_finds_them_known_the_next_time(
    store: Engine, messages: list[tuple[int, int]], mailbox: Dovecot
) -> None:
    for message, _ in messages[:5]:
        mailbox.put(str(message), bounced(message))
    with cut_line(mailbox.plain_port, b"UID MOVE", cuts=100) as line:
        broken = replace(mailbox.mailbox(security="none"), port=line.port)
        with pytest.raises(ChannelUnavailable) as caught:
            read(store, broken)
    assert str(caught.value).startswith(f"the mailbox at localhost:{line.port} cannot be reached (")
    assert str(caught.value).endswith("). Start it, or correct channels.email.mailbox.")
    assert len(mailbox.mails()) == 5
    assert counted(store) == (5, 5)
    assert read(store, mailbox.mailbox()) == MailRead(known=5)
    assert (len(mailbox.mails()), len(mailbox.mails(DONE))) == (0, 5)
    assert counted(store) == (5, 5)


def test_a_line_that_breaks_while_mails_are_fetched_is_made_anew(
    store: Engine, messages: list[tuple[int, int]], mailbox: Dovecot
) -> None:
    mailbox.put("1", bounced(messages[0][0]))
    with cut_line(mailbox.plain_port, b"BODY.PEEK", cuts=2) as line:
        assert read(store, replace(mailbox.mailbox(security="none"), port=line.port)) == MailRead(bounces=1)


def test_a_folder_that_is_numbered_anew_meanwhile_is_read_from_its_beginning(
    store: Engine, messages: list[tuple[int, int]], mailbox: Dovecot
) -> None:
    for message, _ in messages[:3]:
        mailbox.put(str(message), bounced(message))

    def number_anew() -> None:
        mailbox.put("late", bounced(messages[3][0]))
        mailbox.forget_numbers()

    with cut_line(mailbox.plain_port, b"UID MOVE", cuts=1, on_cut=number_anew) as line:
        found = read(store, replace(mailbox.mailbox(security="none"), port=line.port))
    assert found.bounces == 4
    assert (len(mailbox.mails()), len(mailbox.mails(DONE))) == (0, 4)
    assert counted(store) == (4, 4)


def test_a_database_that_takes_nothing_leaves_every_mail_where_it_was(
    mailbox: Dovecot, sqlite_template: Path, tmp_path: Path
) -> None:
    path = shutil.copy(sqlite_template, tmp_path / "handbill.db")
    patient, hasty = open_store(f"sqlite:///{path}"), open_store(f"sqlite:///{path}", lock_wait=timedelta(0))
    with writing(patient) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=1, buyers=0)])
    for place in (mailbox.put, partial(put, tmp_path / "inbox")):
        place("1", bounced(1))
    with writing(patient):
        with pytest.raises(StoreUnavailable, match="locked"):
            read(hasty, mailbox.mailbox())
        with pytest.raises(StoreUnavailable, match="locked"):
            read_mail(hasty, tmp_path / "inbox", SECRET, now=NOW)
    assert len(mailbox.mails()) == 1
    assert read(hasty, mailbox.mailbox()) == MailRead(bounces=1)
    assert read_mail(hasty, tmp_path / "inbox", SECRET, now=NOW) == MailRead(known=1)
    patient.dispose()
    hasty.dispose()


# ---------------------------------------------------------------- what is refused


def refusal(server: ImapServer) -> str:
    with pytest.raises(ChannelUnavailable) as caught, server.opened():
        pass
    return str(caught.value)


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_a_certificate_that_nobody_vouches_for_is_not_trusted(dovecot: Dovecot, security: str) -> None:
    server = replace(dovecot.mailbox(security=security), tls=None)
    assert refusal(server) == (
        f"the mailbox at localhost:{server.port} has a certificate that is not valid for it (self-signed certificate). "
        "Correct channels.email.mailbox in campaigns.yaml."
    )


def test_a_certificate_of_another_name_is_not_trusted(dovecot: Dovecot) -> None:
    assert "has a certificate that is not valid for it (IP address mismatch" in refusal(
        dovecot.mailbox(host="127.0.0.1")
    )


def test_a_wrong_password_is_said_to_be_one(dovecot: Dovecot) -> None:
    server = dovecot.mailbox(password="wrong")
    assert refusal(server) == (
        f"the mailbox at localhost:{server.port} does not let us in ([AUTHENTICATIONFAILED] Authentication failed.). "
        "Correct channels.email.mailbox in campaigns.yaml."
    )


def test_a_folder_that_is_not_there_is_named(dovecot: Dovecot) -> None:
    server = replace(dovecot.mailbox(), folder="Bounces")
    assert refusal(server).startswith(f"the mailbox at localhost:{server.port} has no folder Bounces (")


def test_a_server_that_offers_no_encryption_gets_no_password() -> None:
    with running_dovecot(more="ssl = no") as server:
        mailbox = server.mailbox(security="starttls")
        assert refusal(mailbox).startswith(f"the mailbox at localhost:{mailbox.port} offers no encryption. ")


def test_a_mailbox_that_is_not_there_is_named(store: Engine, mailbox: Dovecot) -> None:
    server = replace(mailbox.mailbox(), port=1)
    with pytest.raises(ChannelUnavailable) as caught:
        read(store, server)
    assert str(caught.value) == (
        "the mailbox at localhost:1 cannot be reached (connection refused). "
        "Start it, or correct channels.email.mailbox."
    )
