"""What strangers hand back to us: signed tokens bound to one purpose, keyed hashes, and codes printed on pieces."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable, Iterable
from functools import lru_cache

Keys = bytes | tuple[bytes, ...]
"""Keys of tokens, the newest first: that one signs, all of them read. One key alone may stand for a tuple of one."""

ALPHABET = "23456789CDFGHJKMNPRTVWY"
"""Letters of piece codes: no vowels, so no words; none that looks like another. 23 of them, a prime (see `is_code`)."""
CODE_LENGTH = 9
_SIGNATURE_BYTES = 16
_BLOCK_BYTES = 64  # of SHA-256: HMAC lengthens its key to so many


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


def sign(keys: Keys, purpose: str, payload: bytes) -> str:
    """A token in URL-safe letters: the payload and 16 bytes of HMAC-SHA256 under a key of this purpose alone.

    >>> read(b"secret", "unsubscribe", sign(b"secret", "unsubscribe", b"42"))
    b'42'
    >>> read(b"secret", "export", sign(b"secret", "unsubscribe", b"42")) is None
    True
    >>> read((b"new", b"secret"), "unsubscribe", sign(b"secret", "unsubscribe", b"42"))
    b'42'
    """
    return _letters(seal(keys, purpose, payload))


def signer(keys: Keys, purpose: str) -> Callable[[bytes], str]:
    """What makes tokens of one purpose, for those who need very many."""
    signature_of = _signatures(_ring(keys)[0], purpose)
    return lambda payload: _letters(payload + signature_of(payload))


def read(keys: Keys, purpose: str, token: str) -> bytes | None:
    """The payload of a token that `sign` made for this purpose, with any of the keys; None for any other text."""
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    # Base64 has several spellings of the same bytes; only the one that we wrote counts.
    return unseal(keys, purpose, raw) if _letters(raw) == token else None


def seal(keys: Keys, purpose: str, payload: bytes) -> bytes:
    """What `sign` writes, as bytes: for those who write it in other letters."""
    return payload + _signatures(_ring(keys)[0], purpose)(payload)


def unseal(keys: Keys, purpose: str, sealed: bytes) -> bytes | None:
    """The payload that `seal` sealed for this purpose, with any of the keys; None for any other bytes."""
    if len(sealed) < _SIGNATURE_BYTES:
        return None
    payload, signature = sealed[:-_SIGNATURE_BYTES], sealed[-_SIGNATURE_BYTES:]
    sound = [hmac.compare_digest(signature, _signatures(key, purpose)(payload)) for key in _ring(keys)]
    return payload if any(sound) else None


def sign_numbers(keys: Keys, purpose: str, *numbers: int) -> str:
    """A token that holds a few numbers, none below zero; about 34 letters for two of a large project.

    >>> read_numbers(b"secret", "click", sign_numbers(b"secret", "click", 12, 3_456_789), 2)
    (12, 3456789)
    >>> len(sign_numbers(b"secret", "click", 4_000_000, 100_000_000))
    32
    """
    return sign(keys, purpose, packed(numbers))


def read_numbers(keys: Keys, purpose: str, token: str, count: int) -> tuple[int, ...] | None:
    """The numbers of a token that `sign_numbers` made for this purpose out of so many; None for any other text."""
    payload = read(keys, purpose, token)
    numbers, rest = unpacked(payload, count) if payload is not None else (None, b"")
    return None if rest else numbers


def packed(numbers: Iterable[int]) -> bytes:
    """Numbers in as few bytes as need be: seven bits a byte, the lowest first, the last one without the highest bit."""
    written = bytearray()
    for number in numbers:
        while number > 0x7F:
            written.append(number & 0x7F | 0x80)
            number >>= 7  # noqa: PLW2901 - what is left of it to write
        written.append(number)
    return bytes(written)


def unpacked(payload: bytes, count: int) -> tuple[tuple[int, ...] | None, bytes]:
    """So many numbers that `packed` wrote, and the bytes behind them; None where there are fewer."""
    numbers, number, shift = [], 0, 0
    for place, byte in enumerate(payload):
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # the highest bit says that more follows
            numbers.append(number)
            number = shift = 0
            if len(numbers) == count:
                return tuple(numbers), payload[place + 1 :]
    return None, b""


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


def _ring(keys: Keys) -> tuple[bytes, ...]:
    return (keys,) if isinstance(keys, bytes) else keys


def _letters(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


@lru_cache(512)
def _signatures(secret: bytes, purpose: str) -> Callable[[bytes], bytes]:
    """What makes the signatures of one purpose: HMAC-SHA256, whose key is hashed once for all of them."""
    key = _key(secret, purpose).ljust(_BLOCK_BYTES, b"\0")
    inner, outer = hashlib.sha256(key.translate(hmac.trans_36)), hashlib.sha256(key.translate(hmac.trans_5C))

    def signature_of(payload: bytes) -> bytes:
        message, whole = inner.copy(), outer.copy()
        message.update(payload)
        whole.update(message.digest())
        return whole.digest()[:_SIGNATURE_BYTES]

    return signature_of


@lru_cache(512)
def _key(secret: bytes, purpose: str) -> bytes:
    return hmac.digest(secret, b"handbill:" + purpose.encode(), "sha256")
