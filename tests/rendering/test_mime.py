import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from quopri import decodestring
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbill.errors import NotRenderable
from handbill.rendering.email import RenderedEmail
from handbill.rendering.mime import Envelope, build_message
from handbill.rendering.quoted_printable import encode, encode_piece

AT = datetime(2026, 12, 1, 9, tzinfo=UTC)
ENVELOPE = Envelope("Northwind <news@northwind.example>", "ann@shop.example", "<1.a@northwind.example>", AT)
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=300)


def mail(
    *pieces: str, subject: str = "Spring", text: str = "Hello\n", ready: dict[str, bytes] | None = None
) -> RenderedEmail:
    return RenderedEmail(subject, "", text, pieces, ready or {})


def read(message: bytes) -> EmailMessage:
    return cast("EmailMessage", message_from_bytes(message, policy=cast("Any", default)))


def part(message: EmailMessage, kind: str) -> str:
    found = message.get_body((kind,))
    assert found
    return str(found.get_content()).replace("\r\n", "\n")


def test_a_message_reads_back_as_it_was_meant() -> None:
    envelope = Envelope(
        from_="Northwind <news@northwind.example>",
        to="ann@bücher.example",
        message_id="<1.a@northwind.example>",
        sent_at=AT,
        reply_to="help@northwind.example",
        list_unsubscribe=("https://go.northwind.example/u/t", "mailto:unsubscribe@northwind.example?subject=t"),
        list_id="offers.northwind.example",
        feedback_id="spring-sale:discount:handbill:northwind",
    )
    message = read(build_message(mail("<p>Grüße, ", "Ann", "</p>\n", subject="Grüße"), envelope))
    assert {name: str(value) for name, value in message.items()} == {
        "From": "Northwind <news@northwind.example>",
        "To": "ann@xn--bcher-kva.example",
        "Reply-To": "help@northwind.example",
        "Subject": "Grüße",
        "Date": "Tue, 01 Dec 2026 09:00:00 +0000",
        "Message-ID": "<1.a@northwind.example>",
        "MIME-Version": "1.0",
        "List-Unsubscribe": "<https://go.northwind.example/u/t>, <mailto:unsubscribe@northwind.example?subject=t>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "List-Id": "<offers.northwind.example>",
        "Feedback-ID": "spring-sale:discount:handbill:northwind",
        "Precedence": "bulk",
        "Content-Type": 'multipart/alternative; boundary="=_{}"'.format(message.get_boundary("").removeprefix("=_")),
    }
    assert [each.get_content_type() for each in message.iter_parts()] == ["text/plain", "text/html"]
    assert part(message, "html") == "<p>Grüße, Ann</p>\n"
    assert part(message, "plain") == "Hello\n"
    assert message.defects == []


def test_one_click_is_promised_only_where_a_server_can_keep_it() -> None:
    envelope = Envelope("n@a.example", "b@c.example", "<1@a.example>", AT, list_unsubscribe=("mailto:u@a.example",))
    message = read(build_message(mail("x"), envelope))
    assert message["List-Unsubscribe"] == "<mailto:u@a.example>"
    assert "List-Unsubscribe-Post" not in message


def test_a_transactional_mail_carries_no_list_headers() -> None:
    message = read(build_message(mail("x"), Envelope("n@a.example", "b@c.example", "<1@a.example>", AT, bulk=False)))
    assert message.keys() == ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type"]


def test_the_same_message_is_made_of_the_same_bytes_every_time() -> None:
    assert build_message(mail("x"), ENVELOPE) == build_message(mail("x"), ENVELOPE)


@given(st.lists(ANY_TEXT, max_size=6), ANY_TEXT)
def test_any_content_arrives_whole_in_lines_that_every_server_takes(pieces: list[str], text: str) -> None:
    built = build_message(mail(*pieces, text=text), ENVELOPE)
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", built)
    assert max(map(len, built.split(b"\r\n"))) <= 78
    boundary = b"\r\n--" + read(built).get_boundary("").encode()
    _, plain, html, end = built.split(boundary)
    assert end == b"--\r\n"
    for encoded, meant in ((plain, text), (html, "".join(pieces))):
        body = encoded.split(b"\r\n\r\n", 1)[1]
        assert decodestring(body).replace(b"\r\n", b"\n").decode() == meant


@given(st.lists(ANY_TEXT, max_size=6))
def test_pieces_that_were_encoded_before_give_the_same_bytes(pieces: list[str]) -> None:
    ready = {piece: encode_piece(piece) for piece in pieces[::2]}
    assert encode(pieces, ready) == encode(pieces, {})


def test_line_ends_of_all_kinds_become_one_kind() -> None:
    assert encode(["a\r\nb\rc\nd"], {}) == [b"a\r\nb\r\nc\r\nd\r\n"]


@pytest.mark.parametrize("separator", ["\r\n", "\n", "\x85", "\u2028", "\0"], ids=repr)
def test_a_value_cannot_add_a_header(separator: str) -> None:
    message = read(build_message(mail("x", subject=f"Sale{separator}Bcc: all@shop.example"), ENVELOPE))
    assert "Bcc" not in message
    assert message["Subject"] == "Sale Bcc: all@shop.example"


@pytest.mark.parametrize("address", ["a@b.example\r\nBcc: c@d.example", "a\u2028@b.example", "nobody"], ids=repr)
def test_an_address_that_could_add_a_header_is_refused(address: str) -> None:
    with pytest.raises(NotRenderable):
        build_message(mail("x"), Envelope("n@a.example", address, "<1@a.example>", AT))


def test_half_a_character_is_refused_with_the_reason() -> None:
    with pytest.raises(NotRenderable) as caught:
        build_message(mail("\ud83d"), ENVELOPE)
    assert str(caught.value) == "a value for this recipient holds half a character. Import the contact again, in UTF-8."


def test_an_address_beyond_ascii_travels_as_utf_8() -> None:
    built = build_message(mail("x"), Envelope("n@a.example", "用户@shop.example", "<1@a.example>", AT))
    assert "\r\nTo: 用户@shop.example\r\n".encode() in built
