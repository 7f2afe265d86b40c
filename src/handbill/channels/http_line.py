"""One HTTP request a message: prepared when it is offered, made when it is committed, and never repeated unasked.

A library that repeats a POST by itself sends mail twice. Here an answer that got lost is uncertain, unless the vendor
remembers keys: then the same request under the same key is asked again, which cannot make a second message.
"""

import email.utils
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from handbill.channels.contract import Answer, Outcome, Outgoing, Scope
from handbill.channels.switchboard import elsewhere

ASKED_AGAIN = 2
"""How often a lost answer is asked for again, where the vendor remembers keys."""

_CERTAINLY_NOT_SENT = (NewConnectionError, ConnectTimeoutError)
_LONGEST_TEXT = 300


@dataclass(frozen=True)
class HttpTimeouts:
    """Seconds to wait for a connection, and for the answer to a message."""

    connect: float = 10.0
    answer: float = 60.0


@dataclass(frozen=True)
class Reply:
    """What a vendor answered. `content` is its JSON; None where it answered something else."""

    status: int
    content: Any
    headers: Mapping[str, str]
    text: str

    def said(self, *names: str) -> str:
        """The first of these members of the JSON that holds a text; empty when there is none."""
        members = self.content if isinstance(self.content, dict) else {}
        return next((text for name in names if isinstance(text := members.get(name), str) and text), "")

    @property
    def errors(self) -> list[Mapping[str, Any]]:
        """What stands under `errors`, where vendors list them."""
        listed = self.content.get("errors") if isinstance(self.content, dict) else None
        return [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []

    @property
    def words(self) -> str:
        """What went wrong in the vendor's words, to be shown; all that it answered where it has none."""
        said = self.said("message", "Message") or "; ".join(str(each.get("message")) for each in self.errors)
        return (said or self.text)[:_LONGEST_TEXT].rstrip(". ")


class Vendor(Protocol):
    """How one vendor wants a message, and what its answers mean."""

    @property
    def endpoint(self) -> str:
        """Where its interface begins, such as https://api.postmarkapp.com."""

    @property
    def remembers_keys(self) -> bool:
        """Whether it takes a message once however often it comes under one key."""

    def request(self, message: Outgoing) -> requests.Request:
        """The request that sends the message."""

    def judge(self, reply: Reply) -> Answer:
        """What an answer means that only this vendor's own words can tell: success, or 400, 404, 409 and 422."""


@dataclass(frozen=True)
class HttpProvider:
    """A vendor that takes e-mail over HTTP."""

    vendor: Vendor
    connections: int = 4
    timeouts: HttpTimeouts = field(default_factory=HttpTimeouts)

    def open(self) -> "HttpLine | Answer":
        """A session; whether the key is right is known with the first message."""
        return HttpLine(self.vendor, self.timeouts)


class HttpLine:
    """A session with one vendor. Its connection is kept from one message to the next."""

    is_open = True

    def __init__(self, vendor: Vendor, timeouts: HttpTimeouts) -> None:
        self._vendor = vendor
        self._timeouts = (timeouts.connect, timeouts.answer)
        self._session = requests.Session()
        self._prepared: requests.PreparedRequest | None = None

    def offer(self, message: Outgoing) -> Answer | None:
        """Prepares the request; nothing is sent yet."""
        self._prepared = self._session.prepare_request(self._vendor.request(message))
        return None

    def commit(self) -> Answer:
        """Makes the request, and waits for the answer."""
        answer = self._ask()
        for _ in range(ASKED_AGAIN if self._vendor.remembers_keys else 0):
            if answer.outcome is not Outcome.UNCERTAIN:
                break
            again = self._ask()
            # That nobody could be reached this time says nothing about the first time.
            answer = answer if again.stage == "connect" else again
        return answer

    def withdraw(self) -> None:
        """Forgets the request."""
        self._prepared = None

    def close(self) -> None:
        """Ends the session."""
        self._session.close()

    def _ask(self) -> Answer:
        assert self._prepared is not None  # noqa: S101 - for the type checker: `offer` came first
        settings = self._session.merge_environment_settings(self._prepared.url, {}, None, None, None)
        try:
            response = elsewhere(
                partial(self._session.send, self._prepared, timeout=self._timeouts, allow_redirects=False, **settings)
            )
        except requests.RequestException as error:
            return _without_answer(error, urlsplit(self._vendor.endpoint).hostname or "")
        return judged(self._vendor, _reply_of(response))


def judged(vendor: Vendor, reply: Reply) -> Answer:
    """What a vendor's answer means for the message. Whatever is not plainly about the recipient is about us."""
    said = reply.words
    match reply.status:
        case status if 200 <= status < 300 or status in {400, 404, 409, 422}:
            return vendor.judge(reply)
        case 429 | 503:
            return Answer(Outcome.RETRY, "send", reply.status, said, Scope.PROVIDER, after=_retry_after(reply))
        case 413:
            return Answer(Outcome.FAILED, "send", 413, said or "the message is too big")
        case status if status >= 500:
            # A gateway gives these too, when the vendor has the message and its answer got lost on the way.
            return Answer(Outcome.UNCERTAIN, "send", status, said)
        case _:
            return refused(reply)


def accepted(reply: Reply, provider_id: str) -> Answer:
    """The vendor has the message. Without the vendor's id for it, somebody else may have answered in its place."""
    if not provider_id:
        what = "the answer carries no message id, so perhaps somebody else gave it"
        return Answer(Outcome.UNCERTAIN, "send", reply.status, what)
    return Answer(Outcome.ACCEPTED, "send", reply.status, provider_id=provider_id)


def failed(reply: Reply, why: str = "") -> Answer:
    """The vendor will not write to this recipient."""
    return Answer(Outcome.FAILED, "send", reply.status, why or reply.words)


def refused(reply: Reply, why: str = "") -> Answer:
    """The vendor takes nothing from us as we are: nobody else would fare better."""
    return Answer(Outcome.SENDER_REFUSED, "send", reply.status, why or reply.words, Scope.PROVIDER)


def _reply_of(response: requests.Response) -> Reply:
    try:
        content = response.json()
    except requests.JSONDecodeError:
        content = None
    return Reply(response.status_code, content, response.headers, " ".join(response.text.split()))


def _retry_after(reply: Reply) -> timedelta | None:
    """What the Retry-After header asks for, in seconds or as a date."""
    wish = reply.headers.get("Retry-After", "").strip()
    if wish.isdecimal():
        return timedelta(seconds=int(wish))
    try:
        until = email.utils.parsedate_to_datetime(wish)
    except ValueError:
        return None
    return max(timedelta(0), until.astimezone(UTC) - datetime.now(UTC))


def _without_answer(error: requests.RequestException, host: str) -> Answer:
    causes = list(_causes(error))
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        what = f"the certificate of {host} cannot be verified"
        return Answer(Outcome.SENDER_REFUSED, "connect", text=what, scope=Scope.PROVIDER)
    if any(isinstance(cause, _CERTAINLY_NOT_SENT) for cause in causes):
        return Answer(Outcome.RETRY, "connect", text=f"{host} cannot be reached", scope=Scope.PROVIDER)
    what = "no answer in time" if isinstance(error, requests.Timeout) else "the connection broke before the answer"
    return Answer(Outcome.UNCERTAIN, "send", text=what)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what lies under it: requests keeps urllib3's error as an argument, and that one its reason."""
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop()
        if isinstance(each, BaseException) and each not in found:
            found.append(each)
            waiting += [*each.args, getattr(each, "reason", None), each.__cause__, each.__context__]
    return found
