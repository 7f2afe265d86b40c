"""Mail that comes back does what it says when it is signed, and waits for a person when it is not."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, func, select, update

from handbill.contacts.consent import granted, record_consent
from handbill.delivery.links import bounce_address, envelope_id
from handbill.responses.mailbox import MailRead, read_mail
from handbill.responses.received import LARGEST
from handbill.store.connection import reading, writing
from handbill.store.tables import consent, contact, event, outbox, suppression
from tests.conftest import NOW
from tests.reports.factory import EMAIL, NOTHING, fill
from tests.responses.mails import DOMAIN, SECRET, bounced, notification, put, report_of, request_to_stop

LATER = datetime(2026, 12, 2, tzinfo=UTC)


@pytest.fixture
def messages(store: Engine) -> list[tuple[int, int]]:
    """Ids and contacts of three accepted messages, whose recipients agreed to offers and to events."""
    with writing(store) as connection:
        fill(connection, [replace(NOTHING, units=1, buyers=0), replace(EMAIL, units=3, buyers=0)])
        rows = connection.execute(select(outbox.c.id, outbox.c.contact_id).order_by(outbox.c.id)).all()
        for row in rows:
            for topic in ("offers", "events"):
                record_consent(connection, row.contact_id, "email", topic, "granted", NOW, "form")
    return [(row.id, row.contact_id) for row in rows]


def agreed(store: Engine, topic: str) -> set[int]:
    with reading(store) as connection:
        return set(connection.scalars(select(contact.c.id).where(granted("email", topic))))


def test_a_request_to_stop_withdraws_the_topic_at_once(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    (message, person), *others = messages
    put(tmp_path, "1", request_to_stop(person, message))
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(unsubscribes=1)
    assert agreed(store, "offers") == {contact_id for _, contact_id in others}
    assert person in agreed(store, "events")
    with reading(store) as connection:
        row = connection.execute(select(event)).one()
    assert (row.kind, row.outbox_id, row.contact_id) == ("email.unsubscribed", message, person)
    assert row.properties == {"topic": "offers", "by": "mailto"}


def test_a_request_for_everything_withdraws_every_topic(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    message, person = messages[0]
    put(tmp_path, "1", request_to_stop(person, message, topic="*"))
    read_mail(store, tmp_path, SECRET, now=LATER)
    assert person not in agreed(store, "offers") | agreed(store, "events")


def test_a_request_with_a_changed_letter_is_set_aside(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    message, person = messages[0]
    mail = request_to_stop(person, message)
    end = mail.index(b"\r\n\r\n")
    changed = mail[: end - 1] + (b"A" if mail[end - 1 : end] != b"A" else b"B") + mail[end:]
    put(tmp_path, "1", changed)
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(quarantined=1)
    assert person in agreed(store, "offers")
    assert (tmp_path / "quarantine" / "1").read_bytes() == changed


def test_a_request_of_somebody_who_was_erased_is_filed_and_changes_nothing(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    message, person = messages[0]
    with writing(store) as connection:
        connection.execute(delete(outbox).where(outbox.c.id == message))
        connection.execute(delete(contact).where(contact.c.id == person))
    put(tmp_path, "1", request_to_stop(person, message))
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(unsubscribes=1)


def test_a_hard_bounce_suppresses_the_address(store: Engine, messages: list[tuple[int, int]], tmp_path: Path) -> None:
    message, person = messages[0]
    put(tmp_path, "1", bounced(message))
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(bounces=1)
    with reading(store) as connection:
        blocked = connection.execute(select(suppression)).one()
        row = connection.execute(select(event)).one()
    assert (blocked.channel, blocked.key_hash, blocked.reason) == ("email", f"{person:032}", "hard bounce")
    assert (row.kind, row.outbox_id, row.contact_id) == ("email.bounced", message, person)
    assert row.properties == {"bounce": "hard", "status": "5.1.1", "said": "smtp; 550 5.1.1 no such user"}
    assert (row.occurred_at, row.received_at) == (datetime(2026, 12, 1, 10, tzinfo=UTC), LATER)


@pytest.mark.parametrize(("status", "said"), [("5.2.2", "smtp; 552 mailbox full"), ("5.7.1", "smtp; 550 spam")])
def test_a_bounce_that_is_not_about_the_address_suppresses_nobody(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path, status: str, said: str
) -> None:
    put(tmp_path, "1", bounced(messages[0][0], status=status, said=said))
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(bounces=1)
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(suppression)) == 0


def test_a_delay_is_no_bounce(store: Engine, messages: list[tuple[int, int]], tmp_path: Path) -> None:
    put(tmp_path, "1", bounced(messages[0][0], action="delayed", status="4.4.1"))
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(others=1)
    with reading(store) as connection:
        assert connection.scalar(select(event.c.kind)) == "email.deferred"


def test_a_bounce_is_matched_by_the_message_that_came_back(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    message, _ = messages[0]
    with writing(store) as connection:
        connection.execute(update(outbox).where(outbox.c.id == message).values(message_id="0a1b@northwind.example"))
    put(tmp_path, "1", notification(to="news@northwind.example", returned="<0a1b@northwind.example>"))
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(bounces=1)
    with reading(store) as connection:
        assert connection.scalar(select(event.c.outbox_id)) == message


def test_a_bounce_is_matched_by_the_id_of_its_envelope(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    message, _ = messages[1]
    named = envelope_id(bounce_address(SECRET, DOMAIN, message))
    failed = "Final-Recipient: rfc822; x@example.com\nAction: failed\nStatus: 5.1.1"
    put(tmp_path, "1", report_of(failed, to="postmaster@northwind.example", envelope_id=named.upper()))
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(bounces=1)
    with reading(store) as connection:
        assert connection.scalar(select(event.c.outbox_id)) == message


def test_a_bounce_of_a_message_that_was_signed_with_an_earlier_key_is_believed(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    put(tmp_path, "1", bounced(messages[0][0]))
    assert read_mail(store, tmp_path, (b"the new one", SECRET), now=LATER) == MailRead(bounces=1)


def test_a_notice_about_a_message_that_was_erased_asks_for_nothing(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    put(tmp_path, "1", bounced(999))
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(set_aside=1)
    assert (tmp_path / "done" / "1").exists()


def test_a_mail_is_never_filed_over_another_one_of_its_name(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    for number in range(3):
        put(tmp_path, "1", b"Subject: %d\r\n\r\n" % number)
        read_mail(store, tmp_path, SECRET, now=LATER)
    found = {path.name: path.read_bytes() for path in (tmp_path / "quarantine").iterdir()}
    assert found == {"1": b"Subject: 0\r\n\r\n", "1-2": b"Subject: 1\r\n\r\n", "1-3": b"Subject: 2\r\n\r\n"}


def test_an_unsigned_bounce_of_a_stranger_is_set_aside_and_not_believed(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    put(tmp_path, "1", notification(to="bounces+aaaa@northwind.example", returned="<made-up@example.com>"))
    put(tmp_path, "2", b"Subject: Re: Spring is here\r\n\r\nWhat a nice mail!\r\n")
    put(tmp_path, "3", b"\xff\xfe\x00 no mail at all")
    put(tmp_path, "4", b"x" * (LARGEST + 1))
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(quarantined=4)
    assert sorted(path.name for path in (tmp_path / "quarantine").iterdir()) == ["1", "2", "3", "4"]
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(event)) == 0
        assert connection.scalar(select(func.count()).select_from(suppression)) == 0


def test_a_bounce_shows_that_an_uncertain_message_was_sent(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    message, _ = messages[0]
    with writing(store) as connection:
        connection.execute(update(outbox).where(outbox.c.id == message).values(state="uncertain", accepted_at=None))
    put(tmp_path, "1", bounced(message))
    read_mail(store, tmp_path, SECRET, now=LATER)
    with reading(store) as connection:
        row = connection.execute(select(outbox).where(outbox.c.id == message)).one()
    assert (row.state, row.evidence, row.settled_at) == ("accepted", "email.bounced from mailbox", LATER)


def test_the_same_mail_put_into_the_folder_again_changes_nothing(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    message, person = messages[0]
    for name, mail in (("1", bounced(message)), ("2", request_to_stop(person, message))):
        put(tmp_path, name, mail)
        put(tmp_path, f"again-{name}", mail)
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(bounces=1, unsubscribes=1, known=2)
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead()
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(event)) == 2
        withdrawn = select(func.count()).select_from(consent).where(consent.c.state == "withdrawn")
        assert connection.scalar(withdrawn) == 1


def test_a_mail_with_broken_headers_is_set_aside(
    store: Engine, messages: list[tuple[int, int]], tmp_path: Path
) -> None:
    put(tmp_path, "1", b"To: =?utf-8?q?=ZZ?= <<<@>\r\nDate: yesterday\r\nSubject: =?x-unknown?b?!!?=\r\n\r\n")
    assert read_mail(store, tmp_path, SECRET, now=LATER) == MailRead(quarantined=1)


def test_a_folder_that_is_not_there_holds_no_mail(store: Engine, tmp_path: Path) -> None:
    assert read_mail(store, tmp_path / "inbox", SECRET, now=LATER) == MailRead()
