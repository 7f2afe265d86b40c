"""What a complaint (RFC 5965, ARF) says: that somebody pressed "this is spam" under a mail of ours."""

import re
from dataclasses import dataclass

from handbill.responses.received import Fields, Received, decoded, read_fields

COMPLAINTS = frozenset({"abuse", "fraud", "virus", "other", "miscategorized", "opt-out", "opt-out-list"})
"""Types of feedback after which nobody should write again."""

_REPORT = "message/feedback-report"
_LONGEST_REPORT = 64 * 1024
_OUTLOOK = re.compile(r"staff@hotmail\.com", re.IGNORECASE)
_OUTLOOK_SUBJECT = re.compile(r"complaint about message from", re.IGNORECASE)


@dataclass(frozen=True)
class Feedback:
    """A report of a mailbox provider. `type` is `abuse` for a complaint; `campaign` is whatever Feedback-ID names."""

    type: str
    envelope_id: str
    provider: str
    campaign: str

    @property
    def is_complaint(self) -> bool:
        """Whether a person complained; the other types judge signatures, or take a complaint back."""
        return self.type in COMPLAINTS


def read_feedback(received: Received) -> Feedback | None:
    """The feedback in a mail; None when it is no such report."""
    returned = received.returned or Fields()
    campaign = returned.first("feedback-id").partition(":")[0][:100]
    part = next((part for part in received.parts if part.kind == _REPORT), None)
    if part is not None:
        fields = read_fields(part.content.lstrip()[:_LONGEST_REPORT])
        kind = fields.first("feedback-type").lower().split()
        return Feedback(
            kind[0] if kind else "other",
            fields.first("original-envelope-id"),
            fields.first("user-agent")[:100],
            campaign,
        )
    if _is_outlook(received) and received.returned is not None:
        return Feedback("abuse", "", "Outlook", campaign)
    return None


def _is_outlook(received: Received) -> bool:
    """Microsoft's feedback is older than the standard: the mail itself, attached to a letter of theirs."""
    return bool(
        _OUTLOOK.search(received.fields.first("from"))
        and _OUTLOOK_SUBJECT.search(decoded(received.fields.first("subject")))
    )
