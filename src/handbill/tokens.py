"""What strangers hand back to us: signed tokens bound to one purpose, keyed hashes, and codes printed on pieces."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from functools import lru_cache

ALPHABET = "23456789CDFGHJKMNPRTVWY"
"""Letters of piece codes: no vowels, so no words; none that looks like another. 23 of them, a prime (see `is_code`)."""
CODE_LENGTH = 9
_SIGNATURE_BYTES = 16


def keyed_hash(secret: bytes, purpose: str, text: str) -> str:
    """32 hexadecimal digits that stand for `text` where the text itself must not: suppression lists and logs.

    Equal texts give equal hashes for one secret and purpose; nobody without the secret can try texts out.
    """
    return hashlib.blake2b(text.encode(), digest_size=16, key=_key(secret, purpose)).hexdigest()


def keyed_hashes(secret: bytes, purpose: str, texts: Iterable[str]) -> list[str]:
    """The keyed hash of each text; quicker than one by one, for files of millions."""
    begun = hashlib.blake2b(digest_size=16, key=_key(secret, purpose))
    found = []
    for text in texts:
        one = begun.copy()
        one.update(text.encode())
        found.append(one.hexdigest())
    return found


def sign(secret: bytes, purpose: str, payload: bytes) -> str:
    """A token in URL-safe letters: the payload and 16 bytes of HMAC-SHA256 under a key of this purpose alone.

    >>> read(b"secret", "unsubscribe", sign(b"secret", "unsubscribe", b"42"))
    b'42'
    >>> read(b"secret", "export", sign(b"secret", "unsubscribe", b"42")) is None
    True
    """
    return base64.urlsafe_b64encode(payload + _signature(secret, purpose, payload)).decode().rstrip("=")


def read(secret: bytes, purpose: str, token: str) -> bytes | None:
    """The payload of a token that `sign` made for this purpose; None for any other text."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    payload, signature = raw[:-_SIGNATURE_BYTES], raw[-_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _signature(secret, purpose, payload)):
        return None
    # Base64 has several spellings of the same bytes; only the one that we wrote counts.
    return payload if sign(secret, purpose, payload) == token else None


def new_code() -> str:
    """A response code for one printed piece: 8 random letters and a check letter (78 thousand million codes)."""
    body = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH - 1))
    return body + _check_letter(body)


def read_code(typed: str) -> str | None:
    """The code that somebody typed, in any case and with spaces or hyphens; None when it cannot be one of ours.

    >>> read_code("234-567-899"), read_code("234-567-989")
    ('234567899', None)
    """
    code = "".join(letter for letter in typed.upper() if letter not in " -\u2010\u2011\u2012\u2013\u00a0\t")
    if len(code) != CODE_LENGTH or any(letter not in ALPHABET for letter in code):
        return None
    return code if _check_letter(code[:-1]) == code[-1] else None


def _check_letter(body: str) -> str:
    # Weights 1, 2, 3… modulo a prime: every single wrong letter and every swap of neighbours changes the sum.
    total = sum(weight * ALPHABET.index(letter) for weight, letter in enumerate(body, start=1))
    return ALPHABET[total % len(ALPHABET)]


def _signature(secret: bytes, purpose: str, payload: bytes) -> bytes:
    return hmac.digest(_key(secret, purpose), payload, "sha256")[:_SIGNATURE_BYTES]


@lru_cache(32)
def _key(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, b"handbill:" + purpose.encode(), "sha256")
