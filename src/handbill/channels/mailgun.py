"""E-mail through Mailgun, as whole messages."""

from dataclasses import dataclass, field

import requests

from handbill.channels.contract import Answer, Outgoing
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
