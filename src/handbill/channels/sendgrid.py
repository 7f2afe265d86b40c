"""E-mail through SendGrid."""

from dataclasses import dataclass, field
from typing import Any

import requests

from handbill.channels.contract import Answer, Outgoing
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
