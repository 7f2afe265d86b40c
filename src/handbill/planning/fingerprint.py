"""Exactly whom a plan holds, small enough for a file: to run that plan and no other, and to say who came and went."""

import base64
import hashlib
import zlib
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import accumulate, islice

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, func, insert, or_, select

from handbill.planning.selection import make_anew, selection

BATCH = 10_000

approved = Table(
    "approved",
    MetaData(),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)
"""The contacts of an approved plan, while it is compared with today's."""


@dataclass(frozen=True)
class Fingerprint:
    """The planned contacts, and a digest of them with their arms that does not depend on the order of finding them.

    The digest covers consent, suppression and all other reasons: whoever has one is not among the planned.
    """

    digest: str
    contacts: bytes


def take_fingerprint(connection: Connection) -> Fingerprint:
    """The fingerprint of the selection; reads it row by row."""
    digest, ids = hashlib.sha256(), array("q")
    planned = select(selection.c.contact_id, selection.c.arm).where(selection.c.reason.is_(None))
    ordered = planned.order_by(selection.c.contact_id)
    for contact_id, arm in connection.execute(ordered, execution_options={"yield_per": BATCH}):
        digest.update(f"{contact_id}:{arm}\n".encode())
        ids.append(contact_id)
    return Fingerprint(digest.hexdigest(), packed(ids))


def packed(ids: Iterable[int]) -> bytes:
    """Ascending ids as compressed text: their differences are small and alike, about one byte each.

    >>> list(unpacked(packed([3, 4, 900])))
    [3, 4, 900]
    """
    previous, steps = 0, array("q")
    for contact_id in ids:
        steps.append(contact_id - previous)
        previous = contact_id
    return base64.b64encode(zlib.compress(steps.tobytes()))


def unpacked(text_: bytes) -> Iterator[int]:
    """The ids that `packed` took.

    Raises:
        ValueError: the text was not made by `packed`.
    """
    steps = array("q")
    try:
        steps.frombytes(zlib.decompress(base64.b64decode(text_, validate=True)))
    except zlib.error as error:
        raise ValueError("not a list of contacts") from error
    return accumulate(steps)


def load_approved(connection: Connection, contacts: bytes) -> None:
    """Puts the contacts of an approved plan into the table `approved`."""
    make_anew(connection, approved)
    ids = unpacked(contacts)
    while batch := [{"contact_id": each} for each in islice(ids, BATCH)]:
        connection.execute(insert(approved), batch)


def came_and_went(connection: Connection) -> tuple[int, dict[str, int]]:
    """How many are planned now but not approved, and how many were approved and are not planned, by today's reason.

    Those whom the segments no longer select have the reason `not_selected`.
    """
    known = select(approved.c.contact_id)
    came = select(func.count()).where(selection.c.reason.is_(None), selection.c.contact_id.not_in(known))
    reason = func.coalesce(selection.c.reason, "not_selected")
    here = approved.outerjoin(selection, selection.c.contact_id == approved.c.contact_id)
    left_out = or_(selection.c.contact_id.is_(None), selection.c.reason.is_not(None))
    gone = select(reason, func.count()).select_from(here).where(left_out).group_by(reason)
    return connection.scalar(came) or 0, dict(connection.execute(gone).tuples().all())
