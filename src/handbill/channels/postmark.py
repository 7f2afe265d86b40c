"""E-mail through Postmark."""

from dataclasses import dataclass, field
from email.utils import formataddr
from typing import Any

import requests

from handbill.channels.contract import Answer, Outgoing
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
