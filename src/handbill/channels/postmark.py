"""E-mail through Postmark: sending, and what it reports."""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import formataddr
from typing import Any

import requests

from handbill.channels.contract import Answer, BounceKind, EventKind, Outgoing
from handbill.channels.hooks import (
    Genuine,
    Posted,
    Refused,
    Report,
    Unreadable,
    digest_of,
    id_in,
    inside,
    moment_in,
    nonce_of,
    read_json,
    text_in,
    unbase64,
)
from handbill.channels.http_line import Reply, accepted, failed, refused
from handbill.channels.mail_parts import parts_of

_OK = 0
_INVALID = 300
_INACTIVE_RECIPIENT = 406


@dataclass(frozen=True)
class Postmark:
    """One server of an account, and the stream of it that carries our messages."""

    token: str = field(repr=False)
    stream: str = "broadcast"
    endpoint: str = "https://api.postmarkapp.com"
    remembers_keys: bool = False

    def request(self, message: Outgoing) -> requests.Request:
        """`POST /email`."""
        parts = parts_of(message.message)
        kept_id = {"X-PM-KeepID": "true"}  # else it puts its own Message-ID in place of ours
        content: dict[str, Any] = {
            "From": formataddr((parts.sender.name, parts.sender.address)),
            "To": message.recipient,
            "Subject": parts.subject,
            "TextBody": parts.text,
            "HtmlBody": parts.html,
            "Headers": [{"Name": name, "Value": value} for name, value in {**parts.headers, **kept_id}.items()],
            "Metadata": dict(message.labels),
            "MessageStream": self.stream,
            "TrackOpens": False,
            "TrackLinks": "None",
        }
        if parts.reply_to:
            content["ReplyTo"] = formataddr((parts.reply_to.name, parts.reply_to.address))
        headers = {"X-Postmark-Server-Token": self.token, "Accept": "application/json"}
        return requests.Request("POST", f"{self.endpoint}/email", json=content, headers=headers)

    def judge(self, reply: Reply) -> Answer:
        """A number: 0 is well, 406 an address that it has given up, 300 a field that is wrong."""
        number = reply.content.get("ErrorCode") if isinstance(reply.content, dict) else None
        if reply.status < 300 and number == _OK:
            return accepted(reply, reply.said("MessageID"))
        if reply.status < 300 and number is None:
            return accepted(reply, "")
        about_recipient = number == _INACTIVE_RECIPIENT or (number == _INVALID and "'To'" in reply.words)
        return failed(reply) if about_recipient else refused(reply)


# ---------------------------------------------------------------- what it reports

FORMAT = "postmark"
USER = "handbill"
"""The name to sign in with, where the secret is only a password."""

KINDS: Mapping[str, EventKind | None] = {
    "Delivery": EventKind.DELIVERED,
    "Bounce": EventKind.BOUNCED,
    "SpamComplaint": EventKind.COMPLAINED,
    "Open": EventKind.OPENED,
    "Click": EventKind.CLICKED,
    "SubscriptionChange": EventKind.UNSUBSCRIBED,
    "Inbound": None,  # somebody wrote to us
}
_BOUNCES: Mapping[str, tuple[EventKind | None, BounceKind | None]] = {
    "HardBounce": (EventKind.BOUNCED, BounceKind.HARD),
    "BadEmailAddress": (EventKind.BOUNCED, BounceKind.HARD),
    "SoftBounce": (EventKind.BOUNCED, BounceKind.SOFT),
    "DnsError": (EventKind.BOUNCED, BounceKind.SOFT),
    "Blocked": (EventKind.BOUNCED, BounceKind.BLOCKED),
    "SpamNotification": (EventKind.BOUNCED, BounceKind.BLOCKED),
    "VirusNotification": (EventKind.BOUNCED, BounceKind.BLOCKED),
    "ChallengeVerification": (EventKind.BOUNCED, BounceKind.BLOCKED),
    "DMARCPolicy": (EventKind.REJECTED, None),
    "SMTPApiError": (EventKind.REJECTED, None),
    "TemplateRenderingFailed": (EventKind.REJECTED, None),
    "Transient": (EventKind.DEFERRED, None),
    "SpamComplaint": (EventKind.COMPLAINED, None),
    "Unsubscribe": (EventKind.UNSUBSCRIBED, None),
    "Subscribe": (None, None),
    "AutoResponder": (None, None),
    "AddressChange": (None, None),
    "OpenRelayTest": (None, None),
    "InboundError": (None, None),
}
"""What it calls a bounce, and is not always one."""
_CHANGES: Mapping[str, EventKind] = {
    "HardBounce": EventKind.BOUNCED,
    "SpamComplaint": EventKind.COMPLAINED,
    "ManualSuppression": EventKind.UNSUBSCRIBED,
}
"""Why it sends no more to an address."""
_MOMENTS = ("DeliveredAt", "BouncedAt", "ChangedAt", "ReceivedAt")


@dataclass(frozen=True)
class PostmarkHook:
    """Requests that sign in with a name and a password: Postmark signs nothing. Each key is `name:password`."""

    keys: tuple[str, ...] = field(repr=False)
    format: str = FORMAT

    def check(self, posted: Posted, now: datetime) -> Genuine | Refused:  # noqa: ARG002 - nothing in it is signed, so no time counts
        """Basic authentication."""
        scheme, _, credentials = posted.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic" or not credentials:
            return Refused.UNSIGNED
        given = unbase64(credentials.strip())
        known = [key if ":" in key else f"{USER}:{key}" for key in self.keys]
        if not any([hmac.compare_digest(given, each.encode()) for each in known]):  # noqa: C419 - all of them, so that the time tells nothing
            return Refused.FORGED
        return Genuine(nonce_of(posted.body))


def read_reports(body: bytes) -> list[Report]:
    """One event a request.

    Raises:
        Unreadable: there is none in it.
    """
    record = read_json(body)
    word = text_in(record, "RecordType")
    if not word:
        raise Unreadable
    kind, bounce, name, is_known = KINDS.get(word), None, word, word in KINDS
    if word == "Bounce":
        type_ = text_in(record, "Type")
        kind, bounce = _BOUNCES.get(type_, (EventKind.BOUNCED, BounceKind.UNKNOWN))
        name = f"{word} {type_}"
    elif word == "SubscriptionChange":
        reason = text_in(record, "SuppressionReason")
        is_over = inside(record, "SuppressSending") is True
        kind = _CHANGES.get(reason, EventKind.UNSUBSCRIBED) if is_over else None
        bounce = BounceKind.HARD if kind is EventKind.BOUNCED else None
        name = f"{word} {reason}".strip()
    return [
        Report(
            id=digest_of(record),
            word=name,
            kind=kind,
            is_known=is_known,
            at=next((at for key in _MOMENTS if (at := moment_in(record, key))), None),
            label=id_in(record, "Metadata", "outbox"),
            provider_id=id_in(record, "MessageID"),
            bounce=bounce,
            said=text_in(record, "Details") or text_in(record, "Description"),
            verdict="unknown" if word in {"Open", "Click"} else None,
        )
    ]
