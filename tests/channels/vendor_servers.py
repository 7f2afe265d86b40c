"""Servers on this machine that do as the e-mail vendors do: what they demand, answer and report, and how they fail."""

import base64
import hashlib
import hmac
import json
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from time import monotonic, time
from typing import Any, ClassVar, cast

import requests

from handbill.channels.hooks import Posted
from tests.channels.webhook_senders import posted, sample

KEY, KEY_ID = "the right key", "AKIDEXAMPLE"
SENDER = "news@northwind.example"
INACTIVE = "gone@shop.example"
"""A recipient whom the vendor has given up."""


@dataclass(frozen=True)
class Asked:
    """One request."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> Any:
        """The JSON of the body."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Taken:
    """A message that the vendor took responsibility for, in whatever fields it takes."""

    recipient: str
    subject: str
    text: str
    html: str
    headers: Mapping[str, str]
    labels: Mapping[str, str]


Given = tuple[int, Any, dict[str, str]]
"""Status, JSON, and headers of an answer."""


FAULTS: Mapping[str, Given] = {
    "limit": (429, {"message": "slow down"}, {"Retry-After": "7"}),
    "brief limit": (429, {"message": "slow down"}, {"Retry-After": "1"}),
    "brief down": (503, {"message": "back soon"}, {"Retry-After": "1"}),
    "down": (503, {"message": "back soon"}, {}),
    "broken": (500, {"message": "something went wrong"}, {}),
    "gateway": (502, "<html>Bad gateway</html>", {}),
    "portal": (200, "<html>Please sign in to this network</html>", {}),
    "redirect": (302, "", {"Location": "https://elsewhere.example/"}),
}
"""Answers in place of the right one; `lost` and `silent` take the message and never say so, `drop` only hangs up."""


@dataclass
class VendorServer(ABC):
    """What all of them have in common. `fault` strikes the next `times` requests."""

    fault: str = ""
    times: int = 1000
    taken: list[Taken] = field(default_factory=list)
    requests: int = 0
    requested_at: list[float] = field(default_factory=list)
    endpoint: str = ""
    release: threading.Event = field(default_factory=threading.Event)

    @abstractmethod
    def answer(self, asked: Asked) -> Given:
        """What a request is answered with, by this vendor's own rules."""

    def take(self, taken: Taken) -> str:
        """Takes a message and gives it an id."""
        self.taken.append(taken)
        return f"id-{len(self.taken)}"

    def respond(self, asked: Asked) -> Given | None:
        """The answer, or None to hang up without one."""
        self.requests += 1
        self.requested_at.append(monotonic())
        if not self.fault or self.times <= 0:
            return self.answer(asked)
        self.times -= 1
        if self.fault in FAULTS:
            return FAULTS[self.fault]
        if self.fault == "limit until":
            return 429, {"message": "slow down"}, {"Retry-After": formatdate(time() + 90, usegmt=True)}
        if self.fault in {"lost", "silent"}:
            self.answer(asked)
        if self.fault == "silent":
            self.release.wait(20)
        return None


@dataclass
class SendGridServer(VendorServer):
    """SendGrid: 202 with the id in a header; errors name the field."""

    def answer(self, asked: Asked) -> Given:
        if asked.headers.get("Authorization") != f"Bearer {KEY}":
            return 401, _errors("The provided authorization grant is invalid, expired, or revoked", None), {}
        assert asked.path == "/v3/mail/send"
        content = asked.content
        assert [part["type"] for part in content["content"]] == ["text/plain", "text/html"]  # in this order only
        reserved = {"from", "to", "subject", "reply-to", "content-type", "dkim-signature", "cc", "bcc"}
        assert not reserved & {name.lower() for name in content["headers"]}
        assert content["tracking_settings"]["click_tracking"]["enable"] is False
        if content["from"]["email"] != SENDER:
            what = "The from address does not match a verified Sender Identity."
            return 403, _errors(what, "from"), {}
        (person,) = content["personalizations"]
        recipient = person["to"][0]["email"]
        if recipient == INACTIVE:
            return 400, _errors("Does not contain a valid address.", "personalizations.0.to.0.email"), {}
        text, html = (part["value"] for part in content["content"])
        taken = Taken(recipient, content["subject"], text, html, content["headers"], person["custom_args"])
        return 202, "", {"X-Message-Id": self.take(taken)}


def _errors(message: str, field_: str | None) -> dict[str, Any]:
    return {"errors": [{"message": message, "field": field_, "help": None}]}


@dataclass
class PostmarkServer(VendorServer):
    """Postmark: numbers for everything that is wrong."""

    def answer(self, asked: Asked) -> Given:
        if asked.headers.get("X-Postmark-Server-Token") != KEY:
            return 401, {"ErrorCode": 10, "Message": "The Server Token you provided is invalid."}, {}
        assert (asked.path, asked.headers["Accept"]) == ("/email", "application/json")
        content = asked.content
        if parseaddr(content["From"])[1] != SENDER:
            return 422, {"ErrorCode": 400, "Message": "The 'From' address you supplied is not a Sender Signature."}, {}
        if content["To"] == INACTIVE:
            what = "You tried to send to a recipient that has been marked as inactive."
            return 422, {"ErrorCode": 406, "Message": what}, {}
        headers = {each["Name"]: each["Value"] for each in content["Headers"]}
        assert headers.pop("X-PM-KeepID") == "true"
        assert (content["TrackOpens"], content["TrackLinks"]) == (False, "None")
        taken = Taken(
            content["To"], content["Subject"], content["TextBody"], content["HtmlBody"], headers, content["Metadata"]
        )
        return 200, {"ErrorCode": 0, "Message": "OK", "MessageID": self.take(taken), "To": content["To"]}, {}


@dataclass
class ResendServer(VendorServer):
    """Resend: the same key again is answered as the first time, and makes no second message."""

    remembered: dict[str, tuple[bytes, Given]] = field(default_factory=dict)

    def answer(self, asked: Asked) -> Given:
        if asked.headers.get("Authorization") != f"Bearer {KEY}":
            return 403, {"statusCode": 403, "name": "invalid_api_key", "message": "API key is invalid"}, {}
        assert asked.path == "/emails"
        key = asked.headers["Idempotency-Key"]
        assert 0 < len(key) <= 256
        if key in self.remembered:
            body, given = self.remembered[key]
            assert body == asked.body, "the same key with another message"
            return given
        given = self._fresh(asked.content)
        self.remembered[key] = (asked.body, given)
        return given

    def _fresh(self, content: Any) -> Given:
        if parseaddr(content["from"])[1] != SENDER:
            what = "The northwind.test domain is not verified."
            return 403, {"statusCode": 403, "name": "validation_error", "message": what}, {}
        (recipient,) = content["to"]
        if recipient == INACTIVE:
            what = "Invalid `to` field. The email address needs to follow the `email@example.com` format."
            return 422, {"statusCode": 422, "name": "validation_error", "message": what}, {}
        labels = {tag["name"]: tag["value"] for tag in content["tags"]}
        taken = Taken(recipient, content["subject"], content["text"], content["html"], content["headers"], labels)
        return 200, {"id": self.take(taken)}, {}


@dataclass
class MailgunServer(VendorServer):
    """Mailgun: forms with the whole message as a file."""

    def answer(self, asked: Asked) -> Given:
        expected = base64.b64encode(f"api:{KEY}".encode()).decode()
        if asked.headers.get("Authorization") != f"Basic {expected}":
            return 401, "Forbidden", {}
        if asked.path != "/v3/mg.northwind.example/messages.mime":
            return 404, {"message": "Domain not found: other.example"}, {}
        fields = _form(asked)
        assert fields["o:tracking"] == b"no"
        recipient = fields["to"].decode()
        if recipient == INACTIVE:
            what = "'to' parameter is not a valid address. please check documentation"
            return 400, {"message": what}, {}
        labels = {name[2:]: value.decode() for name, value in fields.items() if name.startswith("v:")}
        if _whole(fields["message"])["from"].addresses[0].addr_spec != SENDER:
            return 400, {"message": "'from' parameter is not a valid address. please check documentation"}, {}
        id_ = self.take(_taken_whole(recipient, fields["message"], labels))
        return 200, {"id": f"<{id_}>", "message": "Queued. Thank you."}, {}


def _form(asked: Asked) -> dict[str, bytes]:
    head = f"Content-Type: {asked.headers['Content-Type']}\r\n\r\n".encode()
    form = cast("EmailMessage", message_from_bytes(head + asked.body, policy=cast("Any", SMTP)))
    return {str(part.get_param("name", header="content-disposition")): _bytes_of(part) for part in form.iter_parts()}


def _bytes_of(part: Any) -> bytes:
    if part.get_content_type() == "message/rfc822":
        return bytes(part.get_payload(0).as_bytes())
    return bytes(part.get_payload(decode=True)).removesuffix(b"\r\n")


@dataclass
class SesServer(VendorServer):
    """Amazon SES: requests signed by version 4 of Amazon's scheme, checked here by its published rules."""

    region: ClassVar[str] = "eu-west-1"

    def answer(self, asked: Asked) -> Given:
        if not self._is_signed(asked):
            what = "The request signature we calculated does not match the signature you provided."
            return 403, {"message": what}, {"x-amzn-ErrorType": "SignatureDoesNotMatch"}
        assert asked.path == "/v2/email/outbound-emails"
        content = asked.content
        message = base64.b64decode(content["Content"]["Raw"]["Data"])
        (recipient,) = content["Destination"]["ToAddresses"]
        if _whole(message)["from"].addresses[0].addr_spec != SENDER:
            what = "Email address is not verified. The following identities failed the check in region EU-WEST-1"
            return 400, {"message": what}, {"x-amzn-ErrorType": "MessageRejected:http://internal.amazon.com/"}
        if recipient == INACTIVE:
            return 400, {"message": "Invalid recipient address"}, {"x-amzn-ErrorType": "BadRequestException"}
        labels = {tag["Name"]: tag["Value"] for tag in content["EmailTags"]}
        return 200, {"MessageId": self.take(_taken_whole(recipient, message, labels))}, {}

    def _is_signed(self, asked: Asked) -> bool:
        """Signature version 4: a key derived from the secret signs a digest of the canonical request."""
        scheme, _, rest = asked.headers.get("Authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        names = parts["SignedHeaders"].split(";")
        lower = {name.lower(): value for name, value in asked.headers.items()}
        canonical = "\n".join([
            "POST", asked.path, "", *(f"{name}:{lower[name].strip()}" for name in names), "", ";".join(names),
            hashlib.sha256(asked.body).hexdigest(),
        ])  # fmt: skip
        day = lower["x-amz-date"][:8]
        scope = f"{day}/{self.region}/ses/aws4_request"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        key = f"AWS4{KEY}".encode()
        for part in (day, self.region, "ses", "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, f"{scheme}\n{lower['x-amz-date']}\n{scope}\n{digest}".encode(), "sha256").hex()
        return parts["Credential"] == f"{KEY_ID}/{scope}" and hmac.compare_digest(parts["Signature"], signature)


def _whole(message: bytes) -> Any:
    return message_from_bytes(message, policy=cast("Any", SMTP))


def _taken_whole(recipient: str, message: bytes, labels: Mapping[str, str]) -> Taken:
    parsed = _whole(message)
    text, html = (parsed.get_body((kind,)).get_content() for kind in ("plain", "html"))
    return Taken(recipient, str(parsed["subject"]), text, html, {k: str(v) for k, v in parsed.items()}, labels)


@contextmanager
def vendor_at_work(server: VendorServer) -> Iterator[VendorServer]:
    """The server on a port of its own until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            given = server.respond(Asked(self.path, dict(self.headers.items()), body))
            if given is None:
                self.close_connection = True
                return
            status, content, headers = given
            payload = (content if isinstance(content, str) else json.dumps(content)).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(payload))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: Any) -> None:
            """Tests print nothing."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listener.daemon_threads = True
    server.endpoint = f"http://127.0.0.1:{listener.server_port}"
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.release.set()
        listener.shutdown()
        listener.server_close()
        thread.join()


Told = tuple[int, str]
"""Which message that it took (from 0), and the name of the sample that tells what became of it."""


def tell(
    server: VendorServer, vendor: str, address: str, told: Sequence[Told], *, random: Random, copies: int = 1
) -> Counter[int]:
    """Reports over HTTP as vendors do: each event in requests of its own, some of them several times, in no order.

    Answers how often each status was answered.
    """
    requests_ = [posted(vendor, _sample_about(server, vendor, told_)) for told_ in told for _ in range(copies)]
    random.shuffle(requests_)
    with ThreadPoolExecutor(4) as threads:
        return Counter(threads.map(lambda each: _post(address, each), requests_))


def _sample_about(server: VendorServer, vendor: str, told: Told) -> Any:
    place, name = told
    label = server.taken[place].labels["outbox"]
    # The events of one sample have one id: every message's are its own.
    own = {"ZGVsaXZlcmVkLTAtM": f"event-{place}-", "CPgfbmQMTCKtHW6uIWtuVe-": f"event-{place}-",
           "0102018f-": f"feedback-{place}-", "evt_9f8a1c-": f"evt_{place}-"}  # fmt: skip
    return sample(vendor, name, label=label, provider_id=f"id-{place + 1}", **own)


def _post(address: str, request: Posted) -> int:
    return requests.post(address, data=request.body, headers=dict(request.headers), timeout=30).status_code
