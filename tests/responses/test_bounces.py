"""A notification is read as what it says, and says about the address only what it may."""

import email
from email import policy

import pytest

from handbill.channels.contract import BounceKind, EventKind
from handbill.responses.bounces import Notice, bounce_kind, read_notices, returned_message_id
from tests.responses.mails import notification


@pytest.mark.parametrize(
    ("status", "said", "kind"),
    [
        ("5.1.1", "", BounceKind.HARD),
        ("5.1.2", "", BounceKind.HARD),
        ("5.1.10", "", BounceKind.HARD),
        ("5.2.1", "", BounceKind.HARD),
        ("5.2.2", "", BounceKind.SOFT),
        ("5.2.3", "", BounceKind.BLOCKED),
        ("5.4.4", "", BounceKind.SOFT),
        ("5.1.8", "", BounceKind.BLOCKED),
        ("5.6.1", "", BounceKind.BLOCKED),
        ("5.7.1", "", BounceKind.BLOCKED),
        ("4.4.7", "", BounceKind.SOFT),
        ("4.1.1", "no such user", BounceKind.SOFT),
        ("5.5.0", "", BounceKind.UNKNOWN),
        ("5.0.0", "", BounceKind.UNKNOWN),
        ("5.0.0", "smtp; 550 User unknown in virtual mailbox table", BounceKind.HARD),
        ("5.0.0", "smtp; 550 Mailbox not found", BounceKind.HARD),
        ("", "", BounceKind.UNKNOWN),
        ("five", "", BounceKind.UNKNOWN),
    ],
)
def test_a_status_says_what_it_may_about_the_address(status: str, said: str, kind: BounceKind) -> None:
    assert bounce_kind(status, said) == kind


@pytest.mark.parametrize(
    ("action", "kind", "bounce"),
    [
        ("failed", EventKind.BOUNCED, BounceKind.HARD),
        ("FAILED", EventKind.BOUNCED, BounceKind.HARD),
        ("delayed", EventKind.DEFERRED, None),
        ("delivered", EventKind.DELIVERED, None),
    ],
)
def test_each_action_is_an_event_of_its_own(action: str, kind: EventKind, bounce: BounceKind | None) -> None:
    message = email.message_from_bytes(notification(to="x@example.com", action=action), policy=policy.default)
    assert read_notices(message) == [Notice(kind, bounce, "5.1.1", "smtp; 550 5.1.1 no such user")]


def test_a_relay_that_passed_the_message_on_reports_nothing() -> None:
    message = email.message_from_bytes(notification(to="x@example.com", action="relayed"), policy=policy.default)
    assert read_notices(message) == []


def test_an_ordinary_answer_is_no_notification() -> None:
    mail = b"Subject: out of office\r\nContent-Type: text/plain\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    assert read_notices(email.message_from_bytes(mail, policy=policy.default)) == []


def test_the_message_that_came_back_is_known_by_its_id() -> None:
    message = email.message_from_bytes(
        notification(to="x@example.com", returned="<abc@n.example>"), policy=policy.default
    )
    assert returned_message_id(message) == "abc@n.example"


def test_the_headers_alone_of_what_came_back_are_enough() -> None:
    mail = notification(to="x@example.com", returned="<abc@n.example>").replace(
        b"message/rfc822", b"text/rfc822-headers"
    )
    assert returned_message_id(email.message_from_bytes(mail, policy=policy.default)) == "abc@n.example"
