"""What arrives is signed by the sender's key, the same at every try, and nothing leaves without the key."""

import base64
from pathlib import Path

import dkim
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from sqlalchemy import Engine

from handbill.clock import fixed_clock
from handbill.errors import SetupIncomplete
from handbill.operations.control import resend
from tests.conftest import NOW
from tests.scenarios.fault_server import DOT, Fault, FaultServer
from tests.scenarios.sending import sending

DKIM = "    connections: 1\n    dkim: {domain: shop.test, selector: hb1, key_file: keys/dkim.pem}"


def write_key(root: Path) -> bytes:
    """Makes a private key in the project; answers the public one as the DNS has it."""
    key = rsa.generate_private_key(65537, 2048)
    (root / "keys").mkdir(parents=True)
    (root / "keys" / "dkim.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)


def is_genuine(message: bytes, record: bytes) -> bool:
    # The clock of these tests is ahead of the library's, which takes no signature from the future.
    stamp = message.partition(b"; t=")[2].partition(b";")[0]
    assert stamp.isdigit()
    return bool(dkim.verify(message, dnsfunc=lambda _name, timeout=5: record))  # noqa: ARG005 - the library passes it


def test_every_message_of_a_run_is_signed(store: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record = write_key(tmp_path)
    with sending(store, tmp_path, FaultServer(), people=3, email=DKIM) as sent:
        sent.drain()
        monkeypatch.setattr("dkim.time.time", lambda: 2_000_000_000)
        assert [is_genuine(taken.message, record) for taken in sent.server.taken] == [True] * 3
        altered = sent.server.taken[0].message.replace(b"Subject: Hello", b"Subject: Hullo")
        assert not is_genuine(altered, record)


def test_a_second_try_carries_the_same_signature(store: Engine, tmp_path: Path) -> None:
    write_key(tmp_path)
    silent = Fault(DOT, drops=True, takes=True, times=1)
    with sending(store, tmp_path, FaultServer([silent]), people=1, email=DKIM) as sent:
        sent.drain()
        resend(store, "spring", clock=fixed_clock(NOW))
        sent.drain()
        first, second = (taken.message for taken in sent.server.taken)
    assert first.startswith(b"DKIM-Signature: ")
    assert first == second


def test_nothing_leaves_unsigned_where_the_key_is_missing(store: Engine, tmp_path: Path) -> None:
    with sending(store, tmp_path, FaultServer(), people=2, email=DKIM) as sent:
        with pytest.raises(SetupIncomplete) as caught:
            sent.drain()
        assert str(caught.value) == (
            f"the signing key in {tmp_path}/keys/dkim.pem cannot be read (no such file or directory). "
            "Correct channels.email.dkim.key_file."
        )
        assert sent.server.taken == []
        assert sent.books.open == 2
