"""What a message carries so that its answers find their way back: addresses of pages, clicks and bounces, all signed.

Nobody can make them up: a token names its message and is signed for one purpose only. It never expires.
"""

import base64
import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from handbill.tokens import Keys, packed, read, read_numbers, seal, sign, sign_numbers, unpacked, unseal

UNSUBSCRIBE_MAILBOX = "unsubscribe"
BOUNCE_MAILBOX = "bounces"

_UNSUBSCRIBE = "unsubscribe"
"""Purpose of the tokens of earlier versions, which mailboxes are full of."""
_BOUNCE = "bounce"
_BOUNCE_ADDRESS = re.compile(rf"{BOUNCE_MAILBOX}\+([a-z2-7]+)@", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Z2-7]{1,200}")
_BASE32 = "abcdefghijklmnopqrstuvwxyz234567"


class Page(StrEnum):
    """Where a link of ours leads: the first letter of its path, and the purpose that its token is bound to."""

    UNSUBSCRIBE = "u"
    PREFERENCES = "p"
    VIEW = "v"
    CLICK = "c"
    OPEN = "o"
    SCAN = "s"


@dataclass(frozen=True)
class Unsubscribe:
    """Who no longer wants what, and which message they answered. `topic` is `*` for everything."""

    contact_id: int
    outbox_id: int
    topic: str


@dataclass(frozen=True)
class Bearer:
    """To whom a message went, and which one it is; both are 0 in a proof or a preview, which is nobody's."""

    contact_id: int
    outbox_id: int


@dataclass(frozen=True)
class Click:
    """A link of a published campaign, and the message in which it stands: 0 where no person is to be known.

    `target` is where it leads when only the recipient made that whole.
    """

    link_id: int
    outbox_id: int
    target: str = ""


def public_address(links: str, page: Page, token: str) -> str:
    """The web address of a token; `links` is the service's public address, as campaigns.yaml has it.

    >>> public_address("https://go.shop.example/", Page.OPEN, "token")
    'https://go.shop.example/o/token.gif'
    """
    return f"{links.rstrip('/')}/{page}/{token}{'.gif' if page is Page.OPEN else ''}"


@lru_cache(maxsize=64)  # a message shows its own in several places
def unsubscribe_token(keys: Keys, wish: Unsubscribe) -> str:
    """A token in URL-safe letters."""
    return sign(keys, Page.UNSUBSCRIBE, packed((wish.contact_id, wish.outbox_id)) + wish.topic.encode())


def read_unsubscribe(keys: Keys, token: str) -> Unsubscribe | None:
    """What a token of `unsubscribe_token` says, of this version or an earlier one; None for any other text."""
    payload = read(keys, Page.UNSUBSCRIBE, token)
    if payload is not None:
        numbers, topic = unpacked(payload, 2)
        return Unsubscribe(numbers[0], numbers[1], topic.decode()) if numbers else None
    payload = read(keys, _UNSUBSCRIBE, token)
    if payload is None:
        return None
    contact_id, outbox_id, name = payload.decode().split(".", 2)
    return Unsubscribe(int(contact_id), int(outbox_id), name)


def unsubscribe_mailto(keys: Keys, domain: str, wish: Unsubscribe) -> str:
    """The mailto link that unsubscribes: an empty mail whose subject holds the token."""
    return f"mailto:{UNSUBSCRIBE_MAILBOX}@{domain}?subject=unsubscribe%20{unsubscribe_token(keys, wish)}"


def preferences_token(keys: Keys, bearer: Bearer) -> str:
    """A token that opens the preferences of one contact."""
    return sign_numbers(keys, Page.PREFERENCES, bearer.contact_id, bearer.outbox_id)


def read_preferences(keys: Keys, token: str) -> Bearer | None:
    """Whose preferences a token opens, and the message that carried it; None for any other text."""
    numbers = read_numbers(keys, Page.PREFERENCES, token, 2)
    return Bearer(*numbers) if numbers else None


def view_token(keys: Keys, bearer: Bearer) -> str:
    """A token that shows one message in a browser."""
    return sign_numbers(keys, Page.VIEW, bearer.contact_id, bearer.outbox_id)


def read_view(keys: Keys, token: str) -> Bearer | None:
    """Which message a token shows, and to whom it went; None for any other text."""
    numbers = read_numbers(keys, Page.VIEW, token, 2)
    return Bearer(*numbers) if numbers else None


def click_token(keys: Keys, click: Click) -> str:
    """A token that leads to the target of one link."""
    return sign(keys, Page.CLICK, packed((click.link_id, click.outbox_id)) + click.target.encode())


def read_click(keys: Keys, token: str) -> Click | None:
    """Which link was followed, in which message; None for any other text."""
    payload = read(keys, Page.CLICK, token)
    numbers, target = unpacked(payload, 2) if payload is not None else (None, b"")
    return Click(numbers[0], numbers[1], target.decode()) if numbers else None


def open_token(keys: Keys, outbox_id: int) -> str:
    """A token that says that one message was shown."""
    return sign_numbers(keys, Page.OPEN, outbox_id)


def read_open(keys: Keys, token: str) -> int | None:
    """Which message was shown; None for any other text."""
    numbers = read_numbers(keys, Page.OPEN, token, 1)
    return numbers[0] if numbers else None


def bounce_address(keys: Keys, domain: str, outbox_id: int) -> str:
    """The envelope sender of a message, to which it comes back when it cannot be delivered (VERP).

    Lower-case letters only: some servers change the case of addresses.
    """
    return f"{BOUNCE_MAILBOX}+{_base32(seal(keys, _BOUNCE, str(outbox_id).encode()))}@{domain}"


def read_bounce(keys: Keys, address: str) -> int | None:
    """The message that came back to this address; None when the address is not one that we made."""
    match = _BOUNCE_ADDRESS.match(address.strip().strip("<>"))
    return read_envelope_id(keys, match[1]) if match else None


def envelope_id(address: str) -> str:
    """What names the envelope of a message to servers that write notifications (ENVID, RFC 3461).

    `address` is its bounce address, whose signature the id shares.
    """
    return address.partition("@")[0].partition("+")[2]


def read_envelope_id(keys: Keys, text: str) -> int | None:
    """The message whose envelope has this id; None when the id is not one that we made."""
    letters = text.strip().upper()
    if not _LETTERS.fullmatch(letters):
        return None
    try:
        raw = base64.b32decode(letters + "=" * (-len(letters) % 8))
    except ValueError:
        return None
    if _base32(raw) != letters.lower():  # the same bytes in a spelling that is not ours
        return None
    payload = unseal(keys, _BOUNCE, raw)
    return None if payload is None else int(payload)


def _base32(raw: bytes) -> str:
    """Base32 in lower case and without padding; a third of the time of `base64`, whose table no cache keeps."""
    more = -len(raw) * 8 % 5  # bits to a whole letter
    number = int.from_bytes(raw, "big") << more
    return "".join([_BASE32[number >> at & 31] for at in range(len(raw) * 8 + more - 5, -1, -5)])
