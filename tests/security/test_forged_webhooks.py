"""Strangers who say that they are a vendor: nothing that they send is believed, and they make nobody ask elsewhere."""

import asyncio
import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy import Engine, func, select

from handbill.channels import sns
from handbill.channels.hooks import Genuine, Posted, Refused, Unreadable
from handbill.channels.sns import Certificates, SnsHook, fetch, is_certificate_address
from handbill.clock import fixed_clock
from handbill.operations.webhooks import Desk, Taken
from handbill.responses.webhooks import counts_of
from handbill.store.connection import reading
from handbill.store.tables import webhook
from tests.channels.webhook_senders import (
    CERTIFICATE,
    CLOCK,
    SECRET,
    SENDERS,
    TOPIC,
    certificate,
    hook,
    jwt,
    keys_for_environment,
    notification,
    posted,
    sample,
    sealed,
    subscription,
)
from tests.operations.shop import make_settings
from tests.web.test_webhooks import project_with

WORDS = {"ses": "bounce", "sendgrid": "bounce", "mailgun": "failed-permanent", "postmark": "hard", "resend": "bounced",
         "lob": "returned_to_sender", "postgrid": "returned_to_sender", "signed": "alone"}  # fmt: skip
OTHER = "somebody-elses-signing-key"


def request_of(vendor: str, **how: Any) -> Posted:
    return posted(vendor, sample(vendor, WORDS[vendor]), **how)


def take(desk: Desk, name: str, request: Posted) -> Taken:
    return asyncio.run(desk.take(name, request.headers, request.body))


class Asked:
    """Remembers what was asked for."""

    def __init__(self, answer: Callable[[str], bytes]) -> None:
        self.addresses: list[str] = []
        self._answer = answer

    def __call__(self, address: str) -> bytes:
        self.addresses.append(address)
        return self._answer(address)


def amazon_hook(asked: Asked) -> SnsHook:
    return SnsHook(TOPIC, certificates=Certificates(asked))


# ---------------------------------------------------------------- forged


@pytest.mark.parametrize("vendor", SENDERS)
def test_a_report_that_somebody_else_signed(vendor: str) -> None:
    assert hook(vendor).check(request_of(vendor, secret=OTHER), CLOCK) is Refused.FORGED


@pytest.mark.parametrize("vendor", SENDERS)
@pytest.mark.parametrize("what", ["empty", "short", "no base64 or hexadecimal", "of nothing"])
def test_a_signature_that_is_none(vendor: str, what: str) -> None:
    genuine = request_of(vendor)
    nothing = {"empty": "", "short": "00", "no base64 or hexadecimal": "zz~~ \u00fc", "of nothing": "AA==" * 16}[what]
    headers = {
        name: (f"t={int(CLOCK.timestamp() * 1000)},v1={nothing}" if vendor == "postgrid" else f"v1={nothing}")
        if name in {"postgrid-signature", "handbill-signature"}
        else (f"v1,{nothing}" if name == "svix-signature" else nothing)
        if name.endswith("signature") or name == "authorization"
        else value
        for name, value in genuine.headers.items()
    }
    body = genuine.body
    if vendor in {"ses", "mailgun"}:
        content = json.loads(body)
        if vendor == "ses":
            content["Signature"] = nothing
        else:
            content["signature"]["signature"] = nothing
        body = json.dumps(content).encode()
    verdict = hook(vendor).check(Posted(headers, body), CLOCK)
    assert verdict in {Refused.FORGED, Refused.UNSIGNED, Refused.WEAK}


def test_an_empty_key_opens_nothing() -> None:
    for vendor in ("mailgun", "lob", "postgrid", "signed", "resend"):
        keyless = replace(hook(vendor), keys=("",))  # type: ignore[type-var]
        assert keyless.check(request_of(vendor, secret=""), CLOCK) is Refused.FORGED


def test_two_keys_hold_while_one_takes_over_from_the_other() -> None:
    for vendor in ("mailgun", "lob", "postgrid", "signed"):
        both = replace(hook(vendor), keys=(OTHER, SECRET))  # type: ignore[type-var]
        assert isinstance(both.check(request_of(vendor), CLOCK), Genuine)
        assert isinstance(both.check(request_of(vendor, secret=OTHER), CLOCK), Genuine)


# ---------------------------------------------------------------- aged


@pytest.mark.parametrize("vendor", [vendor for vendor in SENDERS if vendor != "postmark"])
def test_a_report_of_two_days_ago(vendor: str) -> None:
    assert hook(vendor).check(request_of(vendor, now=CLOCK - timedelta(days=2)), CLOCK) is Refused.STALE


@pytest.mark.parametrize("vendor", [vendor for vendor in SENDERS if vendor != "postmark"])
def test_a_report_of_tomorrow(vendor: str) -> None:
    assert hook(vendor).check(request_of(vendor, now=CLOCK + timedelta(days=1)), CLOCK) is Refused.STALE


@pytest.mark.parametrize("stamp", ["", "yesterday", "1e400", "-1", "9" * 30, "0x10", "nan"])
@pytest.mark.parametrize("vendor", ["lob", "signed"])
def test_a_time_that_is_none(vendor: str, stamp: str) -> None:
    body = b'{"kind": "email.complained", "id": "1"}'
    signature = hmac.digest(SECRET.encode(), stamp.encode() + b"." + body, "sha256").hex()
    names = {
        "lob": ("lob-signature-timestamp", "lob-signature", ""),
        "signed": ("handbill-timestamp", "handbill-signature", "v1="),
    }
    at, signed, before = names[vendor]
    verdict = hook(vendor).check(Posted({at: stamp, signed: before + signature}, body), CLOCK)
    assert verdict in {Refused.STALE, Refused.UNSIGNED}


# ---------------------------------------------------------------- replayed


@pytest.fixture
def desk(store: Engine, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Desk:
    for vendor, key in keys_for_environment().items():
        monkeypatch.setenv(f"KEY_OF_{vendor.upper()}", key)
    project = project_with(tmp_path, email="mailgun", post="lob")
    return Desk(store, project, make_settings(tmp_path, store), fixed_clock(CLOCK))


def test_mailguns_token_with_another_event(desk: Desk, store: Engine) -> None:
    genuine = request_of("mailgun")
    assert take(desk, "mailgun", genuine) is Taken.KEPT
    content = json.loads(genuine.body)
    content["event-data"]["event"] = "complained"
    assert take(desk, "mailgun", Posted(genuine.headers, json.dumps(content).encode())) is Taken.REFUSED
    desk.write_counts()
    with reading(store) as connection:
        assert counts_of(connection) == {("mailgun", "refused", "replayed"): 1}
        assert connection.scalar(select(func.count()).select_from(webhook)) == 1


def test_the_same_request_again_is_kept_once(desk: Desk, store: Engine) -> None:
    genuine = request_of("lob")
    assert [take(desk, "lob", genuine) for _ in range(3)] == [Taken.KEPT] * 3
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(webhook)) == 1


def test_a_password_is_not_kept(store: Engine, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for vendor, key in keys_for_environment().items():
        monkeypatch.setenv(f"KEY_OF_{vendor.upper()}", key)
    desk = Desk(store, project_with(tmp_path, email="postmark"), make_settings(tmp_path, store), fixed_clock(CLOCK))
    genuine = request_of("postmark")
    assert take(desk, "postmark", genuine) is Taken.KEPT
    with reading(store) as connection:
        assert "authorization" not in connection.scalars(select(webhook.c.headers)).one()


def test_strangers_cannot_fill_the_store(desk: Desk, store: Engine) -> None:
    forged = request_of("lob", secret=OTHER)
    for number in range(200):
        assert take(desk, "lob", Posted(forged.headers, forged.body + b" " * number)) is Taken.REFUSED
    with reading(store) as connection:
        assert connection.scalar(select(func.count()).select_from(webhook)) == 0
        assert counts_of(connection) == {}  # counted in memory, and written down now and then
    desk.write_counts()
    with reading(store) as connection:
        assert counts_of(connection) == {("lob", "refused", "forged"): 200}


# ---------------------------------------------------------------- another method


def test_a_token_without_a_signature() -> None:
    unsigned = jwt(sample("postgrid", "completed"), CLOCK, SECRET, algorithm="none")
    assert hook("postgrid").check(unsigned, CLOCK) is Refused.WEAK


@pytest.mark.parametrize("algorithm", ["None", "NONE", "nOnE", "HS512", "RS256", "", "hs256"])
def test_a_token_that_names_another_method(algorithm: str) -> None:
    other = jwt(sample("postgrid", "completed"), CLOCK, SECRET, algorithm=algorithm)
    assert hook("postgrid").check(other, CLOCK) is Refused.WEAK


def test_a_token_that_has_run_out() -> None:
    expired = jwt(sample("postgrid", "completed"), CLOCK, SECRET, exp=int(CLOCK.timestamp()) - 1)
    assert hook("postgrid").check(expired, CLOCK) is Refused.STALE


def test_a_key_of_another_kind_than_the_vendors() -> None:
    request = request_of("sendgrid")
    stamp = request.headers["x-twilio-email-event-webhook-timestamp"]
    other = ec.generate_private_key(ec.SECP384R1()).sign(stamp.encode() + request.body, ec.ECDSA(SHA256()))
    headers = {**request.headers, "x-twilio-email-event-webhook-signature": base64.b64encode(other).decode()}
    assert hook("sendgrid").check(Posted(headers, request.body), CLOCK) is Refused.FORGED


@pytest.mark.parametrize("version", ["1", "3", "", 2, None])
def test_amazons_older_signature_and_those_that_do_not_exist(version: Any) -> None:
    fields = notification(sample("ses", "bounce"), CLOCK)
    request = sealed(fields)
    content = json.loads(request.body) | {"SignatureVersion": version}
    assert hook("ses").check(Posted({}, json.dumps(content).encode()), CLOCK) is Refused.WEAK


# ---------------------------------------------------------------- Amazon's certificate


@pytest.mark.parametrize(
    "address",
    [
        "http://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://evil.example/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.us-east-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://my-bucket.s3.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/../SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/?x=/SimpleNotificationService-0123456789abcdef.pem",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem\n",
        "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem#x",
        "https://SNS.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem",
        "https://169.254.169.254/SimpleNotificationService-0123456789abcdef.pem",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_certificate_that_lies_elsewhere_is_never_asked_for(address: str) -> None:
    asked = Asked(lambda _: certificate())
    request = sealed(notification(sample("ses", "bounce"), CLOCK, SigningCertURL=address))
    assert amazon_hook(asked).check(request, CLOCK) is Refused.FORGED
    assert asked.addresses == []
    assert not is_certificate_address(address, TOPIC)


def test_a_certificate_whose_address_leads_on_is_not_followed() -> None:
    visited: list[str] = []
    with _server(visited, redirects_to="/secret") as address, pytest.raises(OSError, match="answers 302"):
        fetch(f"{address}/SimpleNotificationService-0123456789abcdef.pem")
    assert visited == ["/SimpleNotificationService-0123456789abcdef.pem"]


def test_a_certificate_without_end_is_not_read_to_the_end() -> None:
    with _server([], size=10_000_000) as address, pytest.raises(OSError, match="65537 bytes"):
        fetch(address)


def test_a_certificate_of_somebody_else() -> None:
    other = rsa.generate_private_key(65537, 2048)
    fields = notification(sample("ses", "bounce"), CLOCK)
    signed = "".join(f"{name}\n{fields[name]}\n" for name in ("Message", "MessageId", "Timestamp", "TopicArn", "Type"))
    fields["Signature"] = base64.b64encode(other.sign(signed.encode(), PKCS1v15(), SHA256())).decode()
    assert hook("ses").check(Posted({}, json.dumps(fields).encode()), CLOCK) is Refused.FORGED


def test_a_certificate_that_has_run_out() -> None:
    old = Asked(lambda _: certificate(CLOCK - timedelta(days=400), 365))
    assert amazon_hook(old).check(request_of("ses"), CLOCK) is Refused.LATER


@pytest.mark.parametrize("answer", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_an_answer_that_is_no_certificate(answer: bytes) -> None:
    assert amazon_hook(Asked(lambda _: answer)).check(request_of("ses"), CLOCK) is Refused.LATER


def test_invented_certificates_make_us_ask_only_so_often() -> None:
    def nothing(address: str) -> bytes:
        raise OSError(address)

    asked = Asked(nothing)
    checked = amazon_hook(asked)
    for number in range(100):
        address = CERTIFICATE.replace("0123456789abcdef0123456789abcdef", f"{number:032x}")
        request = sealed(notification(sample("ses", "bounce"), CLOCK, SigningCertURL=address))
        assert checked.check(request, CLOCK) is Refused.LATER
    assert len(asked.addresses) == Certificates.tries_a_minute
    assert checked.check(request, CLOCK + timedelta(minutes=2)) in {Refused.LATER, Refused.STALE}
    assert len(asked.addresses) == Certificates.tries_a_minute + 1


def test_the_certificate_is_asked_for_once() -> None:
    asked = Asked(lambda _: certificate())
    checked = amazon_hook(asked)
    for number in range(5):
        assert isinstance(checked.check(request_of("ses", token=str(number)), CLOCK), Genuine)
    assert asked.addresses == [CERTIFICATE]


# ---------------------------------------------------------------- Amazon's topic


@pytest.mark.parametrize(
    "topic",
    [
        "arn:aws:sns:eu-west-1:999999999999:handbill",
        "arn:aws:sns:us-east-1:123456789012:handbill",
        "arn:aws:sns:eu-west-1:123456789012:handbill2",
        f"{TOPIC}\n",
        "",
        None,
        [TOPIC],
    ],
)
def test_a_topic_of_somebody_else(topic: Any) -> None:
    asked = Asked(lambda _: certificate())
    request = sealed(notification(sample("ses", "bounce"), CLOCK, TopicArn=topic))
    assert amazon_hook(asked).check(request, CLOCK) is Refused.FOREIGN
    assert asked.addresses == []


def test_a_subscription_to_somebody_elses_topic_is_not_confirmed() -> None:
    request = subscription(TopicArn="arn:aws:sns:eu-west-1:999999999999:theirs")
    assert hook("ses").check(request, CLOCK) is Refused.FOREIGN


def test_the_address_that_a_subscription_names_is_never_asked_for() -> None:
    asked = Asked(lambda _: b"")
    sns.confirm(subscription(SubscribeURL="http://169.254.169.254/latest/meta-data/").body, TOPIC, asked)
    (address,) = asked.addresses
    assert address.startswith("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&")


@pytest.mark.parametrize("token", ["", "a b", "x&Action=Publish", "x#", "\u00fc", "a" * 600, None, 7])
def test_a_token_that_is_none_confirms_nothing(token: Any) -> None:
    asked = Asked(lambda _: b"")
    with pytest.raises(Unreadable):
        sns.confirm(json.dumps({"Token": token}).encode(), TOPIC, asked)
    assert asked.addresses == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Message", "{}"),
        ("MessageId", "x"),
        ("Type", "UnsubscribeConfirmation"),
        ("Timestamp", "2026-12-01T09:30:59.000Z"),
        ("Subject", "a word more"),
    ],
)
def test_a_changed_field_of_a_notification(name: str, value: str) -> None:
    content = json.loads(request_of("ses").body) | {name: value}
    verdict = hook("ses").check(Posted({}, json.dumps(content).encode()), CLOCK)
    assert verdict in {Refused.FORGED, Refused.UNREADABLE}


def test_a_svix_id_of_another_message() -> None:
    request = request_of("resend")
    changed = {**request.headers, "svix-id": "msg_" + hashlib.sha256(b"other").hexdigest()}
    assert hook("resend").check(Posted(changed, request.body), CLOCK) is Refused.FORGED


@contextmanager
def _server(visited: list[str], *, redirects_to: str = "", size: int = 0) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visited.append(self.path)
            self.send_response(302 if redirects_to else 200)
            if redirects_to:
                self.send_header("Location", redirects_to)
            self.end_headers()
            try:
                for _ in range(size // 1000):
                    self.wfile.write(b"x" * 1000)
            except OSError:
                return  # nobody reads on

        def log_message(self, *_: Any) -> None:
            """Tests print nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.server_port}"
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()
