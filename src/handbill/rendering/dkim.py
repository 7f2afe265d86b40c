"""The signature by which mailbox providers know that a message is the sender's own and was not changed (DKIM)."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

SIGNED = (
    "from", "from",  # one more than there is, so that nobody can add a second one (RFC 6376, 8.15)
    "to", "reply-to", "subject", "date", "message-id", "mime-version", "content-type", "list-unsubscribe",
    "list-unsubscribe-post", "list-id", "feedback-id",
)  # fmt: skip
"""Headers that the signature covers; of those, a message has as many as it has."""

SMALLEST_KEY = 1024
"""Bits that verifiers must accept at least (RFC 8301); 2048 are usual."""

_HEADER = re.compile(rb"([!-9;-~]+):([^\r]*(?:\r\n[ \t][^\r]*)*)\r\n")
_SPACES = re.compile(rb"[ \t]+")
_LINE = 72


@dataclass(frozen=True)
class SigningKey:
    """A private key whose public half stands in the DNS at `<selector>._domainkey.<domain>`."""

    domain: str
    selector: str
    key: RSAPrivateKey = field(repr=False)


def read_signing_key(domain: str, selector: str, pem: bytes) -> SigningKey:
    """The key in the text of a PEM file.

    Raises:
        ValueError: it holds no RSA key that can sign, or one that is too short; a sentence that can be shown.
    """
    try:
        key = load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("this is no private key in PEM format without a password") from None
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("this is no RSA key")
    if key.key_size < SMALLEST_KEY:
        raise ValueError(f"the key has {key.key_size} bits, and {SMALLEST_KEY} are the least that is accepted")
    return SigningKey(domain, selector, key)


def sign(message: bytes, key: SigningKey, signed_at: datetime) -> bytes:
    """The message with its signature as its first header: RSA with SHA-256, relaxed in headers and body (RFC 6376).

    Lines of the message end in CRLF. The same message, key and moment give the same bytes.
    """
    head, _, body = message.partition(b"\r\n\r\n")
    return _signature(head + b"\r\n", relaxed_body(body), key, signed_at) + message


def signature_of(head: bytes, body: Sequence[bytes], key: SigningKey, signed_at: datetime) -> bytes:
    """The header that signs a message in parts, as `build_parts` makes them. What comes again is made relaxed once."""
    return _signature(head[:-2], b"".join(map(_relaxed_piece, body)), key, signed_at)


def _signature(head: bytes, canonical_body: bytes, key: SigningKey, signed_at: datetime) -> bytes:
    """The header that vouches for the headers `head` and for a body."""
    found = _signed_headers(head)
    body_hash = base64.b64encode(hashlib.sha256(canonical_body).digest()).decode()
    names = ":".join(name for name, _ in found)
    unsigned = (
        f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; t={int(signed_at.timestamp())};\r\n"
        f" d={key.domain}; s={key.selector};\r\n bh={body_hash};\r\n{_folded_names(names)}\r\n b="
    ).encode()
    covered = b"".join(line for _, line in found) + _relaxed_header(b"dkim-signature", unsigned.partition(b":")[2])
    signature = key.key.sign(covered.removesuffix(b"\r\n"), PKCS1v15(), SHA256())
    return b"".join((unsigned, _folded(base64.b64encode(signature)), b"\r\n"))


def relaxed_body(body: bytes) -> bytes:
    r"""The body as the hash sees it: runs of spaces are one, none ends a line, and no empty line ends the body.

    >>> relaxed_body(b" C \r\nD \t E\r\n\r\n\r\n")
    b' C\r\nD E\r\n'
    """
    body = _relaxed_spaces(body).rstrip(b" ")
    while body.endswith(b"\r\n\r\n"):
        body = body[:-2]
    if body == b"\r\n":
        return b""
    return body if not body or body.endswith(b"\r\n") else body + b"\r\n"


def _relaxed_spaces(body: bytes) -> bytes:
    body = body.replace(b"\t", b" ")
    while b"  " in body:  # replacing again and again is twenty times as fast as a regular expression
        body = body.replace(b"  ", b" ")
    return body.replace(b" \r\n", b"\r\n")


_relaxed_piece = lru_cache(maxsize=1024)(_relaxed_spaces)


def _signed_headers(head: bytes) -> list[tuple[str, bytes]]:
    """Names and canonical lines of the headers that are signed; a name without a header stands for its absence."""
    lines: dict[str, bytes] = {}
    for name, value in _HEADER.findall(head):
        lower = name.lower()
        lines[lower.decode()] = _relaxed_header(lower, value)
    found = []
    for number, name in enumerate(SIGNED):
        if name in SIGNED[:number]:
            found.append((name, b""))
        elif name in lines:
            found.append((name, lines[name]))
    return found


@lru_cache(maxsize=1024)  # most headers are the same in all messages of a run
def _relaxed_header(name: bytes, value: bytes) -> bytes:
    return name + b":" + _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ") + b"\r\n"


def _folded_names(names: str) -> str:
    """The `h=` tag on lines of readable length; white space may stand at its colons."""
    lines = [" h="]
    for name in names.split(":"):
        part = name if lines[-1] == " h=" else f":{name}"
        if len(lines[-1]) + len(part) > _LINE:
            lines.append(" ")
        lines[-1] += part
    return "\r\n".join(lines) + ";"


def _folded(signature: bytes) -> bytes:
    return b"\r\n ".join(signature[start : start + _LINE] for start in range(0, len(signature), _LINE))
