"""A notification is read as what it says, and says about the address only what it may."""

import base64
import re

import pytest

from handbill.channels.contract import BounceKind, EventKind
from handbill.responses.bounce_classes import best_status, bounce_kind
from handbill.responses.bounces import Notice, Report, read_report
from handbill.responses.received import parse_mail
from tests.responses.mails import notification, report_of

ANN = "ann@example.com"
HARD = Notice(EventKind.BOUNCED, BounceKind.HARD, "5.1.1", "smtp; 550 5.1.1 no such user")


def read(mail: bytes) -> Report:
    report = read_report(parse_mail(mail))
    assert report is not None
    return report


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
        ("5.7.1", "550 5.7.1 no such user here, says a filter", BounceKind.BLOCKED),
        ("4.4.7", "", BounceKind.SOFT),
        ("4.1.1", "no such user", BounceKind.SOFT),
        ("5.5.0", "", BounceKind.UNKNOWN),
        ("5.0.0", "", BounceKind.UNKNOWN),
        ("5.0.0", "smtp; 550 User unknown in virtual mailbox table", BounceKind.HARD),
        ("5.0.0", "smtp; 550 Mailbox not found", BounceKind.HARD),
        ("5.0.0", "smtp; 552 Mailbox is full, user unknown to quota", BounceKind.SOFT),
        ("5.0.0", "smtp; 554 Message rejected due to local policy", BounceKind.BLOCKED),
        ("5.5.0", "smtp; 550 Requested action not taken: mailbox unavailable", BounceKind.HARD),
        ("5.4.1", "smtp; 550 5.4.1 Recipient address rejected: Access denied", BounceKind.HARD),
        ("", "", BounceKind.UNKNOWN),
        ("five", "", BounceKind.UNKNOWN),
        ("2.0.0", "", BounceKind.UNKNOWN),
    ],
)
def test_a_status_says_what_it_may_about_the_address(status: str, said: str, kind: BounceKind) -> None:
    assert bounce_kind(status, said) == kind


@pytest.mark.parametrize(
    ("written", "said", "status"),
    [
        ("5.1.1", "smtp; 550 5.7.1 no", "5.1.1"),
        ("5.1.1 (bad destination mailbox address)", "", "5.1.1"),
        ("5.0.0", "smtp; 550 5.1.1 nobody", "5.1.1"),
        ("4.0.0", "smtp; 550 5.1.1 nobody", "4.0.0"),
        ("", "smtp; 550 5.1.1 nobody", "5.1.1"),
        ("", "smtp; 452 too many", "4.0.0"),
        ("", "host 10.5.1.1 and 5.1.1.9 said nothing", ""),
        ("no status", "", ""),
    ],
)
def test_the_servers_own_code_stands_in_where_the_report_says_less(written: str, said: str, status: str) -> None:
    assert best_status(written, said) == status


@pytest.mark.parametrize(
    ("action", "kind", "bounce"),
    [
        ("failed", EventKind.BOUNCED, BounceKind.HARD),
        ("FAILED", EventKind.BOUNCED, BounceKind.HARD),
        ("failed (bad destination)", EventKind.BOUNCED, BounceKind.HARD),
        ("delayed", EventKind.DEFERRED, None),
        ("delivered", EventKind.DELIVERED, None),
        ("expanded", EventKind.DELIVERED, None),
        ("relayed", EventKind.RELAYED, None),
    ],
)
def test_each_action_is_an_event_of_its_own(action: str, kind: EventKind, bounce: BounceKind | None) -> None:
    report = read(notification(to="x@example.com", action=action))
    assert report.notice_for(ANN) == Notice(kind, bounce, "5.1.1", "smtp; 550 5.1.1 no such user")


def test_a_failure_of_class_four_is_final_for_the_message_and_passing_for_the_address() -> None:
    report = read(notification(to="x@example.com", status="4.4.7", said="smtp; 451 timed out"))
    assert report.notice_for(ANN) == Notice(EventKind.BOUNCED, BounceKind.SOFT, "4.4.7", "smtp; 451 timed out")


def test_an_ordinary_answer_is_no_notification() -> None:
    mail = b"Subject: out of office\r\nContent-Type: text/plain\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    assert read_report(parse_mail(mail)) is None


# ---------------------------------------------------------------- several recipients

FAILED = "Action: failed\nStatus: 5.1.1"


def test_of_several_recipients_the_one_that_we_wrote_to_counts() -> None:
    report = read(
        report_of(
            f"Final-Recipient: rfc822; bob@example.com\n{FAILED}",
            "Original-Recipient: rfc822; Ann@Example.com\nFinal-Recipient: rfc822; a.lee@mx.example.com\n"
            "Action: delayed\nStatus: 4.2.2",
        )
    )
    assert report.notice_for(ANN) == Notice(EventKind.DEFERRED, None, "4.2.2", "")
    assert report.notice_for("bob@example.com") == Notice(EventKind.BOUNCED, BounceKind.HARD, "5.1.1", "")


def test_a_list_that_reaches_somebody_is_no_dead_address() -> None:
    members = [
        f"Final-Recipient: rfc822; one@example.com\n{FAILED}",
        "Final-Recipient: rfc822; two@example.com\nAction: delivered\nStatus: 2.0.0",
    ]
    for groups in (members, members[::-1]):
        assert read(report_of(*groups)).notice_for(ANN) == Notice(EventKind.DELIVERED, None, "2.0.0", "")


def test_a_list_whose_members_all_failed_bounced_as_gently_as_any() -> None:
    report = read(
        report_of(
            f"Final-Recipient: rfc822; one@example.com\n{FAILED}",
            "Final-Recipient: rfc822; two@example.com\nAction: failed\nStatus: 5.2.2",
        )
    )
    assert report.notice_for(ANN) == Notice(EventKind.BOUNCED, BounceKind.SOFT, "5.2.2", "")


def test_the_envelopes_id_is_read() -> None:
    report = read(report_of(f"Final-Recipient: rfc822; {ANN}\n{FAILED}", envelope_id="abc234"))
    assert report.envelope_id == "abc234"


# ---------------------------------------------------------------- other alphabets (RFC 6533)


@pytest.mark.parametrize("kind", ["message/global-delivery-status", "message/delivery-status"])
@pytest.mark.parametrize("coding", ["8bit", "base64", "quoted-printable"])
def test_a_report_in_any_alphabet_and_coding_is_read(kind: str, coding: str) -> None:
    group = f"Final-Recipient: utf-8; änn@bücher.example\n{FAILED}\nDiagnostic-Code: smtp; 550 5.1.1 Postfach fehlt ☹"
    report = read(report_of(group, kind=kind, coding=coding))
    assert report.notice_for("änn@bücher.example") == Notice(
        EventKind.BOUNCED, BounceKind.HARD, "5.1.1", "smtp; 550 5.1.1 Postfach fehlt ☹"
    )


def test_an_address_that_is_written_in_escapes_is_the_same() -> None:
    escaped = r"Final-Recipient: utf-8; \x{E4}nn@bücher.example"
    report = read(
        report_of(f"{escaped}\n{FAILED}", "Final-Recipient: rfc822; bob@example.com\nAction: delivered\nStatus: 2.0.0")
    )
    notice = report.notice_for("änn@xn--bcher-kva.example")
    assert notice is not None
    assert notice.kind == EventKind.BOUNCED


# ---------------------------------------------------------------- wrongly built


def test_a_report_without_actions_is_read_by_its_status() -> None:
    report = read(report_of(f"Final-Recipient: rfc822; {ANN}\nStatus: 5.1.1"))
    assert report.notice_for(ANN) == Notice(EventKind.BOUNCED, BounceKind.HARD, "5.1.1", "")


def test_recipients_without_a_blank_line_between_them_are_told_apart() -> None:
    report = read(
        report_of(
            f"Final-Recipient: rfc822; bob@example.com\n{FAILED}\nFinal-Recipient: rfc822; {ANN}\n"
            "Action: delayed\nStatus: 4.2.0"
        )
    )
    assert report.notice_for(ANN) == Notice(EventKind.DEFERRED, None, "4.2.0", "")


def test_a_recipient_in_the_first_group_and_one_torn_apart_are_read() -> None:
    whole = report_of(f"Final-Recipient: rfc822; {ANN}\n\n{FAILED}").replace(b"mx.example\r\n\r\n", b"mx.example\r\n")
    assert read(whole).notice_for(ANN) == Notice(EventKind.BOUNCED, BounceKind.HARD, "5.1.1", "")


def test_a_report_in_a_mail_that_calls_itself_something_else_is_read() -> None:
    mail = notification(to="x@example.com").replace(
        b"multipart/report; report-type=delivery-status", b"multipart/mixed"
    )
    assert read(mail).notice_for(ANN) == HARD


def test_a_report_that_a_gateway_wrapped_once_more_is_read() -> None:
    inner = notification(to="x@example.com")
    wrapped = b'Content-Type: multipart/mixed; boundary="w"\r\n\r\n--w\r\n' + inner + b"\r\n--w--\r\n"
    assert read(wrapped).notice_for(ANN) == HARD


def test_a_report_that_was_cut_off_is_read_as_far_as_it_goes() -> None:
    mail = notification(to="x@example.com")
    assert read(mail[: mail.index(b"--b\r\nContent-Type: message/rfc822")]).notice_for(ANN) == HARD


def test_a_report_with_nothing_about_a_recipient_says_nothing() -> None:
    assert read(report_of("X-Nothing: at all")).notice_for(ANN) is None
    assert read(report_of(f"Final-Recipient: rfc822; {ANN}\nAction: considered")).notice_for(ANN) is None


# ---------------------------------------------------------------- what came back with it


@pytest.mark.parametrize(
    "kind", ["message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers", "Message/RFC822"]
)
def test_the_header_of_the_message_that_came_back_is_known(kind: str) -> None:
    mail = notification(to="x@example.com", returned="<abc@n.example>").replace(b"message/rfc822", kind.encode())
    returned = parse_mail(mail).returned
    assert returned is not None
    assert returned.first("message-id") == "<abc@n.example>"


def test_a_message_that_came_back_in_base64_is_known() -> None:
    mail = notification(to="x@example.com", returned="<abc@n.example>")
    match = re.search(rb"message/rfc822\r\n\r\n(.*)--b--", mail, re.DOTALL)
    assert match
    coded = b"message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.encodebytes(match[1]) + b"\r\n--b--"
    returned = parse_mail(mail.replace(match[0], coded)).returned
    assert returned is not None
    assert returned.first("message-id") == "<abc@n.example>"
