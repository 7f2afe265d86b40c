"""E-mails that belong to no run: proofs for colleagues, and copies for seed mailboxes. Their links reach nobody."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import uuid4

from handbill.channels.contract import Answer, Line, Outgoing, Provider
from handbill.definitions.campaign import SEND_STEP
from handbill.definitions.project import Project
from handbill.delivery.messages import Composer
from handbill.delivery.outbox import Claimed
from handbill.delivery.providers import email_channel, sending_domain
from handbill.rendering.headers import unstructured

NOBODY = 0
"""Stands for contact and message in links: the token is sound, and nobody has this number."""


def unsent_row(arm: str, address: str, at: datetime, *, message_id: str = "preview@handbill.invalid") -> Claimed:
    """A message that is in no outbox. An unsubscribe or a bounce of it changes nothing."""
    return Claimed(
        id=NOBODY, fence=0, run_id=0, contact_id=NOBODY, channel="email", step=SEND_STEP, arm=arm, address=address,
        domain=None, attempt=0, message_id=message_id, message_at=at, idempotency_key=message_id, code=None, cost=0,
        not_before=at, expires_at=None,
    )  # fmt: skip


def new_message_id(project: Project) -> str:
    """A Message-ID for one copy, without its angle brackets."""
    return f"{uuid4().hex}@{sending_domain(email_channel(project))}"


def compose_copy(
    composer: Composer, row: Claimed, profile: Mapping[str, Any], *, header: tuple[str, str], before_subject: str = ""
) -> Outgoing:
    """The e-mail of an arm as a recipient would get it, but for a header that marks it, and perhaps its subject.

    Raises:
        NotRenderable: it cannot be made for this profile or address.
    """
    made = composer.compose(row, profile, before_subject=before_subject)
    return replace(made, pieces=(unstructured(*header), *made.pieces))


class Post:
    """Hands messages over one by one, each once; opens a new line where the last one ended."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._line: Line | None = None

    def open(self) -> Answer | None:
        """Makes sure that a line is open; why there is none otherwise."""
        if self._line is None or not self._line.is_open:
            self.close()
            opened = self._provider.open()
            if isinstance(opened, Answer):
                return opened
            self._line = opened
        return None

    def hand_over(self, message: Outgoing) -> Answer:
        """What came of the one try."""
        if refusal := self.open():
            return refusal
        assert self._line is not None  # noqa: S101 - for the type checker: it was just opened
        return self._line.offer(message) or self._line.commit()

    def close(self) -> None:
        """Ends the line."""
        if self._line is not None:
            self._line.close()
            self._line = None
