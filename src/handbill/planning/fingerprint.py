"""Exactly whom a plan holds, and why each of the others is left out, small enough for a file or a row of a table.

To run that plan and no other, and to say who came and who went since.
"""

import base64
import json
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import accumulate, chain
from operator import sub
from typing import NamedTuple

from sqlalchemy import Connection, select

from handbill.planning.selection import selection
from handbill.store.tables import contact

BATCH = 10_000
MODULUS = 2**256


class Place(NamedTuple):
    """Where a selected contact ended: in an arm, or left out for a reason; `detail` as in the selection."""

    arm: str | None
    reason: str | None = None
    detail: str | None = None


Standing = tuple[int, Place]
"""A contact's id in the store, and where the contact ended."""


@dataclass(frozen=True)
class Fingerprint:
    """Where everybody who is selected ended, and a digest of the planned ones with their arms.

    The digest is made of external ids and does not depend on their order: the same people in the same arms have the
    same one in any database. It covers consent, suppression and all other reasons, because whoever has one is not
    among the planned.
    """

    digest: str
    contacts: bytes


def take_fingerprint(connection: Connection, unit: str) -> Fingerprint:
    """The fingerprint of the selection, whose units are contacts or households; a part of it at a time is in memory."""
    rows = select(selection.c.contact_id, selection.c.arm, selection.c.reason, selection.c.detail, selection.c.unit_id)
    if unit != "contact":
        rows = rows.join_from(selection, contact, contact.c.id == selection.c.contact_id)
        rows = rows.with_only_columns(*rows.selected_columns[:4], contact.c.external_id)
    ordered = rows.order_by(selection.c.contact_id).execution_options(yield_per=BATCH)
    people = _People()
    # One row after the other: lists of rows would keep Python's garbage collector busy.
    contacts = packed(people.seen(connection.execute(ordered).tuples()))
    return Fingerprint(f"{people.sum % MODULUS:064x}", contacts)


def packed(standings: Iterable[Standing]) -> bytes:
    """Ascending contacts as compressed text; most differences of ids are alike, so one takes less than a byte.

    >>> list(unpacked(packed([(3, Place("all")), (4, Place(None, "capped", "email")), (900, Place("all"))])))[1]
    (4, Place(arm=None, reason='capped', detail='email'))
    """
    writer, numbers = _Writer(), dict[Place, int]()
    ids, places = array("q"), array("H")
    for contact_id, place in standings:
        ids.append(contact_id)
        places.append(numbers.setdefault(place, len(numbers)))
        if len(ids) == BATCH:
            writer.write(ids, places)
            ids, places = array("q"), array("H")
    writer.write(ids, places)
    legend = zlib.compress(json.dumps(list(numbers)).encode())
    return base64.b64encode(legend) + b"." + base64.b64encode(writer.finished())


def unpacked(text: bytes) -> Iterator[Standing]:
    """What `packed` took; a part of it at a time is in memory.

    Raises:
        ValueError: the text was not made by `packed`.
    """
    try:
        legend, blocks = (base64.b64decode(part, validate=True) for part in text.split(b"."))
        places = [Place(*each) for each in json.loads(zlib.decompress(legend))]
        previous = 0
        for steps, numbers in _blocks(blocks):
            ids = accumulate(steps, initial=previous)
            previous = next(ids)
            for previous, number in zip(ids, numbers, strict=True):
                yield previous, places[number]
    except (zlib.error, TypeError, IndexError) as error:
        raise ValueError("not a list of contacts") from error


class _People:
    """Adds up the digest of the planned ones while they pass."""

    def __init__(self) -> None:
        self.sum = 0

    def seen(self, rows: Iterable[tuple[int, str | None, str | None, str | None, str]]) -> Iterator[Standing]:
        """Where everybody ended."""
        places: dict[tuple[str | None, ...], Place] = {}
        for contact_id, arm, reason, detail, external_id in rows:
            place = places.get((arm, reason, detail))
            if place is None:
                place = places[arm, reason, detail] = Place(None if reason else arm, reason, detail)
            if reason is None:
                self.sum += int.from_bytes(sha256(f"{external_id}:{arm}".encode()).digest(), "big")
            yield contact_id, place


class _Writer:
    """Compresses blocks of steps between ids and of the places' numbers, as they come."""

    def __init__(self) -> None:
        self.compressor, self.parts, self.previous = zlib.compressobj(), list[bytes](), 0

    def write(self, ids: "array[int]", numbers: "array[int]") -> None:
        """Adds a block; ids ascend within it and from the one before."""
        steps = array("q", map(sub, ids, chain((self.previous,), ids)))
        self.previous = ids[-1] if ids else self.previous
        block = len(steps).to_bytes(4, "big") + steps.tobytes() + numbers.tobytes()
        self.parts.append(self.compressor.compress(block))

    def finished(self) -> bytes:
        """All blocks."""
        return b"".join([*self.parts, self.compressor.flush()])


def _blocks(compressed: bytes) -> "Iterator[tuple[array[int], array[int]]]":
    """Steps and numbers of one block after the other."""
    decompressor, waiting = zlib.decompressobj(), b""
    for start in range(0, len(compressed), BATCH):
        waiting += decompressor.decompress(compressed[start : start + BATCH])
        while len(waiting) >= 4 and len(waiting) >= (end := 4 + 10 * int.from_bytes(waiting[:4], "big")):
            count = (end - 4) // 10
            steps, numbers = array("q"), array("H")
            steps.frombytes(waiting[4 : 4 + 8 * count])
            numbers.frombytes(waiting[4 + 8 * count : end])
            yield steps, numbers
            waiting = waiting[end:]
    if waiting or not decompressor.eof:
        raise ValueError("not a list of contacts")
