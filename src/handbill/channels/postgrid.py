"""What PostGrid reports about letters and postcards that it prints and posts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from handbill.channels.contract import EventKind
from handbill.channels.hooks import (
    Genuine,
    Posted,
    Refused,
    Report,
    Unreadable,
    check_hmac,
    from_seconds,
    hmac_matches,
    id_in,
    inside,
    is_fresh,
    moment_in,
    nonce_of,
    read_json,
    text_in,
    unbase64,
    unhex,
)

FORMAT = "postgrid"
OLDEST = timedelta(minutes=15)

KINDS: Mapping[str, EventKind | None] = {
    "ready": EventKind.LETTER_CREATED,
    "printing": EventKind.LETTER_RENDERED,
    "processed_for_delivery": EventKind.LETTER_MAILED,  # in its words: handed over to the post
    "completed": EventKind.LETTER_DELIVERED,  # in its words: most likely
    "cancelled": EventKind.LETTER_CANCELLED,
    "failed": EventKind.LETTER_FAILED,
    "entered_mail_stream": EventKind.LETTER_IN_TRANSIT,
    "out_for_delivery": EventKind.LETTER_PROCESSED_FOR_DELIVERY,
    "returned_to_sender": EventKind.LETTER_RETURNED,
}
"""Its orders' `status`, and the post's own word for them, `imbStatus`."""
_PIECES = frozenset({"letter", "postcard", "self_mailer", "selfmailer", "snap_pack"})


@dataclass(frozen=True)
class PostGridHook:
    """Requests in one of two forms: JSON with a signature in a header, or a signed token (JWT) as the whole body."""

    keys: tuple[str, ...] = field(repr=False)
    format: str = FORMAT

    def check(self, posted: Posted, now: datetime) -> Genuine | Refused:
        """HMAC over time and body, or over the token."""
        header = posted.headers.get("postgrid-signature")
        return self._check_header(header, posted.body, now) if header else self._check_token(posted.body, now)

    def _check_header(self, header: str, body: bytes, now: datetime) -> Genuine | Refused:
        parts = [part.strip().partition("=")[::2] for part in header.split(",")]
        stamp = next((value for name, value in parts if name == "t"), "")
        signatures = [unhex(value) for name, value in parts if name == "v1"]
        if not stamp or not signatures:
            return Refused.WEAK
        signed, at = stamp.encode() + b"." + body, from_seconds(stamp, scale=1000)
        return check_hmac(self._secrets, signed, signatures, at=at, now=now, oldest=OLDEST, nonce=body)

    def _check_token(self, body: bytes, now: datetime) -> Genuine | Refused:
        signed, _, signature = body.strip().rpartition(b".")
        head, _, claims = signed.partition(b".")
        if not head or not claims or b"." in claims:
            return Refused.UNSIGNED
        try:
            algorithm, content = text_in(_part(head), "alg"), _part(claims)
        except Unreadable:
            return Refused.UNREADABLE
        if algorithm != "HS256":
            return Refused.WEAK
        if not hmac_matches(self._secrets, signed, [_bytes_of(signature)]):
            return Refused.FORGED
        expires_at = moment_in(content, "exp")
        if not is_fresh(moment_in(content, "iat"), now, OLDEST) or (expires_at is not None and expires_at <= now):
            return Refused.STALE
        return Genuine(nonce_of(claims))

    @property
    def _secrets(self) -> tuple[bytes, ...]:
        return tuple(key.encode() for key in self.keys)


def read_reports(body: bytes) -> list[Report]:
    """The order's status, and the post's word for it where there is one. An order reaches each of them once.

    Raises:
        Unreadable: there is none in it.
    """
    event = _part(body.strip().split(b".")[1]) if body.lstrip()[:1] not in {b"{", b"["} and b"." in body else None
    event = event if event is not None else read_json(body)
    type_, order = text_in(event, "type"), inside(event, "data")
    if not type_:
        raise Unreadable
    if type_.partition(".")[0] not in _PIECES:
        return [Report(id_in(event, "id"), type_, None, is_known=False)]
    words = [word for name in ("status", "imbStatus") if (word := text_in(order, name))]
    if not words:
        return [Report(id_in(event, "id"), type_, None, is_known=False)]
    return [_report(word, event, order) for word in words]


def _report(word: str, event: Any, order: Any) -> Report:
    return Report(
        id=f"{id_in(order, 'id')}-{word}"[:200],
        word=word,
        kind=KINDS.get(word),
        is_known=word in KINDS,
        at=moment_in(order, "imbDate") if word == text_in(order, "imbStatus") else moment_in(event, "createdAt"),
        label=id_in(order, "metadata", "outbox"),
        provider_id=id_in(order, "id"),
        message_id=id_in(order, "metadata", "piece_id"),
    )


def _part(encoded: bytes) -> Any:
    return read_json(_bytes_of(encoded))


def _bytes_of(encoded: bytes) -> bytes:
    text = encoded.decode("ascii", "replace")
    return unbase64(text.replace("-", "+").replace("_", "/") + "=" * (-len(text) % 4))
