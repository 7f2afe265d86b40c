"""E-mail through Resend, which takes a message once however often it comes under one key."""

from dataclasses import dataclass, field
from email.utils import formataddr
from typing import Any

import requests

from handbill.channels.contract import Answer, Outcome, Outgoing
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
