"""What a delivery status notification (RFC 3464, and RFC 6533 for other alphabets) says about one message of ours."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from handbill.channels.contract import BounceKind, EventKind
from handbill.contacts.identity import email_key
from handbill.responses.bounce_classes import best_status, bounce_kind
from handbill.responses.received import Fields, Part, Received, plain, read_fields

MOST_RECIPIENTS = 200
"""Our messages have one recipient each; more appear where a mailing list passed one on."""

_REPORTS = ("message/delivery-status", "message/global-delivery-status")
_KINDS: Mapping[str, EventKind] = {
    "failed": EventKind.BOUNCED,
    "delayed": EventKind.DEFERRED,
    "delivered": EventKind.DELIVERED,
    "expanded": EventKind.DELIVERED,
    "relayed": EventKind.RELAYED,
}
_KIND_OF_CLASS: Mapping[str, EventKind] = {
    "5": EventKind.BOUNCED,
    "4": EventKind.DEFERRED,
    "2": EventKind.DELIVERED,
}
"""For servers that forget `Action`."""
_BEST_NEWS_FIRST: Sequence[tuple[EventKind, BounceKind | None]] = (
    (EventKind.DELIVERED, None),
    (EventKind.RELAYED, None),
    (EventKind.DEFERRED, None),
    (EventKind.BOUNCED, BounceKind.SOFT),
    (EventKind.BOUNCED, BounceKind.BLOCKED),
    (EventKind.BOUNCED, BounceKind.UNKNOWN),
    (EventKind.BOUNCED, BounceKind.HARD),
)
_RECIPIENT_FIELDS = ("original-recipient", "final-recipient")
_ONCE_A_RECIPIENT = ("final-recipient", "action")
_ESCAPED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")


@dataclass(frozen=True)
class Notice:
    """What became of a message. `bounce` is set for a bounce; `said` is the server's own line."""

    kind: EventKind
    bounce: BounceKind | None
    status: str
    said: str


@dataclass(frozen=True)
class Report:
    """A whole notification: the envelope's id, as we gave it, and each recipient's addresses with what became of it."""

    envelope_id: str
    recipients: tuple[tuple[frozenset[str], Notice], ...]

    def notice_for(self, address: str) -> Notice | None:
        """What became of the message to this address.

        Where the report names others only, the address was passed on: to several people perhaps, and then the best
        news counts, for whoever has one reader left is no dead address.
        """
        own = [notice for addresses, notice in self.recipients if _comparable(address) in addresses]
        notices = own or [notice for _, notice in self.recipients]
        return min(notices, key=lambda each: _BEST_NEWS_FIRST.index((each.kind, each.bounce)), default=None)


def read_report(received: Received) -> Report | None:
    """The notification in a mail; None when there is none."""
    parts = [part for part in received.parts if part.kind in _REPORTS]
    if not parts:
        return None
    groups = [group for part in parts for group in _groups(part)]
    envelope_id = next((value for group in groups if (value := group.first("original-envelope-id"))), "")
    found = ((_addresses(group), _notice(group)) for group in groups if _is_about_a_recipient(group))
    named = islice(((addresses, notice) for addresses, notice in found if notice), MOST_RECIPIENTS)
    return Report(envelope_id, tuple(named))


def _groups(part: Part) -> Iterator[Fields]:
    """The groups of fields of a report: divided by blank lines, and where a server forgot these, by what repeats."""
    held: list[tuple[str, str]] = []
    for block in re.split(r"\n[ \t]*\n", part.text[: MOST_RECIPIENTS * 4_000], maxsplit=4 * MOST_RECIPIENTS):
        pairs = read_fields(block.encode()).pairs
        names = {name for name, _ in held}
        # A blank line too many within the fields of one recipient.
        if held and not ("action" not in names and names & set(_RECIPIENT_FIELDS)):
            yield Fields(tuple(held))
            held = []
        for name, value in pairs:
            if name in _ONCE_A_RECIPIENT and any(name == each for each, _ in held):
                yield Fields(tuple(held))
                held = []
            held.append((name, value))
    yield Fields(tuple(held))


def _is_about_a_recipient(group: Fields) -> bool:
    return "action" in group or any(name in group for name in _RECIPIENT_FIELDS)


def _notice(group: Fields) -> Notice | None:
    said = plain(group.first("diagnostic-code"))[:500]
    status = best_status(group.first("status"), said)
    words = group.first("action").lower().split()
    kind = _KINDS.get(words[0]) if words else _KIND_OF_CLASS.get(status[:1])
    if kind is None:
        return None
    return Notice(kind, bounce_kind(status, said) if kind == EventKind.BOUNCED else None, status, said)


def _addresses(group: Fields) -> frozenset[str]:
    values = group.all(*_RECIPIENT_FIELDS)
    return frozenset(_comparable(address) for value in values for address in _spellings(value))


def _spellings(value: str) -> Iterator[str]:
    """The address of a recipient field, whichever way its other alphabets are written (RFC 6533, RFC 3461)."""
    _, semicolon, address = value.partition(";")
    address = (address if semicolon else value).split("(")[0].strip().strip("<>")
    yield address
    yield _ESCAPED.sub(lambda match: _character(match[1]), address)
    yield _XTEXT.sub(lambda match: _character(match[1]), address)


def _character(digits: str) -> str:
    number = int(digits, 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else ""


def _comparable(address: str) -> str:
    try:
        return email_key(address)
    except ValueError:
        return address.strip().lower()
