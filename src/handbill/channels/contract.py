"""What every provider of a channel can do, and the words in which all of them answer.

A message leaves in two steps: `offer` brings it to the point of no return, `commit` goes over it. Between the two the
caller writes down that it is about to happen, so that a crash never leads to a second copy.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol


class Outcome(StrEnum):
    """How one try to hand over a message ended."""

    ACCEPTED = "accepted"
    RETRY = "retry"
    """Not sent for certain; may be tried again later."""
    FAILED = "failed"
    """Not sent for certain, and never will be."""
    SENDER_REFUSED = "sender_refused"
    """Not sent for certain, through no fault of the recipient: nobody should be tried until a person has mended it."""
    UNCERTAIN = "uncertain"
    """The provider had the whole message and did not answer."""


class Scope(StrEnum):
    """What an answer is about."""

    MESSAGE = "message"
    LINE = "line"
    """The line broke before the provider judged the message; the same message may go over a new line at once."""
    PROVIDER = "provider"
    """No message would fare better now."""


class EventKind(StrEnum):
    """What providers and mailboxes report about a delivery afterwards."""

    ACCEPTED = "email.accepted"
    """The provider has the message, and goes on with it."""
    REJECTED = "email.rejected"
    """The provider had the message, and did not send it after all."""
    DELIVERED = "email.delivered"
    DEFERRED = "email.deferred"
    RELAYED = "email.relayed"
    """Handed on to a system that reports nothing more."""
    BOUNCED = "email.bounced"
    COMPLAINED = "email.complained"
    OPENED = "email.opened"
    CLICKED = "email.clicked"
    UNSUBSCRIBED = "email.unsubscribed"
    LETTER_CREATED = "letter.created"
    LETTER_RENDERED = "letter.rendered"
    LETTER_MAILED = "letter.mailed"
    LETTER_IN_TRANSIT = "letter.in_transit"
    LETTER_IN_LOCAL_AREA = "letter.in_local_area"
    LETTER_PROCESSED_FOR_DELIVERY = "letter.processed_for_delivery"
    LETTER_RE_ROUTED = "letter.re_routed"
    LETTER_DELIVERED = "letter.delivered"
    LETTER_VIEWED = "letter.viewed"
    LETTER_RETURNED = "letter.returned_to_sender"
    LETTER_FAILED = "letter.failed"
    LETTER_CANCELLED = "letter.cancelled"


class BounceKind(StrEnum):
    """What a bounce says about the address."""

    HARD = "hard"
    """There is no such mailbox: never write to it again."""
    SOFT = "soft"
    """Full, busy or unreachable for a while."""
    BLOCKED = "blocked"
    """The recipient's side refused the message or its sender; the address may well be right."""
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Outgoing:
    """One message, ready to leave.

    `sender` is where bounces go. The `pieces` make up the whole MIME message, cut wherever its maker likes; those that
    come again in other messages are best the same objects. `key` stays the same over all tries, so that a
    provider that remembers keys takes the message once. `labels` come back with the provider's events, `envelope_id`
    (letters and digits) with the notifications of mail servers.
    """

    sender: str
    recipient: str
    pieces: tuple[bytes, ...] = field(repr=False)
    key: str
    labels: Mapping[str, str] = field(default_factory=dict)
    envelope_id: str = ""

    @property
    def message(self) -> bytes:
        """The message as one."""
        return b"".join(self.pieces)


@dataclass(frozen=True)
class Answer:
    """How a try ended, where, and what the provider said.

    `stage` is the step of the provider's own protocol, such as `rcpt`. `after` is how long the provider asks to be
    left alone.
    """

    outcome: Outcome
    stage: str
    code: int | None = None
    text: str = ""
    scope: Scope = Scope.MESSAGE
    after: timedelta | None = None
    provider_id: str | None = None


class Line(Protocol):
    """An open line to a provider; carries one message at a time, many in a row."""

    @property
    def is_open(self) -> bool:
        """Whether another message may be offered."""

    def offer(self, message: Outgoing) -> Answer | None:
        """Brings the message to the point of no return. None: it stands there; else it will not leave, and why."""

    def commit(self) -> Answer:
        """Sends the message that was offered, and waits for the answer."""

    def withdraw(self) -> None:
        """Drops the message that was offered, for certain; this may cost the line."""

    def close(self) -> None:
        """Ends the line politely where that is possible."""


class Provider(Protocol):
    """One way out."""

    @property
    def connections(self) -> int:
        """How many lines may be open at once."""

    def open(self) -> Line | Answer:
        """A new line, or why there is none: RETRY when trying later may help, else SENDER_REFUSED."""
