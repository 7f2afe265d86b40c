"""E-mail through Resend, which takes a message once however often it comes under one key; and what it reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import formataddr
from typing import Any

import requests

from handbill.channels.contract import Answer, BounceKind, EventKind, Outcome, Outgoing
from handbill.channels.hooks import (
    Genuine,
    Posted,
    Refused,
    Report,
    Unreadable,
    check_hmac,
    digest_of,
    from_seconds,
    id_in,
    inside,
    moment_in,
    read_json,
    text_in,
    unbase64,
)
from handbill.channels.http_line import Reply, accepted, failed, refused
from handbill.channels.mail_parts import parts_of

_STILL_AT_IT = "concurrent_idempotent_requests"


@dataclass(frozen=True)
class Resend:
    """An account. Keys are remembered for 24 hours, as long as a message is tried."""

    api_key: str = field(repr=False)
    endpoint: str = "https://api.resend.com"
    remembers_keys: bool = True

    def request(self, message: Outgoing) -> requests.Request:
        """`POST /emails` under the message's key."""
        parts = parts_of(message.message)
        content: dict[str, Any] = {
            "from": formataddr((parts.sender.name, parts.sender.address)),
            "to": [message.recipient],
            "subject": parts.subject,
            "text": parts.text,
            "html": parts.html,
            "headers": dict(parts.headers),
            "tags": [{"name": name, "value": value} for name, value in message.labels.items()],
        }
        if parts.reply_to:
            content["reply_to"] = formataddr((parts.reply_to.name, parts.reply_to.address))
        headers = {"Authorization": f"Bearer {self.api_key}", "Idempotency-Key": message.key}
        return requests.Request("POST", f"{self.endpoint}/emails", json=content, headers=headers)

    def judge(self, reply: Reply) -> Answer:
        """An id; or an error with a name."""
        if reply.status < 300:
            return accepted(reply, reply.said("id"))
        name = reply.said("name")
        if name == _STILL_AT_IT:
            # An earlier try under this key is still under way there: how it ends is not known yet.
            return Answer(Outcome.UNCERTAIN, "send", reply.status, reply.words)
        about_recipient = name == "validation_error" and "`to`" in reply.words
        return failed(reply) if about_recipient else refused(reply)


# ---------------------------------------------------------------- what it reports

FORMAT = "resend"
OLDEST = timedelta(minutes=5)
"""Every further try is signed anew."""

KINDS: Mapping[str, EventKind | None] = {
    "email.sent": EventKind.ACCEPTED,
    "email.delivered": EventKind.DELIVERED,
    "email.delivery_delayed": EventKind.DEFERRED,
    "email.bounced": EventKind.BOUNCED,
    "email.complained": EventKind.COMPLAINED,
    "email.opened": EventKind.OPENED,
    "email.clicked": EventKind.CLICKED,
    "email.failed": EventKind.REJECTED,
    "email.suppressed": EventKind.REJECTED,
    "email.scheduled": None,
    "email.received": None,  # somebody wrote to us
    "contact.created": None,
    "contact.updated": None,
    "contact.deleted": None,
    "domain.created": None,
    "domain.updated": None,
    "domain.deleted": None,
    "suppression.added": None,  # its own list; the bounce or complaint behind it is reported by itself
    "suppression.removed": None,
}
_BOUNCES: Mapping[str, BounceKind] = {
    "Permanent": BounceKind.HARD,
    "Transient": BounceKind.SOFT,
    "Undetermined": BounceKind.UNKNOWN,
}
_REFUSING = frozenset({"ContentRejected", "AttachmentRejected", "MessageTooLarge"})


@dataclass(frozen=True)
class ResendHook:
    """Requests signed by the scheme of Svix. Each key is `whsec_` and Base64."""

    keys: tuple[str, ...] = field(repr=False)
    format: str = FORMAT

    def check(self, posted: Posted, now: datetime) -> Genuine | Refused:
        """HMAC over id, time and body; several signatures stand apart by spaces."""
        id_, stamp = posted.headers.get("svix-id", ""), posted.headers.get("svix-timestamp", "")
        signatures = posted.headers.get("svix-signature", "").split()
        if not id_ or not stamp or not signatures:
            return Refused.UNSIGNED
        given = [unbase64(each.removeprefix("v1,")) for each in signatures if each.startswith("v1,")]
        if not given:
            return Refused.WEAK
        signed = f"{id_}.{stamp}.".encode() + posted.body
        keys = (unbase64(key.removeprefix("whsec_")) for key in self.keys)
        return check_hmac(keys, signed, given, at=from_seconds(stamp), now=now, oldest=OLDEST, nonce=posted.body)


def read_reports(body: bytes) -> list[Report]:
    """One event a request.

    Raises:
        Unreadable: there is none in it.
    """
    event = read_json(body)
    word, data = text_in(event, "type"), inside(event, "data")
    if not word:
        raise Unreadable
    is_listed = word == "email.suppressed" or text_in(data, "bounce", "subType") == "Suppressed"
    kind = EventKind.REJECTED if is_listed else KINDS.get(word)
    return [
        Report(
            id=digest_of(event),
            word=word,
            kind=kind,
            is_known=word in KINDS,
            at=moment_in(event, "created_at"),
            label=_tag(inside(data, "tags"), "outbox"),
            provider_id=id_in(data, "email_id"),
            message_id=id_in(data, "message_id"),
            bounce=_bounce(data) if kind is EventKind.BOUNCED else None,
            listed="bounce" if is_listed else "",
            said=text_in(data, "bounce", "message")
            or text_in(data, "failed", "reason")
            or text_in(data, "suppressed", "message"),
            verdict="unknown" if word in {"email.opened", "email.clicked"} else None,
        )
    ]


def _bounce(data: Any) -> BounceKind:
    if text_in(data, "bounce", "subType") in _REFUSING:
        return BounceKind.BLOCKED
    return _BOUNCES.get(text_in(data, "bounce", "type"), BounceKind.UNKNOWN)


def _tag(tags: Any, name: str) -> str:
    """A tag that was given with the message; some events list them, others have an object."""
    if isinstance(tags, list):
        return next((id_in(each, "value") for each in tags if text_in(each, "name") == name), "")
    return id_in(tags, name)
