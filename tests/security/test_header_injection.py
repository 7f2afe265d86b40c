"""No value brings a header of its own into a mail, whatever a mail server takes for the end of a line."""

from email import message_from_bytes, policy
from pathlib import Path

import pytest

from handbill.errors import NotRenderable
from handbill.rendering.email import Links, RenderedEmail, compile_email
from handbill.rendering.mime import Envelope, build_message
from tests.conftest import NOW
from tests.rendering.projects import mail, make_project

SEPARATORS = ("\r\n", "\n", "\r", "\x00", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
EVIL = "Bcc: victim@shop.example"
LINKS = Links(unsubscribe="https://shop.example/u/1")
HEADERS = ["from", "to", "reply-to", "subject", "date", "message-id", "mime-version", "list-unsubscribe",
           "list-unsubscribe-post", "list-id", "feedback-id", "content-type"]  # fmt: skip


def rendered(root: Path, first_name: str = "Ann") -> RenderedEmail:
    files = {"email/spring.mjml": mail("<mj-text>Dear {{ contact.first_name | default('you') }}</mj-text>")}
    project = make_project(root, files)
    profile = {"email": "ann@shop.example", "first_name": first_name}
    return compile_email(project, project.campaigns["spring-sale"], "discount").render(profile, LINKS)


def envelope(**changes: object) -> Envelope:
    usual = {
        "from_": "Northwind <news@northwind.example>", "to": "ann@shop.example", "message_id": "<1@northwind.example>",
        "sent_at": NOW, "reply_to": "Help <help@northwind.example>", "list_unsubscribe": ("https://shop.example/u/1",),
        "list_id": "offers.northwind.example", "feedback_id": "1:spring:northwind",
    }  # fmt: skip
    return Envelope(**{**usual, **changes})  # type: ignore[arg-type]  # the fields by name


def headers_of(message: bytes) -> list[str]:
    head = message.partition(b"\r\n\r\n")[0]
    assert b"\r" not in head.replace(b"\r\n", b"")
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert not any(bytes([octet]) in head for octet in (0, 11, 12, 28, 29, 30))
    parsed = message_from_bytes(message, policy=policy.default)
    return [name.lower() for name in parsed if name.lower() not in ("precedence", "auto-submitted")]


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
def test_a_name_with_a_separator_stays_inside_the_subject(tmp_path: Path, separator: str) -> None:
    message = build_message(rendered(tmp_path, f"Ann{separator}{EVIL}"), envelope())
    assert sorted(headers_of(message)) == sorted(HEADERS)
    assert message_from_bytes(message, policy=policy.default)["Subject"] == f"15% off, Ann {EVIL}"


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
@pytest.mark.parametrize("header", ["from_", "to", "reply_to"])
def test_a_mailbox_with_a_separator_is_refused_or_one_line(tmp_path: Path, header: str, separator: str) -> None:
    for value in (f"ann@shop.example{separator}{EVIL}", f"Ann{separator}{EVIL} <ann@shop.example>",
                  f"Ann <ann{separator}@shop.example>"):  # fmt: skip
        try:
            message = build_message(rendered(tmp_path), envelope(**{header: value}))
        except NotRenderable:
            continue
        assert sorted(headers_of(message)) == sorted(HEADERS)


@pytest.mark.parametrize("separator", SEPARATORS, ids=ascii)
@pytest.mark.parametrize("header", ["message_id", "list_unsubscribe", "list_id", "feedback_id"])
def test_a_header_for_programs_takes_no_separator(tmp_path: Path, header: str, separator: str) -> None:
    value = f"<x{separator}{EVIL}>"
    given = (value,) if header == "list_unsubscribe" else value
    with pytest.raises(ValueError, match="takes printable ASCII"):
        build_message(rendered(tmp_path), envelope(**{header: given}))
