"""What Lob reports about letters and postcards that it prints and posts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from handbill.channels.contract import EventKind
from handbill.channels.hooks import (
    Genuine,
    Posted,
    Refused,
    Report,
    Unreadable,
    check_hmac,
    digest_of,
    from_seconds,
    id_in,
    inside,
    moment_in,
    read_json,
    text_in,
    unhex,
)

FORMAT = "lob"
OLDEST = timedelta(minutes=5)
"""What it recommends itself; every try is signed anew."""

KINDS: Mapping[str, EventKind | None] = {
    "created": EventKind.LETTER_CREATED,
    "rendered_pdf": EventKind.LETTER_RENDERED,
    "rendered_thumbnails": None,
    "mailed": EventKind.LETTER_MAILED,
    "in_transit": EventKind.LETTER_IN_TRANSIT,
    "international_exit": EventKind.LETTER_IN_TRANSIT,
    "in_local_area": EventKind.LETTER_IN_LOCAL_AREA,
    "processed_for_delivery": EventKind.LETTER_PROCESSED_FOR_DELIVERY,
    "delivered": EventKind.LETTER_DELIVERED,
    "re-routed": EventKind.LETTER_RE_ROUTED,
    "returned_to_sender": EventKind.LETTER_RETURNED,
    "viewed": EventKind.LETTER_VIEWED,
    "failed": EventKind.LETTER_FAILED,
    "rejected": EventKind.LETTER_FAILED,
    "deleted": EventKind.LETTER_CANCELLED,
    "certified.mailed": EventKind.LETTER_MAILED,
    "certified.in_transit": EventKind.LETTER_IN_TRANSIT,
    "certified.in_local_area": EventKind.LETTER_IN_LOCAL_AREA,
    "certified.processed_for_delivery": EventKind.LETTER_PROCESSED_FOR_DELIVERY,
    "certified.pickup_available": EventKind.LETTER_IN_LOCAL_AREA,
    "certified.delivered": EventKind.LETTER_DELIVERED,
    "certified.re-routed": EventKind.LETTER_RE_ROUTED,
    "certified.returned_to_sender": EventKind.LETTER_RETURNED,
    "certified.issue": None,
    # The envelope for the answer, on its way back: nothing became of the letter itself.
    "return_envelope.created": None,
    "return_envelope.in_transit": None,
    "return_envelope.international_exit": None,
    "return_envelope.in_local_area": None,
    "return_envelope.processed_for_delivery": None,
    "return_envelope.re_routed": None,
    "return_envelope.returned_to_sender": None,
    "return_envelope.delivered": None,
}
"""Its words behind the first dot: `postcard.mailed` and `letter.mailed` are the same to us."""


@dataclass(frozen=True)
class LobHook:
    """Requests signed with a secret of the webhook's own; another one in its test environment."""

    keys: tuple[str, ...] = field(repr=False)
    format: str = FORMAT

    def check(self, posted: Posted, now: datetime) -> Genuine | Refused:
        """HMAC over time and body."""
        signature, stamp = posted.headers.get("lob-signature", ""), posted.headers.get("lob-signature-timestamp", "")
        if not signature or not stamp:
            return Refused.UNSIGNED
        signed = stamp.encode() + b"." + posted.body
        keys, at = (key.encode() for key in self.keys), from_seconds(stamp, scale=1000)
        return check_hmac(keys, signed, [unhex(signature)], at=at, now=now, oldest=OLDEST, nonce=posted.body)


def read_reports(body: bytes) -> list[Report]:
    """One event a request.

    Raises:
        Unreadable: there is none in it.
    """
    event = read_json(body)
    whole = text_in(event, "event_type", "id")
    _, _, word = whole.partition(".")
    if not word:
        raise Unreadable
    piece = inside(event, "body")
    return [
        Report(
            id=id_in(event, "id") or digest_of(event),
            word=whole,
            kind=KINDS.get(word),
            is_known=word in KINDS,
            at=moment_in(event, "date_created"),
            label=id_in(piece, "metadata", "outbox"),
            provider_id=id_in(event, "reference_id") or id_in(piece, "id"),
            message_id=id_in(piece, "metadata", "piece_id"),
            said=text_in(piece, "failure_reason", "message"),
        )
    ]
