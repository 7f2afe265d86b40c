"""E-mail through Amazon SES (version 2 of its interface): sending whole messages, and what it reports."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from handbill.channels.contract import Answer, BounceKind, EventKind, Outcome, Outgoing, Scope
from handbill.channels.hooks import (
    UNREADABLE,
    Report,
    Unreadable,
    digest_of,
    id_in,
    inside,
    moment_in,
    read_json,
    storable,
    text_in,
)
from handbill.channels.http_line import Reply, accepted, failed, refused

QUOTA_IS_SPENT = timedelta(hours=1)
"""How long to leave SES alone when the quota is spent: it is counted over 24 hours, and comes back bit by bit."""


@dataclass(frozen=True)
class Ses:
    """An account in one region. `configuration_set` is where SES reports what becomes of messages."""

    key_id: str
    secret_key: str = field(repr=False)
    region: str = "eu-west-1"
    configuration_set: str | None = None
    address: str | None = None
    remembers_keys: bool = False

    @property
    def endpoint(self) -> str:
        """The region's own address."""
        return self.address or f"https://email.{self.region}.amazonaws.com"

    def request(self, message: Outgoing) -> requests.Request:
        """`SendEmail` with the raw message."""
        content: dict[str, Any] = {
            "Destination": {"ToAddresses": [message.recipient]},
            "Content": {"Raw": {"Data": base64.b64encode(message.message).decode()}},
            "EmailTags": [{"Name": name, "Value": value} for name, value in message.labels.items()],
        }
        if self.configuration_set:
            content["ConfigurationSetName"] = self.configuration_set
        url, body = f"{self.endpoint}/v2/email/outbound-emails", json.dumps(content)
        return requests.Request("POST", url, data=body, headers=self._signed_headers(url, body))

    def judge(self, reply: Reply) -> Answer:
        """An id; or an error whose type stands in a header."""
        if reply.status < 300:
            return accepted(reply, reply.said("MessageId"))
        kind = reply.headers.get("x-amzn-ErrorType", "").partition(":")[0] or reply.said("__type").rpartition("#")[2]
        said = reply.said("message", "Message")
        why = f"{kind}: {said}" if said else kind
        if kind == "LimitExceededException" or "quota" in said.lower():
            return Answer(Outcome.RETRY, "send", reply.status, why, Scope.PROVIDER, after=QUOTA_IS_SPENT)
        if kind == "MessageRejected" and "not verified" not in said:
            return failed(reply, why)
        if kind == "BadRequestException" and "address" in said.lower():
            return failed(reply, why)
        return refused(reply, why)

    def _signed_headers(self, url: str, body: str) -> dict[str, str]:
        request = AWSRequest("POST", url, data=body.encode(), headers={"Content-Type": "application/json"})
        SigV4Auth(Credentials(self.key_id, self.secret_key), "ses", self.region).add_auth(request)
        return dict(request.headers.items())


# ---------------------------------------------------------------- what it reports

FORMAT = "ses"

KINDS: Mapping[str, EventKind | None] = {
    "Send": EventKind.ACCEPTED,
    "Reject": EventKind.REJECTED,
    "Rendering Failure": EventKind.REJECTED,
    "Delivery": EventKind.DELIVERED,
    "DeliveryDelay": EventKind.DEFERRED,
    "Bounce": EventKind.BOUNCED,
    "Complaint": EventKind.COMPLAINED,
    "Open": EventKind.OPENED,
    "Click": EventKind.CLICKED,
    "Subscription": EventKind.UNSUBSCRIBED,
    "SubscriptionConfirmation": None,
    "UnsubscribeConfirmation": None,
    "Notice": None,  # a sentence, such as that the topic works
}
_BOUNCES: Mapping[str, BounceKind] = {
    "Permanent": BounceKind.HARD,
    "Transient": BounceKind.SOFT,
    "Undetermined": BounceKind.UNKNOWN,
}
_REFUSING = frozenset({"ContentRejected", "AttachmentRejected", "MessageTooLarge"})
"""Kinds of bounce that are about the message."""
_LISTED = frozenset({"Suppressed", "OnAccountSuppressionList"})
_PARTS: Mapping[str, str] = {"DeliveryDelay": "deliveryDelay", "Rendering Failure": "failure"}
"""Where an event's own part stands; else under its name in small letters."""


def read_reports(body: bytes) -> list[Report]:
    """One event a request, in the envelope of Amazon's notification service.

    Raises:
        Unreadable: there is none in it.
    """
    envelope = read_json(body)
    type_ = text_in(envelope, "Type")
    if type_ in {"SubscriptionConfirmation", "UnsubscribeConfirmation"}:
        return [Report(id_in(envelope, "MessageId"), type_, None)]
    message = inside(envelope, "Message")
    if type_ != "Notification" or not isinstance(message, str):
        raise Unreadable
    try:
        event = read_json(message)
    except Unreadable:
        return [Report(id_in(envelope, "MessageId"), "Notice", None, said=storable(message))]
    return [_report(event)]


def _report(event: Any) -> Report:
    word = text_in(event, "eventType") or text_in(event, "notificationType")
    if not word:
        return UNREADABLE
    part, kind = inside(event, _PARTS.get(word, word.lower())), KINDS.get(word)
    bounce, listed = None, ""
    if word == "Bounce":
        kind, bounce, listed = _bounced(part)
    elif word == "Complaint" and text_in(part, "complaintFeedbackType") == "not-spam":
        kind = None  # somebody took it out of the junk folder
    elif word == "Subscription" and not _is_over(part):
        kind = None
    mail = inside(event, "mail")
    at = moment_in(part, "timestamp") or moment_in(mail, "timestamp")
    provider_id = id_in(mail, "messageId")
    return Report(
        id=id_in(part, "feedbackId") or digest_of([word, provider_id, part]),
        word=word,
        kind=kind,
        is_known=word in KINDS,
        at=at,
        label=id_in(mail, "tags", "outbox"),
        provider_id=provider_id,
        message_id=id_in(mail, "commonHeaders", "messageId"),
        bounce=bounce,
        listed=listed,
        said=_said(part),
        verdict="unknown" if word in {"Open", "Click"} else None,
    )


def _bounced(part: Any) -> tuple[EventKind, BounceKind | None, str]:
    subtype = text_in(part, "bounceSubType")
    if subtype in _LISTED:
        return EventKind.REJECTED, None, "bounce"
    if subtype in _REFUSING:
        return EventKind.BOUNCED, BounceKind.BLOCKED, ""
    return EventKind.BOUNCED, _BOUNCES.get(text_in(part, "bounceType"), BounceKind.UNKNOWN), ""


def _is_over(part: Any) -> bool:
    """Whether somebody left a list of Amazon's own; a wish to come back is not ours to grant."""
    wishes = inside(part, "newTopicPreferences")
    topics = inside(wishes, "topicSubscriptionStatus")
    left = [text_in(each, "subscriptionStatus") == "OptOut" for each in topics] if isinstance(topics, list) else []
    return inside(wishes, "unsubscribeAll") is True or any(left)


def _said(part: Any) -> str:
    """What the other server said, or Amazon itself; never whom it was about."""
    bounced = inside(part, "bouncedRecipients")
    first = bounced[0] if isinstance(bounced, list) and bounced else None
    for source, name in ((first, "diagnosticCode"), (part, "smtpResponse"), (part, "delayType"), (part, "reason")):
        if found := text_in(source, name):
            return found
    return text_in(part, "errorMessage")
