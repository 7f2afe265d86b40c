"""What a mail that came in says of itself, and its parts: bounded in size, depth and headers, whatever it holds.

The standard library's parser takes minutes for a mail that is made to keep it busy (deep nesting, endless headers),
and knows only half of the reports that other servers write. Here every step is linear, and nothing fails.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parsedate_to_datetime
from itertools import islice

LARGEST = 2 * 1024 * 1024
"""No bounce or unsubscribe request is larger; what is goes into quarantine unread."""
DEEPEST = 8
"""Parts nested deeper are not looked at; reports of real servers stand at the first level or the second."""
MOST_PARTS = 100
LONGEST_HEADERS = 64 * 1024
LONGEST_VALUE = 4_000
LONGEST_CONTENT_TYPE = 1_000
_MOST_LOOKS = 5 * MOST_PARTS

_BLANK_LINE = re.compile(rb"\r?\n[ \t]*\r?\n")
_FIELD = re.compile(r"([!-9;-~]{1,100})[ \t]*:(.*)", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u0085\u2028\u2029\ud800-\udfff]+")
_WHOLE_MAILS = ("message/rfc822", "message/global")
_HEADERS_ALONE = ("text/rfc822-headers", "message/rfc822-headers", "message/global-headers")


@dataclass(frozen=True)
class Fields:
    """The fields of a header, or of one group of a report, in their order; names in lower case."""

    pairs: tuple[tuple[str, str], ...] = ()

    def first(self, name: str) -> str:
        """The value of the first field of this name; empty when there is none."""
        return next((value for each, value in self.pairs if each == name), "")

    def all(self, *names: str) -> list[str]:
        """The values of all fields of these names."""
        return [value for each, value in self.pairs if each in names]

    def __contains__(self, name: str) -> bool:
        return any(each == name for each, _ in self.pairs)


@dataclass(frozen=True)
class Part:
    """One part that holds no others. `kind` is its content type in lower case, `body` its bytes as they came."""

    kind: str
    fields: Fields
    body: bytes = field(repr=False)

    @property
    def content(self) -> bytes:
        """The bytes without the coding that they travelled in; as they came where that is broken."""
        coding = self.fields.first("content-transfer-encoding").lower()
        with suppress(binascii.Error, ValueError):
            if coding == "base64":
                return base64.b64decode(b"".join(self.body.split()) + b"==")
            if coding == "quoted-printable":
                return binascii.a2b_qp(self.body)
        return self.body

    @property
    def text(self) -> str:
        """The content as text: in UTF-8, whatever it calls itself; servers write their reports in ASCII or in that."""
        return self.content.decode("utf-8", "replace").replace("\r\n", "\n")


@dataclass(frozen=True)
class Received:
    """One mail. Its `digest` names what it tells, so that the same mail read again tells nothing new."""

    fields: Fields
    parts: tuple[Part, ...]
    digest: str
    raw: bytes = field(repr=False)

    def sent_at(self, now: datetime) -> datetime:
        """The mail's own date, unless that lies in the future or says nothing."""
        for value in self.fields.all("date"):
            # Dates of year 0 or offsets of weeks fail in ways of their own.
            with suppress(ValueError, OverflowError, TypeError, IndexError):
                sent_at = parsedate_to_datetime(value)
                if sent_at.tzinfo is not None:
                    return min(sent_at.astimezone(UTC), now)
        return now

    @property
    def returned(self) -> Fields | None:
        """The header of the mail of ours that came back with this one, when it did."""
        for part in self.parts:
            if part.kind in _WHOLE_MAILS:
                return read_fields(head_and_body(part.content)[0])
            if part.kind in _HEADERS_ALONE:
                return read_fields(part.content)
        return None


def parse_mail(raw: bytes) -> Received:
    """Reads a mail of at most `LARGEST` bytes; anything at all is a mail of some sort."""
    head, body = head_and_body(raw)
    fields = read_fields(head)
    digest = hashlib.sha256(raw.replace(b"\r\n", b"\n")).hexdigest()[:24]
    return Received(fields, tuple(islice(_parts(fields, body), MOST_PARTS)), digest, raw)


def head_and_body(raw: bytes) -> tuple[bytes, bytes]:
    """What stands before the first blank line, and what follows it."""
    if raw[:1] in {b"\n", b"\r"}:
        return b"", raw.lstrip(b"\r\n")
    match = _BLANK_LINE.search(raw)
    return (raw[: match.start()], raw[match.end() :]) if match else (raw, b"")


def read_fields(head: bytes) -> Fields:
    """The fields of a header; folded lines are joined, control characters dropped, endless values cut."""
    lines: list[str] = []
    for line in head[:LONGEST_HEADERS].decode("utf-8", "replace").replace("\r\n", "\n").split("\n"):
        if line[:1] in {" ", "\t"} and lines:
            lines[-1] = lines[-1] + line if len(lines[-1]) < LONGEST_VALUE else lines[-1]
        else:
            lines.append(line)
    found = (_FIELD.match(line[:LONGEST_VALUE]) for line in lines)
    return Fields(tuple((match[1].lower(), plain(match[2])) for match in found if match))


def plain(text: str) -> str:
    """The text on one line, without characters that a database or a terminal would stumble over."""
    return " ".join(_CONTROL.sub(" ", text).split())


def decoded(value: str) -> str:
    """A header as people read it (RFC 2047); as it came where it cannot be decoded."""
    with suppress(ValueError, LookupError, HeaderParseError, binascii.Error):
        return plain(str(make_header(decode_header(value[:LONGEST_CONTENT_TYPE]))))
    return value


def _parts(fields: Fields, body: bytes) -> Iterator[Part]:
    """The parts that hold no others, in the order in which they stand."""
    waiting = [(fields, body, 0)]
    for _ in range(_MOST_LOOKS):
        if not waiting:
            return
        here, content, depth = waiting.pop()
        kind, boundary = _content_type(here)
        if not boundary or depth >= DEEPEST:
            yield Part(kind, here, content)
            continue
        inner = []
        for piece in islice(_pieces(content, boundary), MOST_PARTS):
            head, rest = head_and_body(piece)
            inner.append((read_fields(head), rest, depth + 1))
        waiting += reversed(inner)


def _content_type(fields: Fields) -> tuple[str, bytes]:
    """The content type, and the boundary between the parts where there are some."""
    value = fields.first("content-type")
    if not value or len(value) > LONGEST_CONTENT_TYPE:
        return "text/plain", b""
    message = Message()
    message["Content-Type"] = value
    kind = message.get_content_type()
    if not kind.startswith("multipart/"):
        return kind, b""
    with suppress(ValueError, LookupError, TypeError):  # parameters in charsets that do not exist
        return kind, (message.get_boundary() or "").encode("utf-8", "replace")
    return kind, b""


def _pieces(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """What stands between the boundaries; a mail that was cut off ends its last part."""
    start = None
    for match in re.finditer(rb"^--" + re.escape(boundary) + rb"(--)?[ \t\r]*$", body, re.MULTILINE):
        if start is not None:
            yield body[start : match.start()]
        if match[1]:
            return
        start = match.end() + 1
    if start is not None:
        yield body[start:]
