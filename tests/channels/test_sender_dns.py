"""What a sender's DNS is examined for, against a real name server on this machine."""

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from handbill.channels.sender_dns import (
    Diagnosis,
    Mark,
    Names,
    Unanswered,
    examine_dkim,
    examine_dmarc,
    examine_host,
    examine_return_path,
    examine_spf,
    is_aligned,
)
from tests.channels.name_server import Records, name_server

SHOP = "shop.example"
KEY_PLACE = f"hb1._domainkey.{SHOP}"
ENDLESS = {(f"s{n}.example", "TXT"): [f'"v=spf1 include:s{n + 1}.example a mx -all"'] for n in range(9)}


@pytest.fixture(scope="module")
def own_key() -> RSAPublicKey:
    return rsa.generate_private_key(65537, 2048).public_key()


def examined(records: Records, examine: Callable[[Names], Diagnosis]) -> Diagnosis:
    with name_server(records) as port:
        return examine(Names("127.0.0.1", port, seconds=2))


def published(key: RSAPublicKey) -> str:
    return base64.b64encode(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()


def in_quotes(text: str) -> str:
    """A TXT record in pieces of at most 255 characters, as DNS stores long ones."""
    return " ".join(f'"{text[start : start + 200]}"' for start in range(0, len(text), 200))


@pytest.mark.parametrize(
    ("records", "mark", "what"),
    [
        ({}, Mark.WRONG, "shop.example has no SPF record."),
        ({(SHOP, "TXT"): ['"google-site-verification=x"']}, Mark.WRONG, "shop.example has no SPF record."),
        (
            {(SHOP, "TXT"): ['"v=spf1 a -all"', '"v=spf1 mx -all"']},
            Mark.WRONG,
            "shop.example has 2 SPF records, which counts as none.",
        ),
        ({(SHOP, "TXT"): ['"v=spf1 a +all"']}, Mark.WRONG, "shop.example lets anybody send for it."),
        ({(SHOP, "TXT"): ['"v=spf1 a ?all"']}, Mark.WRONG, "shop.example lets anybody send for it."),
        (
            ENDLESS | {(SHOP, "TXT"): ['"v=spf1 include:s0.example ~all"']},
            Mark.WRONG,
            "shop.example needs more than 10 further look-ups, and verifiers stop there.",
        ),
        (
            {(SHOP, "TXT"): ['"v=spf1 include:shop.example -all"']},
            Mark.GOOD,
            "shop.example: v=spf1 include:shop.example -all",
        ),
        (
            {(SHOP, "TXT"): ['"v=spf1 ip4:192.0.2.1 " "redirect=_spf.example"'],
             ("_spf.example", "TXT"): ['"v=spf1 a -all"']},
            Mark.GOOD,
            "shop.example: v=spf1 ip4:192.0.2.1 redirect=_spf.example",
        ),
    ],
)  # fmt: skip
def test_spf(records: Records, mark: Mark, what: str) -> None:
    found = examined(records, lambda names: examine_spf(names, SHOP))
    assert (found.mark, found.what) == (mark, what)


def test_dkim_takes_our_key_in_pieces(own_key: RSAPublicKey) -> None:
    records = {(KEY_PLACE, "TXT"): [in_quotes(f"v=DKIM1; k=rsa; p={published(own_key)}")]}
    found = examined(records, lambda names: examine_dkim(names, SHOP, "hb1", own_key))
    assert found == Diagnosis("DKIM", Mark.GOOD, f"{KEY_PLACE} holds our key.")


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (None, "there is no key at hb1._domainkey.shop.example."),
        ("v=DKIM1; p=", "the key at hb1._domainkey.shop.example was withdrawn."),
        ("v=DKIM1; p=bm90IGEga2V5", "the key at hb1._domainkey.shop.example is not the one of key_file."),
        ("v=DKIM1; p=???", "the key at hb1._domainkey.shop.example is not the one of key_file."),
    ],
)
def test_a_key_that_is_not_ours_says_what_to_publish(own_key: RSAPublicKey, record: str | None, what: str) -> None:
    records = {(KEY_PLACE, "TXT"): [in_quotes(record)]} if record else {}
    found = examined(records, lambda names: examine_dkim(names, SHOP, "hb1", own_key))
    assert (found.mark, found.what) == (Mark.WRONG, what)
    assert found.mend == f"Publish at {KEY_PLACE} as TXT: v=DKIM1; k=rsa; p={published(own_key)}"


@pytest.mark.parametrize(
    ("records", "mark", "what"),
    [
        ({}, Mark.WRONG, "shop.example has no DMARC record; large mailbox providers take no bulk mail without one."),
        (
            {("_dmarc.shop.example", "TXT"): ['"v=DMARC1; p=none"']},
            Mark.ADVICE,
            "_dmarc.shop.example says p=none, and nobody gets the reports.",
        ),
        (
            {("_dmarc.shop.example", "TXT"): ['"v=DMARC1; p=none; rua=mailto:d@shop.example"']},
            Mark.ADVICE,
            "_dmarc.shop.example says p=none: it counts, and does not protect your name yet.",
        ),
        (
            {("_dmarc.shop.example", "TXT"): ['"v=DMARC1; p=reject; rua=mailto:d@shop.example"']},
            Mark.GOOD,
            "_dmarc.shop.example says p=reject.",
        ),
        ({("_dmarc.shop.example", "TXT"): ['"v=DMARC1"']}, Mark.WRONG, "_dmarc.shop.example names no policy."),
        (
            {("_dmarc.shop.example", "TXT"): ['"v=DMARC1; p=none"', '"v=DMARC1; p=reject"']},
            Mark.WRONG,
            "_dmarc.shop.example has 2 DMARC records, which counts as none.",
        ),
    ],
)
def test_dmarc_of_a_domain_and_of_those_that_it_lies_in(records: Records, mark: Mark, what: str) -> None:
    for domain in (SHOP, "news.shop.example") if records else (SHOP,):
        found = examined(records, lambda names, domain=domain: examine_dmarc(names, domain))  # type: ignore[misc]  # the default is the loop's own
        assert (found.mark, found.what) == (mark, what)


def test_bounces_need_a_mail_server() -> None:
    found = examined({(SHOP, "MX"): ["10 mx.shop.example."]}, lambda names: examine_return_path(names, SHOP))
    assert (found.mark, found.what) == (Mark.GOOD, "mail to shop.example goes to mx.shop.example.")
    for records in ({}, {(SHOP, "MX"): ["0 ."]}, {(SHOP, "TXT"): ['"x"']}):
        found = examined(records, lambda names: examine_return_path(names, SHOP))
        assert found.mark is Mark.WRONG


def test_an_address_needs_a_name_that_leads_back_to_it() -> None:
    records = {
        ("mx.shop.example", "A"): ["192.0.2.1", "192.0.2.2"],
        ("1.2.0.192.in-addr.arpa", "PTR"): ["mx.shop.example."],
        ("2.2.0.192.in-addr.arpa", "PTR"): ["other.example."],
    }
    with name_server(records) as port:
        found = list(examine_host(Names("127.0.0.1", port, seconds=2), "mx.shop.example"))
    assert [(each.mark, each.what) for each in found] == [
        (Mark.GOOD, "192.0.2.1 is mx.shop.example."),
        (Mark.ADVICE, "192.0.2.2 (mx.shop.example) has no name that leads back to it."),
    ]


def test_name_servers_that_are_silent_prove_nothing() -> None:
    with name_server({}, is_silent=True) as port, pytest.raises(Unanswered, match=r"no answer about shop\.example"):
        examine_spf(Names("127.0.0.1", port, seconds=0.2), SHOP)


def test_alignment() -> None:
    assert is_aligned("Shop.example", "news.shop.example")
    assert is_aligned("news.shop.example", "shop.example")
    assert not is_aligned("myshop.example", "shop.example")
