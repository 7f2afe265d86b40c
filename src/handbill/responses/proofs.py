"""Which message of ours a mail is about, and how it proves that: nothing that a stranger could make up counts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from urllib.parse import unquote

from sqlalchemy import ColumnElement, Connection, select

from handbill.delivery.links import BOUNCE_MAILBOX, read_bounce, read_envelope_id, read_unsubscribe
from handbill.responses.received import Fields, Received
from handbill.store.tables import outbox
from handbill.tokens import Keys

RECIPIENT_FIELDS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to")
MOST_CANDIDATES = 20
"""So many texts in one mail are tried as signatures; honest mail has one or two."""

_BOUNCE_ADDRESS = re.compile(rf"{BOUNCE_MAILBOX}\+[a-z2-7]{{20,100}}@", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,200}")
_MESSAGE_ID = re.compile(r"<?([^<>\s]{1,250})>?")


@dataclass(frozen=True)
class Proven:
    """The message that a mail is about, and whose it is."""

    outbox_id: int
    contact_id: int
    address: str
    message_at: datetime


@dataclass(frozen=True)
class Proof:
    """What a mail proves. Signed by us and `message` absent: it was to nobody (a proof, a seed), or is erased."""

    is_signed: bool
    message: Proven | None = None


def prove(connection: Connection, received: Received, keys: Keys, *, envelope_id: str = "") -> Proof:
    """What shows which message a mail is about: the address that it came back to, the envelope's id, or what came back.

    Of what came back, the random Message-ID and the signed way to unsubscribe count: only who has our mail has them.
    """
    returned = received.returned or Fields()
    for outbox_id in bounced_to(received, keys):
        return Proof(is_signed=True, message=_find(connection, outbox.c.id == outbox_id))
    for signed in (read_envelope_id(keys, envelope_id), *_unsubscribes(returned, keys)):
        if signed is not None:
            return Proof(is_signed=True, message=_find(connection, outbox.c.id == signed))
    for value in returned.all("message-id")[:1]:
        if match := _MESSAGE_ID.match(value):
            message = _find(connection, outbox.c.message_id == match[1])
            return Proof(is_signed=message is not None, message=message)
    return Proof(is_signed=False)


def bounced_to(received: Received, keys: Keys) -> Iterator[int]:
    """The messages whose signed bounce addresses the mail says it was sent to."""
    addresses = (
        match[0] for value in received.fields.all(*RECIPIENT_FIELDS) for match in _BOUNCE_ADDRESS.finditer(value)
    )
    found = (read_bounce(keys, address) for address in islice(addresses, MOST_CANDIDATES))
    return (outbox_id for outbox_id in found if outbox_id is not None)


def _unsubscribes(returned: Fields, keys: Keys) -> Iterator[int]:
    values = (unquote(value) for value in returned.all("list-unsubscribe"))
    tokens = (match[0] for value in values for match in _TOKEN.finditer(value))
    wishes = (read_unsubscribe(keys, token) for token in islice(tokens, MOST_CANDIDATES))
    return (wish.outbox_id for wish in wishes if wish is not None)


def _find(connection: Connection, condition: ColumnElement[bool]) -> Proven | None:
    columns = (outbox.c.id, outbox.c.contact_id, outbox.c.address, outbox.c.message_at)
    row = connection.execute(select(*columns).where(condition)).one_or_none()
    return Proven(*row) if row else None
