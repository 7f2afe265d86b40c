"""Reports of systems that speak our own words: a print house, a mail server, a call centre."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handbill.channels.contract import BounceKind, EventKind
from handbill.channels.hooks import (
    UNREADABLE,
    Genuine,
    Posted,
    Refused,
    Report,
    Unreadable,
    check_hmac,
    from_seconds,
    id_in,
    inside,
    moment_in,
    read_json,
    text_in,
    unhex,
)

FORMAT = "signed"
OLDEST = timedelta(minutes=5)

KINDS: Mapping[str, EventKind] = {str(kind): kind for kind in EventKind}
_BOUNCES: Mapping[str, BounceKind] = {str(kind): kind for kind in BounceKind}


@dataclass(frozen=True)
class SignedHook:
    """Requests with `Handbill-Timestamp` (seconds since 1970) and `Handbill-Signature` (`v1=`, then hexadecimal)."""

    keys: tuple[str, ...] = field(repr=False)
    format: str = FORMAT

    def check(self, posted: Posted, now: datetime) -> Genuine | Refused:
        """HMAC-SHA256 over time, a dot and the body; several signatures stand apart by commas."""
        stamp, header = posted.headers.get("handbill-timestamp", ""), posted.headers.get("handbill-signature", "")
        if not stamp or not header:
            return Refused.UNSIGNED
        signatures = [each.strip() for each in header.split(",")]
        given = [unhex(each.removeprefix("v1=")) for each in signatures if each.startswith("v1=")]
        if not given:
            return Refused.WEAK
        keys, signed = (key.encode() for key in self.keys), stamp.encode() + b"." + posted.body
        return check_hmac(keys, signed, given, at=from_seconds(stamp), now=now, oldest=OLDEST, nonce=posted.body)


def read_reports(body: bytes) -> list[Report]:
    """`{"events": […]}`, or one event alone.

    Raises:
        Unreadable: there is none in it.
    """
    content = read_json(body)
    listed = inside(content, "events")
    events = listed if isinstance(listed, list) else [content]
    if not isinstance(content, dict) or (listed is None and "kind" not in content):
        raise Unreadable
    return [_report(each) if id_in(each, "id") and text_in(each, "kind") else UNREADABLE for each in events]


def _report(event: Any) -> Report:
    word = text_in(event, "kind")
    kind = KINDS.get(word)
    bounce = _BOUNCES.get(text_in(event, "bounce"), BounceKind.UNKNOWN) if kind is EventKind.BOUNCED else None
    return Report(
        id=id_in(event, "id"),
        word=word,
        kind=kind,
        is_known=word in KINDS,
        at=moment_in(event, "at"),
        label=id_in(event, "outbox"),
        provider_id=id_in(event, "provider_id"),
        message_id=id_in(event, "message_id"),
        bounce=bounce,
        said=text_in(event, "said"),
        verdict="unknown" if kind in {EventKind.OPENED, EventKind.CLICKED} else None,
    )
