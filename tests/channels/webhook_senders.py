"""Requests as the vendors send them: recorded samples with our message in them, signed with keys of the tests."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from handbill.channels.hooks import Hook, Posted
from handbill.channels.lob import LobHook
from handbill.channels.mailgun import MailgunHook
from handbill.channels.postgrid import PostGridHook
from handbill.channels.postmark import PostmarkHook
from handbill.channels.resend import ResendHook
from handbill.channels.sendgrid import SendGridHook
from handbill.channels.signed import SignedHook
from handbill.channels.sns import Certificates, SnsHook

SAMPLES = Path(__file__).parent / "samples"
SECRET = "a-signing-key-of-the-tests"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:handbill"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
CLOCK = datetime(2026, 12, 1, 9, 31, tzinfo=UTC)
"""When the samples come in, a minute after what they report."""

Headers = dict[str, str]


def sample(vendor: str, name: str, *, label: str = "LABEL", provider_id: str = "PROVIDER", **changes: str) -> Any:
    """What a vendor reports about one message. `changes` replaces other texts in it."""
    text = (SAMPLES / vendor / f"{name}.json").read_text(encoding="utf-8")
    for old, new in {"LABEL": label, "PROVIDER": provider_id, **changes}.items():
        text = text.replace(old, new)
    return json.loads(text)


def names_of(vendor: str) -> list[str]:
    """All samples of a vendor."""
    return sorted(path.stem for path in (SAMPLES / vendor).glob("*.json"))


def posted(vendor: str, content: Any, *, now: datetime = CLOCK, secret: str = SECRET, token: str = "") -> Posted:
    """The request with which a vendor reports `content` now. `token` makes requests of the same content differ."""
    return SENDERS[vendor](content, now, secret, token)


def hook(vendor: str, fetch: Callable[[str], bytes] | None = None) -> Hook:
    """A hook that believes these requests."""
    if vendor == "ses":
        return SnsHook(TOPIC, certificates=Certificates(fetch or amazon))
    return HOOKS[vendor]


def amazon(address: str) -> bytes:
    """What Amazon answers where its certificate is."""
    if address != CERTIFICATE:
        raise OSError(f"there is nothing at {address}")
    return certificate()


@cache
def sendgrid_key() -> ec.EllipticCurvePrivateKey:
    """The vendor's half."""
    return ec.generate_private_key(ec.SECP256R1())


def sendgrid_public_key() -> str:
    """Our half, as the vendor shows it."""
    der = sendgrid_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(der).decode()


@cache
def amazon_key() -> rsa.RSAPrivateKey:
    """The key with which notifications are signed."""
    return rsa.generate_private_key(65537, 2048)


@cache
def certificate(begins: datetime = CLOCK - timedelta(days=30), days: int = 365) -> bytes:
    """The certificate of that key."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(amazon_key().public_key())
        .serial_number(7)
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .sign(amazon_key(), SHA256())
    )
    return made.public_bytes(Encoding.PEM)


def notification(content: Any, now: datetime, *, token: str = "", **changes: Any) -> dict[str, Any]:
    """An envelope of Amazon's notification service, not signed yet."""
    message = content if isinstance(content, str) else json.dumps(content)
    id_ = hashlib.sha256(f"{message}{token}".encode()).hexdigest()
    fields = {
        "Type": "Notification",
        "MessageId": f"{id_[:8]}-{id_[8:12]}-{id_[12:16]}",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": f"{now:%Y-%m-%dT%H:%M:%S.000Z}",
        "SignatureVersion": "2",
        "SigningCertURL": CERTIFICATE,
        "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
    }
    return {**fields, **changes}


def sealed(fields: Mapping[str, Any]) -> Posted:
    """The envelope, signed in the way that it names."""
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    if fields["Type"] == "Notification":
        names = [name for name in names if name not in {"SubscribeURL", "Token"}]
    signed = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields).encode()
    algorithm = SHA1() if fields["SignatureVersion"] == "1" else SHA256()  # noqa: S303 - as Amazon's older signatures do
    signature = amazon_key().sign(signed, padding.PKCS1v15(), algorithm)
    body = json.dumps({**fields, "Signature": base64.b64encode(signature).decode()}).encode()
    return Posted({"content-type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": str(fields["Type"])}, body)


def subscription(now: datetime = CLOCK, **changes: Any) -> Posted:
    """A request to confirm the subscription, whose address leads elsewhere."""
    asked = {
        "Type": "SubscriptionConfirmation",
        "Token": "2336412f37fb687f5d51e6e2425f004aed",
        "SubscribeURL": "http://169.254.169.254/latest/meta-data/",
    }
    return sealed(notification("You have chosen to subscribe to the topic.", now, **{**asked, **changes}))


def jwt(content: Any, now: datetime, secret: str, *, algorithm: str = "HS256", **claims: Any) -> Posted:
    """PostGrid's other form: the whole body is a signed token."""
    head = _url64(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    payload = _url64(json.dumps({**content, "iat": int(now.timestamp()), **claims}).encode())
    signed = f"{head}.{payload}".encode()
    signature = "" if algorithm == "none" else _url64(hmac.digest(secret.encode(), signed, "sha256"))
    return Posted({"content-type": "text/plain"}, signed + b"." + signature.encode())


def _sendgrid(content: Any, now: datetime, secret: str, token: str) -> Posted:
    key = sendgrid_key() if secret == SECRET else ec.generate_private_key(ec.SECP256R1())
    body, stamp = json.dumps(content).encode() + b" " * len(token), str(int(now.timestamp()))
    signature = base64.b64encode(key.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()
    return Posted(
        {
            "content-type": "application/json",
            "x-twilio-email-event-webhook-signature": signature,
            "x-twilio-email-event-webhook-timestamp": stamp,
        },
        body,
    )


def _mailgun(content: Any, now: datetime, secret: str, token: str) -> Posted:
    stamp = str(int(now.timestamp()))
    token = hashlib.sha256(f"{token}{json.dumps(content)}".encode()).hexdigest()[:50]
    signature = hmac.digest(secret.encode(), f"{stamp}{token}".encode(), "sha256").hex()
    signed = {"timestamp": stamp, "token": token, "signature": signature}
    return Posted({"content-type": "application/json"}, json.dumps({**content, "signature": signed}).encode())


def _postmark(content: Any, _now: datetime, secret: str, token: str) -> Posted:
    credentials = base64.b64encode(f"handbill:{secret}".encode()).decode()
    headers = {"content-type": "application/json", "authorization": f"Basic {credentials}"}
    return Posted(headers, json.dumps(content).encode() + b" " * len(token))


def _resend(content: Any, now: datetime, secret: str, token: str) -> Posted:
    body, stamp = json.dumps(content).encode() + b" " * len(token), str(int(now.timestamp()))
    id_ = "msg_" + hashlib.sha256(body).hexdigest()[:27]
    signature = base64.b64encode(hmac.digest(secret.encode(), f"{id_}.{stamp}.".encode() + body, "sha256")).decode()
    headers = {"svix-id": id_, "svix-timestamp": stamp, "svix-signature": f"v1,AAAA v1,{signature}"}
    return Posted({"content-type": "application/json", **headers}, body)


def _ses(content: Any, now: datetime, secret: str, token: str) -> Posted:
    request = sealed(notification(content, now, token=token))
    if secret == SECRET:
        return request
    return Posted(request.headers, request.body.replace(b'"Signature": "', b'"Signature": "AAAA'))


def _lob(content: Any, now: datetime, secret: str, token: str) -> Posted:
    body, stamp = json.dumps(content).encode() + b" " * len(token), str(int(now.timestamp() * 1000))
    signature = hmac.digest(secret.encode(), stamp.encode() + b"." + body, "sha256").hex()
    return Posted({"lob-signature": signature, "lob-signature-timestamp": stamp}, body)


def _postgrid(content: Any, now: datetime, secret: str, token: str) -> Posted:
    body, stamp = json.dumps(content).encode() + b" " * len(token), str(int(now.timestamp() * 1000))
    signature = hmac.digest(secret.encode(), stamp.encode() + b"." + body, "sha256").hex()
    return Posted({"postgrid-signature": f"t={stamp},v1={signature}"}, body)


def _signed(content: Any, now: datetime, secret: str, token: str) -> Posted:
    body, stamp = json.dumps(content).encode() + b" " * len(token), str(int(now.timestamp()))
    signature = hmac.digest(secret.encode(), stamp.encode() + b"." + body, "sha256").hex()
    return Posted({"handbill-timestamp": stamp, "handbill-signature": f"v1={signature}"}, body)


def _url64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


SENDERS: Mapping[str, Callable[[Any, datetime, str, str], Posted]] = {
    "ses": _ses,
    "sendgrid": _sendgrid,
    "mailgun": _mailgun,
    "postmark": _postmark,
    "resend": _resend,
    "lob": _lob,
    "postgrid": _postgrid,
    "signed": _signed,
}


def keys_for_environment() -> dict[str, str]:
    """What stands in the environment for each vendor's `signing_key`."""
    return {
        "sendgrid": sendgrid_public_key(),
        "resend": "whsec_" + base64.b64encode(SECRET.encode()).decode(),
        **dict.fromkeys(("mailgun", "postmark", "lob", "postgrid", "signed"), SECRET),
    }


_KEYS = keys_for_environment()
HOOKS: Mapping[str, Hook] = {
    "sendgrid": SendGridHook((_KEYS["sendgrid"],)),
    "mailgun": MailgunHook((SECRET,)),
    "postmark": PostmarkHook((SECRET,)),
    "resend": ResendHook((_KEYS["resend"],)),
    "lob": LobHook((SECRET,)),
    "postgrid": PostGridHook((SECRET,)),
    "signed": SignedHook((SECRET,)),
}
