"""What a message carries so that its answers find their way back: unsubscribe address and bounce address, both signed.

Nobody can make them up: a token names its message and is signed for one purpose only.
"""

import base64
import re
from dataclasses import dataclass

from handbill.tokens import read, sign

UNSUBSCRIBE_MAILBOX = "unsubscribe"
BOUNCE_MAILBOX = "bounces"

_UNSUBSCRIBE = "unsubscribe"
_BOUNCE = "bounce"
_BOUNCE_ADDRESS = re.compile(rf"{BOUNCE_MAILBOX}\+([a-z2-7]+)@", re.IGNORECASE)


@dataclass(frozen=True)
class Unsubscribe:
    """Who no longer wants what, and which message they answered. `topic` is `*` for everything."""

    contact_id: int
    outbox_id: int
    topic: str


def unsubscribe_token(secret: bytes, wish: Unsubscribe) -> str:
    """A token in URL-safe letters; it never expires."""
    return sign(secret, _UNSUBSCRIBE, f"{wish.contact_id}.{wish.outbox_id}.{wish.topic}".encode())


def unsubscribe_mailto(secret: bytes, domain: str, wish: Unsubscribe) -> str:
    """The mailto link that unsubscribes: an empty mail whose subject holds the token."""
    return f"mailto:{UNSUBSCRIBE_MAILBOX}@{domain}?subject=unsubscribe%20{unsubscribe_token(secret, wish)}"


def read_unsubscribe(secret: bytes, token: str) -> Unsubscribe | None:
    """What a token of `unsubscribe_token` says; None for any other text."""
    payload = read(secret, _UNSUBSCRIBE, token)
    if payload is None:
        return None
    contact_id, outbox_id, topic = payload.decode().split(".", 2)
    return Unsubscribe(int(contact_id), int(outbox_id), topic)


def bounce_address(secret: bytes, domain: str, outbox_id: int) -> str:
    """The envelope sender of a message, to which it comes back when it cannot be delivered (VERP).

    Lower-case letters only: some servers change the case of addresses.
    """
    token = sign(secret, _BOUNCE, str(outbox_id).encode())
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    letters = base64.b32encode(raw).decode().rstrip("=").lower()
    return f"{BOUNCE_MAILBOX}+{letters}@{domain}"


def read_bounce(secret: bytes, address: str) -> int | None:
    """The message that came back to this address; None when the address is not one that we made."""
    match = _BOUNCE_ADDRESS.match(address.strip().strip("<>"))
    if not match:
        return None
    letters = match[1].upper()
    try:
        raw = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError:
        return None
    payload = read(secret, _BOUNCE, base64.urlsafe_b64encode(raw).decode().rstrip("="))
    return None if payload is None else int(payload)
