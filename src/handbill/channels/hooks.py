"""What vendors report by webhook: how a request is proven to be theirs, and what it says in our words."""

import base64
import binascii
import hashlib
import hmac
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from handbill.channels.contract import BounceKind, EventKind

LARGEST = 1_000_000
"""Bytes of the largest request that is read; the vendors' own limits lie below."""
AHEAD = timedelta(minutes=5)
"""How far another machine's clock may be ahead of ours."""

_LONGEST_TEXT, _LONGEST_ID = 500, 200


class Refused(StrEnum):
    """Why a request is not believed."""

    UNSIGNED = "unsigned"
    FORGED = "forged"
    STALE = "stale"
    REPLAYED = "replayed"
    """Its nonce came before with another body."""
    FOREIGN = "foreign"
    """It is the vendor's, and about somebody else's account or topic."""
    WEAK = "weak"
    """It is signed by a method that is not allowed."""
    UNREADABLE = "unreadable"
    LATER = "later"
    """It cannot be judged now, through no fault of its own; the vendor should send it again."""


@dataclass(frozen=True)
class Posted:
    """A request as it came; the names of headers in small letters."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Genuine:
    """A request that is the vendor's. The same `nonce` again is the same request again.

    `asks` says that it reports nothing, but wants to be confirmed first.
    """

    nonce: str
    asks: bool = False


class Hook(Protocol):
    """How one vendor's requests are told from forged ones. `format` names the reader of what they say."""

    @property
    def format(self) -> str:
        """The vendor's name in the list of readers."""

    def check(self, posted: Posted, now: datetime) -> Genuine | Refused:
        """Whether the request is the vendor's."""


@dataclass(frozen=True)
class Report:
    """One event of a vendor's in our words.

    `id` stays the same however often the vendor reports the event. `word` is the vendor's own; `kind` is None where it
    says nothing about the message, and `is_known` false where we do not know the word. `label`, `provider_id` and
    `message_id` say which message it is about, each empty where the vendor does not say. `listed` names the vendor's
    own list (bounce, complaint, unsubscribe) on which it found the address.
    """

    id: str
    word: str
    kind: EventKind | None
    is_known: bool = True
    at: datetime | None = None
    label: str = ""
    provider_id: str = ""
    message_id: str = ""
    bounce: BounceKind | None = None
    listed: str = ""
    said: str = ""
    verdict: str | None = None


class Unreadable(ValueError):
    """A body is not what the vendor sends."""


UNREADABLE_WORD = "(unreadable)"


UNREADABLE = Report("", UNREADABLE_WORD, None, is_known=False)
"""Stands for a part of a body that is not what the vendor sends: counted, and kept with the body."""


# ---------------------------------------------------------------- proof


def split_keys(text: str) -> tuple[str, ...]:
    """The keys in a secret: one, or two apart by a space while one takes over from the other."""
    return tuple(text.split())


def hmac_matches(keys: Iterable[bytes], signed: bytes, digests: Iterable[bytes]) -> bool:
    """Whether one of the digests is HMAC-SHA256 of `signed` under one of the keys. Takes as long whichever it is."""
    given = list(digests)
    matches = [
        hmac.compare_digest(hmac.digest(key, signed, "sha256"), digest) for key in keys if key for digest in given
    ]
    return any(matches)


def check_hmac(
    keys: Iterable[bytes], signed: bytes, digests: Iterable[bytes], *, at: datetime | None, now: datetime,
    oldest: timedelta, nonce: str | bytes,
) -> "Genuine | Refused":  # fmt: skip
    """Whether one of the digests is that of a key, and the request recent enough; `nonce` tells it from all others."""
    if not hmac_matches(keys, signed, digests):
        return Refused.FORGED
    return Genuine(nonce_of(nonce)) if is_fresh(at, now, oldest) else Refused.STALE


def unhex(text: str) -> bytes:
    """The bytes of hexadecimal digits; none for any other text."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return b""


def unbase64(text: str) -> bytes:
    """The bytes of Base64; none for any other text."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def is_fresh(at: datetime | None, now: datetime, oldest: timedelta) -> bool:
    """Whether a request was made lately, as its signed time says."""
    return at is not None and now - oldest <= at <= now + AHEAD


def nonce_of(text: str | bytes) -> str:
    """A short name for what must not come twice with another body."""
    return hashlib.sha256(text.encode(errors="replace") if isinstance(text, str) else text).hexdigest()


# ---------------------------------------------------------------- reading


def read_json(body: bytes | str) -> Any:
    """The JSON of a body.

    Raises:
        Unreadable: it is none, or nested beyond all measure.
    """
    try:
        return json.loads(body if isinstance(body, str) else body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unreadable from None


def inside(content: Any, *path: str) -> Any:
    """What stands in objects in objects; None where one of them is missing."""
    for name in path:
        content = content.get(name) if isinstance(content, dict) else None
    return content


def text_in(content: Any, *path: str) -> str:
    """A text or a whole number as text; empty where there is neither. Fit to be stored."""
    found = inside(content, *path)
    if isinstance(found, list) and len(found) == 1:
        found = found[0]  # some vendors give every value of a label as a list
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found) if found.bit_length() <= 64 else ""
    return storable(found) if isinstance(found, str) else ""


def storable(text: str, longest: int = _LONGEST_TEXT) -> str:
    """A text without what no database takes, on one line, cut to a length."""
    clean = text[: longest * 4].encode("utf-8", "replace").decode().replace("\0", " ")
    return " ".join(clean.split())[:longest]


def id_in(content: Any, *path: str) -> str:
    """The same for ids and addresses of messages, without angle brackets; empty when too long to be one."""
    found = text_in(content, *path).strip("<>")
    return found if len(found) <= _LONGEST_ID else ""


def moment_in(content: Any, *path: str) -> datetime | None:
    """A time: ISO 8601 text, or seconds since 1970 as a number or in digits."""
    found = inside(content, *path)
    if isinstance(found, str) and not _is_number(found):
        return _from_iso(found)
    return from_seconds(found)


def from_seconds(seconds: Any, *, scale: int = 1) -> datetime | None:
    """The time so many seconds (or, with a scale of 1000, milliseconds) after 1970."""
    if isinstance(seconds, str):
        seconds = float(seconds) if _is_number(seconds) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return None
    try:
        return datetime.fromtimestamp(seconds / scale, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def digest_of(content: Any) -> str:
    """A name for an event to which its vendor gives none: equal for equal content."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _is_number(text: str) -> bool:
    return len(text) <= 20 and text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit()


def _from_iso(text: str) -> datetime | None:
    # Amazon and others give nanoseconds or a blank before the zone now and then; the rest is RFC 3339.
    try:
        at = datetime.fromisoformat(text.strip().replace(" UTC", "+00:00").replace(" +00", "+00"))
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
