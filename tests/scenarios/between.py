"""A provider whose lines let something happen at an exact instant: after the body, or after the mark."""

from collections.abc import Callable
from dataclasses import dataclass

from handbill.channels.contract import Answer, Line, Outgoing, Provider
from handbill.definitions.project import Project
from handbill.delivery.providers import email_provider

Happening = Callable[[str], None]
"""Told the recipient of the message that stands there."""


def nothing(_recipient: str) -> None:
    """What usually happens."""


@dataclass
class Moments:
    """What happens before a message is offered, between its body and its mark, and between its mark and its dot."""

    before: Happening = nothing
    after_body: Happening = nothing
    after_mark: Happening = nothing

    def provider(self, project: Project) -> Provider:
        """The project's provider, with these moments on every line."""
        return _Watched(email_provider(project), self)


@dataclass(frozen=True)
class _Watched:
    provider: Provider
    moments: Moments

    @property
    def connections(self) -> int:
        return self.provider.connections

    def open(self) -> Line | Answer:
        opened = self.provider.open()
        return opened if isinstance(opened, Answer) else _WatchedLine(opened, self.moments)


@dataclass
class _WatchedLine:
    line: Line
    moments: Moments
    recipient: str = ""

    @property
    def is_open(self) -> bool:
        return self.line.is_open

    def offer(self, message: Outgoing) -> Answer | None:
        self.recipient = message.recipient
        self.moments.before(self.recipient)
        answer = self.line.offer(message)
        if answer is None:
            self.moments.after_body(self.recipient)
        return answer

    def commit(self) -> Answer:
        self.moments.after_mark(self.recipient)
        return self.line.commit()

    def withdraw(self) -> None:
        self.line.withdraw()

    def close(self) -> None:
        self.line.close()
