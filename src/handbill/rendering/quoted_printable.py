"""How text travels in a mail as quoted-printable, where most of it is encoded once for all recipients."""

from binascii import b2a_qp
from collections.abc import Iterable, Mapping
from functools import lru_cache

SOFT_BREAK = b"=\r\n"


def encode(pieces: Iterable[str], ready: Mapping[str, bytes]) -> list[bytes]:
    """The pieces of one text, to be joined, with the end of its last line. `ready` has what `encode_piece` made before.

    Every piece starts on a line of its own and ends with a soft break, which the reader's mail program takes out
    again; so each can be encoded without knowing its neighbours.
    """
    encoded = [ready.get(piece) or encode_piece(piece) for piece in pieces if piece]
    last = encoded.pop() if encoded else b""
    return [*encoded, last.removesuffix(SOFT_BREAK) + b"\r\n"]


@lru_cache(maxsize=1024)  # a first name stands in a mail several times, and the shop's own name in every one
def encode_piece(piece: str) -> bytes:
    """One piece, in lines of at most 76 bytes; empty only for an empty piece."""
    if not piece:
        return b""
    text = piece.encode().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    encoded = b2a_qp(text, istext=True).replace(b"\n", b"\r\n")
    return encoded if encoded.endswith(b"\r\n") else encoded + SOFT_BREAK
