import re
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handbill.errors import NotRenderable
from handbill.rendering.headers import mailbox, needs_smtputf8, one_line, raw, unstructured, wire_address

SEPARATORS = ["\r\n", "\r", "\n", "\0", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


def parsed(header: bytes) -> EmailMessage:
    return cast("EmailMessage", message_from_bytes(header + b"\r\n", policy=cast("Any", default)))


@pytest.mark.parametrize("separator", SEPARATORS, ids=repr)
def test_whatever_could_end_a_line_becomes_a_space(separator: str) -> None:
    assert one_line(f" a{separator}Bcc: b@c.example{separator}") == "a Bcc: b@c.example"
    header = unstructured("Subject", f"a{separator}Bcc: b@c.example")
    assert header == b"Subject: a Bcc: b@c.example\r\n"


@given(st.text(max_size=400))
def test_any_subject_is_one_header_that_reads_as_it_was_meant(text: str) -> None:
    meant = text.encode("utf-8", "ignore").decode()
    header = unstructured("Subject", meant)
    first, *others = header[:-2].split(b"\r\n")
    assert first.startswith(b"Subject:")
    assert all(line.startswith(b" ") for line in others)
    assert max(map(len, (first, *others))) <= 998
    assert not re.search(rb"[^\x20-\x7e\r\n]", header)
    message = parsed(header)
    assert message.keys() == ["Subject"]
    assert one_line(str(message["Subject"])) == one_line(meant)


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("Spring is here", b"Subject: Spring is here\r\n"),
        ("15 % off für dich", b"Subject: =?utf-8?b?MTUgJSBvZmYgZsO8ciBkaWNo?=\r\n"),
        ("=?utf-8?q?no?=", b"Subject: =?utf-8?b?PT91dGYtOD9xP25vPz0=?=\r\n"),
    ],
)
def test_a_subject_is_encoded_only_where_it_must_be(text: str, header: bytes) -> None:
    assert unstructured("Subject", text) == header


def test_a_word_that_is_too_long_for_a_line_is_encoded() -> None:
    header = unstructured("Subject", "x" * 2_000)
    assert max(map(len, header.split(b"\r\n"))) <= 76
    assert str(parsed(header)["Subject"]) == "x" * 2_000
    name = mailbox("From", f"{'y' * 2_000} <news@northwind.example>")
    assert max(map(len, name.split(b"\r\n"))) <= 76


def test_a_long_subject_is_folded_between_words_and_characters_stay_whole() -> None:
    plain = unstructured("Subject", " ".join(["word"] * 40))
    encoded = unstructured("Subject", "日本語" * 40)
    assert max(map(len, plain.split(b"\r\n"))) <= 76
    assert max(map(len, encoded.split(b"\r\n"))) <= 76
    assert str(parsed(encoded)["Subject"]) == "日本語" * 40


@pytest.mark.parametrize(
    ("written", "header"),
    [
        ("news@northwind.example", "From: news@northwind.example\r\n"),
        ("Northwind <news@northwind.example>", "From: Northwind <news@northwind.example>\r\n"),
        ("Northwind, Ltd. <news@northwind.example>", 'From: "Northwind, Ltd." <news@northwind.example>\r\n'),
        ('"North \\" wind" <n@a.example>', 'From: "North \\\\\\" wind" <n@a.example>\r\n'),
        ("Müller <m@bücher.example>", "From: =?utf-8?b?TcO8bGxlcg==?= <m@xn--bcher-kva.example>\r\n"),
        ("<n@a.example>", "From: <n@a.example>\r\n"),
    ],
)
def test_a_mailbox_is_written_as_mail_programs_read_it(written: str, header: str) -> None:
    assert mailbox("From", written) == header.encode()


def test_a_display_name_survives_the_way() -> None:
    address = parsed(mailbox("From", "Grüße, Northwind & Söhne <news@northwind.example>"))["From"].addresses[0]
    assert (address.display_name, address.addr_spec) == ("Grüße, Northwind & Söhne", "news@northwind.example")


@pytest.mark.parametrize(
    ("address", "wire"),
    [
        ("ann@shop.example", "ann@shop.example"),
        ("ann+sale@Bücher.example", "ann+sale@xn--bcher-kva.example"),
        ("用户@例え.example", "用户@xn--r8jz45g.example"),
        ('"a b"@shop.example', None),
        ('"a.b"@shop.example', '"a.b"@shop.example'),
    ],
)
def test_a_domain_travels_in_a_labels(address: str, wire: str | None) -> None:
    if wire is None:
        with pytest.raises(NotRenderable):
            wire_address(address)
    else:
        assert wire_address(address) == wire


NO_ADDRESSES = [
    "", "ann", "@shop.example", "ann@", "a b@shop.example", "a,b@shop.example", "<a@b.example>", "a@b.example>",
    ".a@b.example", "a..b@b.example", "a@b..example", "a@-b.example", "a@b.example, c@d.example", "a@b_c.example",
    f"{'a' * 65}@b.example",
]  # fmt: skip


@pytest.mark.parametrize(
    "address",
    NO_ADDRESSES + [f"a{each}@b.example" for each in SEPARATORS] + [f"a@b{each}.example" for each in SEPARATORS],
    ids=repr,
)
def test_what_is_no_address_is_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(NotRenderable) as caught:
        wire_address(address)
    assert str(caught.value) in {
        "this is no e-mail address. Correct the contact's e-mail.",
        "this e-mail address has no domain. Correct the contact's e-mail.",
    }


def test_only_a_local_part_needs_smtputf8() -> None:
    assert [needs_smtputf8(each) for each in ("ann@bücher.example", "用户@shop.example")] == [False, True]


def test_a_header_for_programs_is_never_encoded_and_only_folded_between_its_values() -> None:
    values = [f"<https://go.northwind.example/u/{'x' * 90}>", "<mailto:unsubscribe@northwind.example?subject=u>"]
    header = raw("List-Unsubscribe", *values)
    assert header == f"List-Unsubscribe: {values[0]},\r\n {values[1]}\r\n".encode()


@pytest.mark.parametrize("value", ["a\r\nb", "a\u2028b", "ü", "x" * 901], ids=repr)
def test_a_header_for_programs_takes_nothing_that_would_have_to_be_encoded(value: str) -> None:
    with pytest.raises(ValueError, match=r"^List-Id takes printable ASCII of at most 900 characters in each value$"):
        raw("List-Id", value)
