"""What the doctor finds, with a real mail server and a real name server on this machine."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from handbill.cli import invoke
from handbill.operations.bulk_rules import examine_message
from tests.channels.name_server import Records, name_server
from tests.operations.shop import make_project
from tests.scenarios.fault_server import FaultServer, serving

DKIM = "    dkim: {domain: shop.test, selector: hb1, key_file: keys/dkim.pem}"
ONE_CLICK = "people can unsubscribe by mail only; Gmail and Yahoo ask large senders for one click (RFC 8058)."
MESSAGE = (
    b"From: Shop <news@shop.test>\r\nTo: ann@x.example\r\nSubject: Hello\r\nDate: Tue, 01 Dec 2026 09:00:00 +0000\r\n"
    b"Message-ID: <1@shop.test>\r\nMIME-Version: 1.0\r\nList-Unsubscribe: <https://go.shop.test/u/1>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
    b"--b\r\nContent-Type: text/plain\r\n\r\n1 Road\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>1 Road</p>\r\n--b--\r\n"
)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with serving(FaultServer()) as server:
        yield server


def records_of(root: Path) -> Records:
    """Makes a signing key in the project; answers a DNS in which all is well."""
    key = rsa.generate_private_key(65537, 2048)
    (root / "keys").mkdir(parents=True)
    (root / "keys" / "dkim.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = base64.b64encode(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).decode()
    return {
        ("shop.test", "TXT"): ['"v=spf1 ip4:192.0.2.1 -all"'],
        ("shop.test", "MX"): ["10 mx.shop.test."],
        ("hb1._domainkey.shop.test", "TXT"): [f'"v=DKIM1; p={public[:200]}" "{public[200:]}"'],
        ("_dmarc.shop.test", "TXT"): ['"v=DMARC1; p=quarantine; rua=mailto:dmarc@shop.test"'],
    }


def marks(root: Path, capsys: pytest.CaptureFixture[str], *options: str) -> dict[str, tuple[str, str]]:
    """What `handbill doctor --json` says, by topic."""
    invoke(["doctor", "--project", str(root), "--json", *options])
    return {each["topic"]: (each["mark"], each["what"]) for each in json.loads(capsys.readouterr().out)}


def test_where_all_is_well_it_says_so_and_ends_well(
    tmp_path: Path, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with name_server(records_of(tmp_path)) as port:
        make_project(tmp_path, server.port, email=DKIM)
        assert invoke(["doctor", "--project", str(tmp_path), "--dns", f"127.0.0.1:{port}"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "✓ database: SQLite, with the tables of this version.",
        f"✓ mail server: 127.0.0.1:{server.port} takes mail from us, not encrypted.",
        f"! spring: {ONE_CLICK}",
        "  It needs a public address for unsubscribing.",
        "✓ SPF: shop.test: v=spf1 ip4:192.0.2.1 -all",
        "✓ DKIM: hb1._domainkey.shop.test holds our key.",
        "✓ DMARC: _dmarc.shop.test says p=quarantine.",
        "✓ bounces: mail to shop.test goes to mx.shop.test.",
    ]
    assert server.taken == []


def test_what_is_wrong_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with name_server({}) as port:
        make_project(tmp_path, 9, email=DKIM)
        assert invoke(["doctor", "--project", str(tmp_path), "--dns", f"127.0.0.1:{port}"]) == 2
    lines = capsys.readouterr().out.splitlines()
    assert "✗ mail server: the mail server 127.0.0.1:9 cannot be reached (connection refused)." in lines
    assert f"✗ DKIM: the signing key in {tmp_path}/keys/dkim.pem cannot be read (no such file or directory)." in lines
    assert "✗ SPF: shop.test has no SPF record." in lines


def test_a_campaign_whose_key_is_missing_is_named(
    tmp_path: Path, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    make_project(tmp_path, server.port, email=DKIM)
    with name_server({}) as port:
        found = marks(tmp_path, capsys, "--dns", f"127.0.0.1:{port}")
    assert found["spring"][0] == "wrong"


def test_name_servers_that_are_silent_are_asked_once(
    tmp_path: Path, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    make_project(tmp_path, server.port)
    with name_server({}, is_silent=True) as port:
        found = marks(tmp_path, capsys, "--dns", f"127.0.0.1:{port}")
    assert found["DNS"] == ("unknown", "the name servers do not answer (no answer about shop.test).")
    assert "DMARC" not in found


def test_a_name_server_that_is_no_address_is_refused(
    tmp_path: Path, server: FaultServer, capsys: pytest.CaptureFixture[str]
) -> None:
    make_project(tmp_path, server.port)
    assert invoke(["doctor", "--project", str(tmp_path), "--dns", "everywhere"]) == 2
    assert "everywhere is not the address of a name server. Write it like 192.0.2.53" in capsys.readouterr().err


def test_mail_into_a_folder_needs_no_dns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_project(tmp_path, 25)
    path = tmp_path / "campaigns.yaml"
    path.write_text(
        path.read_text(encoding="utf-8").replace(
            "provider: smtp\n    host: 127.0.0.1\n    port: 25\n    security: none", "provider: file"
        ),
        encoding="utf-8",
    )
    found = marks(tmp_path, capsys)
    assert found["mail server"] == ("good", "messages go into a folder on this machine, and to nobody.")
    assert set(found) == {"database", "mail server", "spring"}


@pytest.mark.parametrize(
    ("was", "became", "what"),
    [
        (b"Subject: Hello", b"Subject: ", "its subject is empty."),
        (b"Subject: Hello", b"Subject: " + b"x" * 90, "its subject has 90 characters, and inboxes cut it at 78."),
        (b"Date: ", b"Date: Tue, 01 Dec 2026 09:00:00 +0000\r\nDate: ", "it has not exactly one Date header."),
        (b"text/html", b"text/plain", "it has no HTML part."),
        (b"<p>1 Road</p>", b"<p>Hello</p>", "its HTML part does not name your postal address."),
        (b"https://go.shop.test", b"mailto:go@shop.test", ONE_CLICK),
        (b"List-Unsubscribe: <https://go.shop.test/u/1>\r\n", b"", "it has no List-Unsubscribe header."),
        (b"<p>", b"x" * 1000 + b"<p>", "it has a line of 1013 octets, and 998 are allowed."),
        (b"<p>", (b"y" * 70 + b"\r\n") * 1501 + b"<p>",
         "its HTML has 108 kB, and Gmail hides what comes after 102 kB."),
        (b"From: ", b"DKIM-Signature: v=1; d=other.test; s=a\r\nFrom: ",
         "it is signed by other.test and comes from shop.test."),
    ],
)  # fmt: skip
def test_each_rule_for_bulk_senders_is_looked_at(was: bytes, became: bytes, what: str) -> None:
    assert was in MESSAGE
    found = examine_message(MESSAGE.replace(was, became, 1), "spring", is_marketing=True, postal_address="1 Road, X")
    assert what in [each.what for each in found]


def test_a_message_that_keeps_every_rule_is_said_to() -> None:
    (found,) = examine_message(MESSAGE, "spring", is_marketing=True, postal_address="1 Road, X")
    assert (found.mark, found.what) == ("good", "keeps every rule, in 0.4 kB.")
