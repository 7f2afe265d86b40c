"""Amazon's notification service, which carries what SES reports: whether a notification is genuine and ours."""

import re
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import requests
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA1, SHA256, HashAlgorithm

from handbill.channels.hooks import (
    Genuine,
    Posted,
    Refused,
    Unreadable,
    is_fresh,
    moment_in,
    nonce_of,
    read_json,
    text_in,
    unbase64,
)

FORMAT = "ses"
OLDEST = timedelta(minutes=75)
"""It goes on trying for an hour when nobody answers."""
TOPIC = re.compile(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z]{2}(?:-[a-z]+)+-[0-9]):([0-9]{12}):([A-Za-z0-9_-]{1,256})")
"""A topic's name, the same in every message: partition, region, account, and its own name."""

_CERTIFICATE = r"/SimpleNotificationService-[0-9A-Za-z]{16,64}\.pem"
_TOKEN = re.compile(r"[0-9A-Za-z]{1,512}")
_SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_SIGNED["UnsubscribeConfirmation"] = _SIGNED["SubscriptionConfirmation"]
_LARGEST_ANSWER = 64 * 1024

Fetch = Callable[[str], bytes]
"""What a web address answers. Raises OSError when it does not answer as it should."""


def fetch(address: str) -> bytes:
    """What an address of Amazon's answers: without following it elsewhere, without waiting long.

    Raises:
        OSError: it does not answer, or with anything but 200 and a small body.
    """
    with requests.get(address, timeout=(2, 2), allow_redirects=False, stream=True) as response:
        body = response.raw.read(_LARGEST_ANSWER + 1, decode_content=True)
        if response.status_code != 200 or len(body) > _LARGEST_ANSWER:
            raise OSError(f"{address} answers {response.status_code} with {len(body)} bytes")
        return bytes(body)


class Certificates:
    """The certificates with which Amazon signs, each fetched once.

    A stranger may name addresses that Amazon does not know; so failures are remembered for a while, and only so many
    are tried in a minute.
    """

    kept = 16
    tries_a_minute = 10
    forget_failures_after = timedelta(minutes=1)

    def __init__(self, fetch: Fetch = fetch) -> None:
        self._fetch = fetch
        self._lock = threading.Lock()
        self._known: dict[str, x509.Certificate] = {}
        self._failed: dict[str, datetime] = {}
        self._tries: deque[datetime] = deque()

    def key(self, address: str, now: datetime) -> RSAPublicKey | None:
        """The public key of a certificate that holds now; None when it cannot be had."""
        with self._lock:
            certificate = self._known.get(address) or self._get(address, now)
        if certificate is None or not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
            return None
        key = certificate.public_key()
        return key if isinstance(key, RSAPublicKey) else None

    def _get(self, address: str, now: datetime) -> x509.Certificate | None:
        if self._is_over_limit(address, now):
            return None
        try:
            certificate = x509.load_pem_x509_certificate(self._fetch(address))
        except (OSError, ValueError):  # errors of requests are OSErrors
            self._failed[address] = now
            return None
        if len(self._known) >= self.kept:
            self._known.pop(next(iter(self._known)))
        self._known[address] = certificate
        return certificate

    def _is_over_limit(self, address: str, now: datetime) -> bool:
        self._failed = {each: at for each, at in self._failed.items() if at > now - self.forget_failures_after}
        while self._tries and self._tries[0] <= now - timedelta(minutes=1):
            self._tries.popleft()
        if address in self._failed or len(self._tries) >= self.tries_a_minute:
            return True
        self._tries.append(now)
        return False


@dataclass(frozen=True)
class SnsHook:
    """Notifications of one topic. `allows_sha1` lets the older signatures pass."""

    topic: str
    allows_sha1: bool = False
    certificates: Certificates = field(default_factory=Certificates, compare=False)
    format: str = FORMAT

    def check(self, posted: Posted, now: datetime) -> Genuine | Refused:
        """RSA over the fields, under a certificate from Amazon's own address in the topic's region."""
        try:
            content = read_json(posted.body)
        except Unreadable:
            return Refused.UNREADABLE
        fields = content if isinstance(content, dict) else {}
        if refused := self._refusal(fields, now):
            return refused
        key = self.certificates.key(fields["SigningCertURL"], now)
        if key is None:
            return Refused.LATER
        if not self._is_signed(key, fields):
            return Refused.FORGED
        return Genuine(nonce_of(fields["MessageId"]), asks=fields["Type"] == "SubscriptionConfirmation")

    def _refusal(self, fields: dict[str, Any], now: datetime) -> Refused | None:
        """What is wrong before anything is fetched or calculated."""
        address = fields.get("SigningCertURL")
        checks = (
            (not text_in(fields, "Signature"), Refused.UNSIGNED),
            (fields.get("TopicArn") != self.topic, Refused.FOREIGN),
            (_signed_text(fields) is None, Refused.UNREADABLE),
            (self._algorithm(fields) is None, Refused.WEAK),
            (not is_fresh(moment_in(fields, "Timestamp"), now, OLDEST), Refused.STALE),
            (not isinstance(address, str) or not is_certificate_address(address, self.topic), Refused.FORGED),
        )
        return next((reason for is_wrong, reason in checks if is_wrong), None)

    def _is_signed(self, key: RSAPublicKey, fields: dict[str, Any]) -> bool:
        signed, algorithm = _signed_text(fields), self._algorithm(fields)
        if signed is None or algorithm is None:
            return False
        try:
            key.verify(unbase64(fields["Signature"]), signed, PKCS1v15(), algorithm)
        except InvalidSignature:
            return False
        return True

    def _algorithm(self, fields: dict[str, Any]) -> HashAlgorithm | None:
        version = fields.get("SignatureVersion")
        if version == "2":
            return SHA256()
        return SHA1() if version == "1" and self.allows_sha1 else None  # noqa: S303 - only where the project allows it


def is_certificate_address(address: str, topic: str) -> bool:
    """Whether a certificate may be fetched from there: nowhere but at Amazon, in the topic's own region."""
    host = _host(topic)
    return bool(host and re.fullmatch(re.escape(f"https://{host}") + _CERTIFICATE, address, re.ASCII))


def confirm(body: bytes, topic: str, fetch: Fetch = fetch) -> None:
    """Says to Amazon that we want the topic's notifications, as a genuine request asks us to.

    The address that the request names is not used: ours is made of the topic and the token alone.

    Raises:
        OSError: Amazon cannot be reached, or refuses.
        Unreadable: the request holds no token.
    """
    content = read_json(body)
    token = content.get("Token") if isinstance(content, dict) else None
    host = _host(topic)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token) or host is None:
        raise Unreadable
    fetch(f"https://{host}/?{urlencode({'Action': 'ConfirmSubscription', 'TopicArn': topic, 'Token': token})}")


def _host(topic: str) -> str | None:
    match = TOPIC.fullmatch(topic)
    if match is None:
        return None
    return f"sns.{match[2]}.amazonaws.com{'.cn' if match[1] == 'aws-cn' else ''}"


def _signed_text(fields: dict[str, Any]) -> bytes | None:
    """The text under the signature: names and values, each on its line. None where a field is missing."""
    names = _SIGNED.get(str(fields.get("Type")))
    if names is None:
        return None
    values = [(name, fields.get(name)) for name in names if name != "Subject" or fields.get(name) is not None]
    if not all(isinstance(value, str) for _, value in values):
        return None
    return "".join(f"{name}\n{value}\n" for name, value in values).encode("utf-8", "replace")
