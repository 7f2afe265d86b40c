"""E-mail through Mailgun: sending whole messages, and what it reports."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import requests

from handbill.channels.contract import Answer, BounceKind, EventKind, Outgoing
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
    unhex,
)
from handbill.channels.http_line import Reply, accepted, failed, refused

ENDPOINTS = {"us": "https://api.mailgun.net", "eu": "https://api.eu.mailgun.net"}
"""Where each region is; a domain belongs to one of them."""


@dataclass(frozen=True)
class Mailgun:
    """An account and one of its sending domains."""

    api_key: str = field(repr=False)
    domain: str
    endpoint: str = ENDPOINTS["us"]
    remembers_keys: bool = False

    def request(self, message: Outgoing) -> requests.Request:
        """`POST /v3/<domain>/messages.mime`."""
        fields = {
            "to": message.recipient,
            "o:tracking": "no",  # it would rewrite links
            **{f"v:{name}": value for name, value in message.labels.items()},
        }
        return requests.Request(
            "POST",
            f"{self.endpoint}/v3/{self.domain}/messages.mime",
            data=fields,
            files={"message": ("message.mime", message.message, "message/rfc822")},
            auth=("api", self.api_key),
        )

    def judge(self, reply: Reply) -> Answer:
        """An id; or a sentence."""
        if reply.status < 300:
            return accepted(reply, reply.said("id").strip("<>"))
        about_recipient = reply.status == 400 and "'to'" in reply.words
        return failed(reply) if about_recipient else refused(reply)


# ---------------------------------------------------------------- what it reports

FORMAT = "mailgun"
OLDEST = timedelta(hours=12)
"""It goes on trying for 8 hours when nobody answers, with the signature of the first time."""

KINDS: Mapping[str, EventKind | None] = {
    "accepted": EventKind.ACCEPTED,
    "rejected": EventKind.REJECTED,
    "delivered": EventKind.DELIVERED,
    "failed": EventKind.BOUNCED,
    "failed temporary": EventKind.DEFERRED,
    "opened": EventKind.OPENED,
    "clicked": EventKind.CLICKED,
    "unsubscribed": EventKind.UNSUBSCRIBED,
    "complained": EventKind.COMPLAINED,
    "stored": None,  # somebody wrote to us
    "list_member_uploaded": None,
    "list_member_upload_error": None,
    "list_uploaded": None,
}
_LISTS: Mapping[str, str] = {
    "suppress-bounce": "bounce",
    "suppress-complaint": "complaint",
    "suppress-unsubscribe": "unsubscribe",
}
"""Why it does not send to an address that it knows already."""
_BOUNCES: Mapping[str, BounceKind] = {"hard": BounceKind.HARD, "soft": BounceKind.SOFT}
_BLOCKED = frozenset({"espblock", "blocked"})
_NO_SUCH_MAILBOX = ("5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")


@dataclass(frozen=True)
class MailgunHook:
    """Requests that carry a token, signed; the signature does not cover the rest, so no token may come twice."""

    keys: tuple[str, ...] = field(repr=False)
    format: str = FORMAT

    def check(self, posted: Posted, now: datetime) -> Genuine | Refused:
        """HMAC over time and token."""
        try:
            signature = inside(read_json(posted.body), "signature")
        except Unreadable:
            return Refused.UNREADABLE
        stamp, token = text_in(signature, "timestamp"), text_in(signature, "token")
        if not stamp or not token or not text_in(signature, "signature"):
            return Refused.UNSIGNED
        digest = unhex(text_in(signature, "signature"))
        keys, signed = (key.encode() for key in self.keys), f"{stamp}{token}".encode()
        return check_hmac(keys, signed, [digest], at=from_seconds(stamp), now=now, oldest=OLDEST, nonce=token)


def read_reports(body: bytes) -> list[Report]:
    """One event a request.

    Raises:
        Unreadable: there is none in it.
    """
    event = inside(read_json(body), "event-data")
    word = text_in(event, "event")
    if not word:
        raise Unreadable
    if word == "failed" and text_in(event, "severity") == "temporary":
        word = "failed temporary"
    at, listed = moment_in(event, "timestamp"), _LISTS.get(text_in(event, "reason"), "")
    status = inside(event, "delivery-status")
    # Its ids are unique within a day only.
    day, id_ = f"{at:%Y-%m-%d}" if at else "", id_in(event, "id")
    return [
        Report(
            id=f"{day}-{id_}" if id_ else digest_of(event),
            word=word,
            kind=EventKind.REJECTED if listed else KINDS.get(word),
            is_known=word in KINDS,
            at=at,
            label=id_in(event, "user-variables", "outbox"),
            provider_id=id_in(event, "message", "headers", "message-id"),
            message_id=id_in(event, "message", "headers", "message-id"),
            bounce=_bounce(event) if word == "failed" and not listed else None,
            listed=listed,
            said=text_in(status, "message") or text_in(status, "description"),
            verdict="unknown" if word in {"opened", "clicked"} else None,
        )
    ]


def _bounce(event: Any) -> BounceKind:
    """What a final failure says about the address; that the server gave up does not make the address wrong."""
    status = inside(event, "delivery-status")
    if text_in(event, "reason") in _BLOCKED:
        return BounceKind.BLOCKED
    if text_in(event, "reason") == "old":  # it tried for hours and gave up
        return BounceKind.SOFT
    enhanced = text_in(status, "enhanced-code")
    if enhanced in _NO_SUCH_MAILBOX:
        return BounceKind.HARD
    if enhanced.startswith(("5.7.", "5.6.")):
        return BounceKind.BLOCKED
    if enhanced.startswith(("5.2.", "5.3.", "5.4.", "4.")):
        return BounceKind.SOFT
    return _BOUNCES.get(text_in(status, "bounce-type"), BounceKind.UNKNOWN)
