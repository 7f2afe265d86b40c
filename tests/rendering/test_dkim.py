"""A signed message is taken as genuine by another implementation of the standard, and no other message is."""

import base64
from datetime import UTC, datetime

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from handbill.rendering.dkim import SigningKey, read_signing_key, relaxed_body, sign, signature_of
from handbill.rendering.email import RenderedEmail
from handbill.rendering.mime import Envelope, build_message, build_parts
from handbill.rendering.quoted_printable import encode_piece

AT = datetime(2026, 6, 1, 9, tzinfo=UTC)
MESSAGE = (
    b"From: Northwind <news@northwind.example>\r\nTo: ann@shop.example\r\nReply-To: help@northwind.example\r\n"
    b"Subject: Spring  is\r\n here\r\nDate: Mon, 01 Jun 2026 09:00:00 +0000\r\nMessage-ID: <1.a@northwind.example>\r\n"
    b"MIME-Version: 1.0\r\nList-Unsubscribe: <https://northwind.example/u/abc>,\r\n <mailto:out@northwind.example>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nList-Id: <offers.northwind.example>\r\n"
    b"Feedback-ID: spring:plain:offers:northwind\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    b"Hello  Ann,\t \r\n .dot\r\n\r\nBye\r\n\r\n\r\n"
)


@pytest.fixture(scope="module")
def private_key() -> RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def key(private_key: RSAPrivateKey) -> SigningKey:
    return read_signing_key("northwind.example", "hb1", in_pem(private_key))


def in_pem(key: RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def is_genuine(message: bytes, key: SigningKey) -> bool:
    public = key.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    asked = []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)

    verdict = bool(dkim.verify(message, dnsfunc=dns))
    assert asked == [b"hb1._domainkey.northwind.example."]
    return verdict


def test_a_signed_message_verifies(key: SigningKey) -> None:
    assert is_genuine(sign(MESSAGE, key, AT), key)


@pytest.mark.parametrize(
    ("was", "became"),
    [
        (b"Hello", b"Hallo"),
        (b"Subject: Spring", b"Subject: Summer"),
        (b"abc>", b"abd>"),
        (b"One-Click", b"Two-Click"),
        (b"From: North", b"From: Evil <a@b.example>\r\nFrom: North"),
    ],
)
def test_a_changed_message_does_not_verify(key: SigningKey, was: bytes, became: bytes) -> None:
    signed = sign(MESSAGE, key, AT)
    assert was in signed
    assert not is_genuine(signed.replace(was, became), key)


def test_spaces_that_relays_change_do_no_harm(key: SigningKey) -> None:
    signed = sign(MESSAGE, key, AT)
    relayed = signed.replace(b"Hello  Ann,\t ", b"Hello Ann,").replace(b"Spring  is\r\n here", b"Spring is here")
    assert relayed != signed
    assert is_genuine(relayed, key)


def test_a_header_that_is_missing_is_not_signed_as_missing(key: SigningKey) -> None:
    plain = MESSAGE.replace(b"Reply-To: help@northwind.example\r\n", b"")
    signed = sign(plain, key, AT)
    assert b"reply-to" not in signed.partition(b"bh=")[2].partition(b"b=")[0]
    assert is_genuine(signed, key)


def test_the_same_message_is_signed_the_same(key: SigningKey) -> None:
    assert sign(MESSAGE, key, AT) == sign(MESSAGE, key, AT)


def test_no_line_of_the_signature_is_longer_than_78(key: SigningKey) -> None:
    header = sign(MESSAGE, key, AT).partition(b"From: ")[0]
    assert max(len(line) for line in header.split(b"\r\n")) <= 78


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet=" \tab.=é", max_size=12), max_size=8))
def test_any_body_verifies(key: SigningKey, lines: list[str]) -> None:
    body = "".join(f"{line}\r\n" for line in lines).encode()
    assert is_genuine(sign(MESSAGE.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" + body, key, AT), key)


ANY_PIECE = st.text(alphabet=" \t\r\nab.=é", max_size=90)


@settings(max_examples=100, deadline=None)
@given(pieces=st.lists(ANY_PIECE, max_size=6), text=ANY_PIECE)
def test_a_message_in_parts_is_signed_as_if_it_were_whole(key: SigningKey, pieces: list[str], text: str) -> None:
    ready = {piece: encode_piece(piece) for piece in pieces[::2]}
    rendered = RenderedEmail("Spring", "", text, tuple(pieces), ready)
    envelope = Envelope("Northwind <news@northwind.example>", "ann@shop.example", "<1.a@northwind.example>", AT)
    head, body = build_parts(rendered, envelope)
    signed = signature_of(head, body, key, AT) + head + b"".join(body)
    assert signed == sign(build_message(rendered, envelope), key, AT)
    assert is_genuine(signed, key)


def test_an_empty_body_hashes_as_nothing() -> None:
    assert relaxed_body(b"\r\n\r\n \r\n") == b""


def test_a_key_that_cannot_sign_is_refused(private_key: RSAPrivateKey) -> None:
    public = in_pem(private_key).replace(b"PRIVATE", b"PUBLIC")
    for pem, why in [
        (b"", "this is no private key in PEM format without a password"),
        (public, "this is no private key in PEM format without a password"),
        (in_pem(private_key)[:200], "this is no private key in PEM format without a password"),
        (in_pem(ec.generate_private_key(ec.SECP256R1())), "this is no RSA key"),
    ]:
        with pytest.raises(ValueError, match=why):
            read_signing_key("northwind.example", "hb1", pem)


def test_the_key_is_never_shown(key: SigningKey) -> None:
    assert repr(key) == "SigningKey(domain='northwind.example', selector='hb1')"
