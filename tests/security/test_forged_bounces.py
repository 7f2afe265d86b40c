"""Nobody silences a stranger by mail: neither with notices that he invents nor with real ones that he sends again."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, func, select, update

from handbill.definitions.policy import BouncePolicy
from handbill.delivery.links import bounce_address
from handbill.responses.bounce_policy import give_up_addresses
from handbill.responses.mailbox import MailRead, judge_mail, take_in_mails
from handbill.store.connection import reading, writing
from handbill.store.tables import consent, event, outbox, suppression
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.responses.mails import DOMAIN, SECRET, bounced, complaint, notification, report_of, request_to_stop

LATER = datetime(2026, 12, 2, tzinfo=UTC)
VICTIM, ATTACKER = 1, 2


@pytest.fixture
def people(store: Engine) -> dict[int, str]:
    """Two messages: the victim's and one that the attacker got; answers their addresses by message."""
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=2, buyers=0)])
        for message in (VICTIM, ATTACKER):
            address = {"address": f"{'victim' if message == VICTIM else 'attacker'}@example.com"}
            hashes = {"address_hash": f"hash-{message}", "message_id": f"random-{message}@{DOMAIN}"}
            connection.execute(update(outbox).where(outbox.c.id == message).values(**address, **hashes))
        return dict(connection.execute(select(outbox.c.id, outbox.c.address)).tuples().all())


def taken(store: Engine, mails: Sequence[bytes]) -> MailRead:
    with writing(store) as connection:
        judged = {number: judge_mail(connection, mail, SECRET, LATER) for number, mail in enumerate(mails)}
        read = sum(take_in_mails(connection, judged, now=LATER).values(), MailRead())
        give_up_addresses(connection, BouncePolicy(), now=LATER)
        return read


def suppressed(store: Engine) -> list[str]:
    with reading(store) as connection:
        return list(connection.scalars(select(suppression.c.key_hash).order_by(suppression.c.key_hash)))


def counted(store: Engine) -> int:
    with reading(store) as connection:
        return connection.scalar(select(func.count()).select_from(event)) or 0


FAILED = "Final-Recipient: rfc822; victim@example.com\nAction: failed\nStatus: 5.1.1"


def forged(kind: str) -> bytes:
    """Mail that a stranger can write, who knows the victim's address and how ours look."""
    real = bounce_address(SECRET, DOMAIN, VICTIM)
    local, _, domain = real.partition("@")
    changed = f"{local[:-1]}{'b' if local[-1] != 'b' else 'c'}@{domain}"
    named = notification(to="x@example.com").replace(b"I'm sorry", b"I'm sorry, victim@example.com")
    return {
        "no proof at all": notification(to="news@northwind.example"),
        "an invented address": notification(to=f"bounces+{'a' * 40}@{DOMAIN}"),
        "an address with one letter changed": notification(to=changed),
        "an address of another secret": notification(to=bounce_address(b"another", DOMAIN, VICTIM)),
        "an address cut short": notification(to=f"{local[:-8]}@{domain}"),
        "an invented envelope": report_of(FAILED, envelope_id="a" * 40),
        "a guessed number": report_of(FAILED, envelope_id=str(VICTIM)),
        "an invented Message-ID": notification(to="x@example.com", returned=f"<made-up@{DOMAIN}>"),
        "a Message-ID with a wildcard": notification(to="x@example.com", returned=f"<%@{DOMAIN}>"),
        "an address in the text only": named,
        "a complaint in the victim's name": complaint(original_rcpt="victim@example.com"),
        "a complaint with an invented token": complaint(returned=f"List-Unsubscribe: <mailto:u@x?subject={40 * 'A'}>"),
        "words of a server": b"From: MAILER-DAEMON@mx.example\r\nTo: news@northwind.example\r\n\r\n"
        b"Hi. This is the qmail-send program at mx.example.\r\n\r\n<victim@example.com>:\r\n550 no such user\r\n",
        "an unsubscribe with an invented token": f"Subject: unsubscribe {'A' * 40}\r\n\r\n".encode(),
    }[kind]  # fmt: skip


KINDS = (
    "no proof at all", "an invented address", "an address with one letter changed", "an address of another secret",
    "an address cut short", "an invented envelope", "a guessed number", "an invented Message-ID",
    "a Message-ID with a wildcard", "an address in the text only", "a complaint in the victim's name",
    "a complaint with an invented token", "words of a server", "an unsubscribe with an invented token",
)  # fmt: skip


def test_what_a_stranger_can_write_is_never_believed(store: Engine, people: dict[int, str]) -> None:
    for kind in KINDS:
        assert taken(store, [forged(kind)]) == MailRead(quarantined=1), kind
    assert (suppressed(store), counted(store)) == ([], 0)


def test_a_recipient_can_only_speak_for_his_own_message(store: Engine, people: dict[int, str]) -> None:
    """He has a signed address, an envelope's id, a Message-ID and a token: all of them name him."""
    mails = [
        notification(to=bounce_address(SECRET, DOMAIN, ATTACKER)).replace(b"somebody@", b"victim@"),
        report_of(FAILED, to=bounce_address(SECRET, DOMAIN, ATTACKER)),
        complaint(returned=f"Message-ID: <random-{ATTACKER}@{DOMAIN}>", original_rcpt="victim@example.com"),
        # His own signed address wins over a Message-ID that he heard of.
        notification(to=bounce_address(SECRET, DOMAIN, ATTACKER), returned=f"<random-{VICTIM}@{DOMAIN}>"),
    ]
    assert taken(store, mails) == MailRead(bounces=3, complaints=1)
    assert suppressed(store) == [f"hash-{ATTACKER}"]


def test_a_notice_that_is_sent_again_counts_once(store: Engine, people: dict[int, str]) -> None:
    mail = bounced(VICTIM, status="5.2.2", said="smtp; 552 full")
    assert taken(store, [mail] * 46) == MailRead(bounces=1, known=45)
    assert (suppressed(store), counted(store)) == ([], 1)


def test_a_notice_that_is_sent_again_with_other_words_never_adds_up(store: Engine, people: dict[int, str]) -> None:
    """Changed a little each time it is another mail; but however often it comes, one message came back once."""
    days = [(LATER - timedelta(hours=hour)).strftime("%a, %d %b %Y %H:%M:%S +0000") for hour in range(10)]
    mails = [bounced(VICTIM, status="5.2.2", said=f"smtp; 552 full {n}", date=day) for n, day in enumerate(days)]
    assert taken(store, mails) == MailRead(bounces=10)
    assert suppressed(store) == []


def test_a_request_to_stop_that_is_sent_again_withdraws_once(store: Engine, people: dict[int, str]) -> None:
    with reading(store) as connection:
        person = connection.scalar(select(outbox.c.contact_id).where(outbox.c.id == VICTIM)) or 0
    mail = request_to_stop(person, VICTIM)
    assert taken(store, [mail] * 10) == MailRead(unsubscribes=1, known=9)
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(consent).where(consent.c.state == "withdrawn")) == 1


def test_a_date_that_was_made_up_moves_nothing_out_of_its_time(store: Engine, people: dict[int, str]) -> None:
    dates = (
        "Fri, 01 Jan 1971 00:00:00 +0000",
        "Wed, 01 Jan 2098 00:00:00 +0000",
        "Sat, 01 Jan 0000 00:00:00 +9999",
        "?",
    )
    taken(store, [bounced(VICTIM, status="5.2.2", said=str(n), date=date) for n, date in enumerate(dates)])
    with reading(store) as connection:
        sent_at = connection.scalar(select(outbox.c.message_at).where(outbox.c.id == VICTIM))
        moments = connection.scalars(select(event.c.occurred_at)).all()
    assert sent_at is not None
    assert len(moments) == len(dates)
    assert all(sent_at <= moment <= LATER for moment in moments)
