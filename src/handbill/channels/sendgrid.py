"""E-mail through SendGrid: sending, and what it reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from handbill.channels.contract import Answer, BounceKind, EventKind, Outgoing
from handbill.channels.hooks import (
    UNREADABLE,
    Genuine,
    Posted,
    Refused,
    Report,
    Unreadable,
    digest_of,
    from_seconds,
    id_in,
    is_fresh,
    moment_in,
    nonce_of,
    read_json,
    text_in,
    unbase64,
)
from handbill.channels.http_line import Reply, accepted, failed, refused
from handbill.channels.mail_parts import Mailbox, parts_of

_NOT_TRACKED = {
    "click_tracking": {"enable": False, "enable_text": False},
    "open_tracking": {"enable": False},
    "subscription_tracking": {"enable": False},
}
"""The vendor would rewrite links and add footers of its own; ours are in the message already."""


@dataclass(frozen=True)
class SendGrid:
    """An account."""

    api_key: str = field(repr=False)
    endpoint: str = "https://api.sendgrid.com"
    remembers_keys: bool = False

    def request(self, message: Outgoing) -> requests.Request:
        """`POST /v3/mail/send`."""
        parts = parts_of(message.message)
        content: dict[str, Any] = {
            "personalizations": [{"to": [{"email": message.recipient}], "custom_args": dict(message.labels)}],
            "from": _written(parts.sender),
            "subject": parts.subject,
            "content": [{"type": "text/plain", "value": parts.text}, {"type": "text/html", "value": parts.html}],
            "headers": dict(parts.headers),
            "tracking_settings": _NOT_TRACKED,
        }
        if parts.reply_to:
            content["reply_to"] = _written(parts.reply_to)
        headers = {"Authorization": f"Bearer {self.api_key}"}
        return requests.Request("POST", f"{self.endpoint}/v3/mail/send", json=content, headers=headers)

    def judge(self, reply: Reply) -> Answer:
        """Empty with an id in a header; or errors that name the field that they are about."""
        if reply.status < 300:
            return accepted(reply, reply.headers.get("X-Message-Id", ""))
        # Every error must be about the recipient: a message with another one would fail for everybody.
        about_recipient = [str(each.get("field")).startswith("personalizations.0.to") for each in reply.errors]
        return failed(reply) if about_recipient and all(about_recipient) else refused(reply)


def _written(mailbox: Mailbox) -> dict[str, str]:
    return {"email": mailbox.address, "name": mailbox.name} if mailbox.name else {"email": mailbox.address}


# ---------------------------------------------------------------- what it reports

FORMAT = "sendgrid"
OLDEST = timedelta(hours=25)
"""It goes on trying for 24 hours when nobody answers."""

KINDS: Mapping[str, EventKind | None] = {
    "processed": EventKind.ACCEPTED,
    "dropped": EventKind.REJECTED,
    "delivered": EventKind.DELIVERED,
    "deferred": EventKind.DEFERRED,
    "bounce": EventKind.BOUNCED,
    "open": EventKind.OPENED,
    "click": EventKind.CLICKED,
    "spamreport": EventKind.COMPLAINED,
    "unsubscribe": EventKind.UNSUBSCRIBED,
    "group_unsubscribe": EventKind.UNSUBSCRIBED,
    "group_resubscribe": None,  # consent is given to us, not to a vendor
    "account_status_change": None,
}
_BOUNCES: Mapping[str, BounceKind] = {
    "Invalid Address": BounceKind.HARD,
    "Mailbox Unavailable": BounceKind.SOFT,
    "Technical": BounceKind.SOFT,
    "Content": BounceKind.BLOCKED,
    "Reputation": BounceKind.BLOCKED,
    "Frequency/Volume": BounceKind.BLOCKED,
    "Frequency or Volume Too High": BounceKind.BLOCKED,
    "Unclassified": BounceKind.UNKNOWN,
}
"""What it makes of the other server's words."""
_TYPES: Mapping[str, BounceKind] = {"bounce": BounceKind.HARD, "blocked": BounceKind.BLOCKED}
"""The same, where it does not classify them."""
_LISTS: Mapping[str, str] = {
    "Bounced Address": "bounce",
    "Invalid": "bounce",
    "Spam Reporting Address": "complaint",
    "Unsubscribed Address": "unsubscribe",
}
"""Why it drops messages to an address that it knows already."""


@dataclass(frozen=True)
class SendGridHook:
    """Requests signed with an elliptic curve's key; we hold the public half."""

    keys: tuple[str, ...]
    format: str = FORMAT

    def check(self, posted: Posted, now: datetime) -> Genuine | Refused:
        """ECDSA over the time and the body."""
        signature = unbase64(posted.headers.get("x-twilio-email-event-webhook-signature", ""))
        stamp = posted.headers.get("x-twilio-email-event-webhook-timestamp", "")
        if not signature or not stamp:
            return Refused.UNSIGNED
        signed = stamp.encode() + posted.body
        if not any(_is_signed(public_key(key), signature, signed) for key in self.keys):
            return Refused.FORGED
        if not is_fresh(from_seconds(stamp), now, OLDEST):
            return Refused.STALE
        return Genuine(nonce_of(posted.body))


def read_reports(body: bytes) -> list[Report]:
    """Up to some thousand events a request.

    Raises:
        Unreadable: it is not a list of events.
    """
    content = read_json(body)
    if not isinstance(content, list):
        raise Unreadable
    return [_report(each) if text_in(each, "event") else UNREADABLE for each in content]


@cache
def public_key(text: str) -> EllipticCurvePublicKey:
    """The key that the vendor shows, in Base64.

    Raises:
        ValueError: it is none.
    """
    key = load_der_public_key(unbase64(text))
    if not isinstance(key, EllipticCurvePublicKey):
        raise ValueError("the key is not one of an elliptic curve")
    return key


def _is_signed(key: EllipticCurvePublicKey, signature: bytes, signed: bytes) -> bool:
    try:
        key.verify(signature, signed, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _report(event: Any) -> Report:
    word = text_in(event, "event")
    kind, reason = KINDS.get(word), text_in(event, "reason")
    classified = _BOUNCES.get(text_in(event, "bounce_classification"))
    return Report(
        id=id_in(event, "sg_event_id") or digest_of(event),
        word=word,
        kind=kind,
        is_known=word in KINDS,
        at=moment_in(event, "timestamp"),
        label=id_in(event, "outbox"),
        provider_id=id_in(event, "sg_message_id").partition(".")[0],
        message_id=id_in(event, "smtp-id"),
        bounce=classified or _TYPES.get(text_in(event, "type"), BounceKind.UNKNOWN) if word == "bounce" else None,
        listed=_LISTS.get(reason, "") if word == "dropped" else "",
        said=reason or text_in(event, "response"),
        verdict=("machine" if event.get("sg_machine_open") is True else "unknown") if word in _HITS else None,
    )


_HITS = frozenset({"open", "click"})
