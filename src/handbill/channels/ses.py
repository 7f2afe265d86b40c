"""E-mail through Amazon SES (version 2 of its interface), as whole messages."""

import base64
import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from handbill.channels.contract import Answer, Outcome, Outgoing, Scope
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
