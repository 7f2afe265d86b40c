"""Who stands elsewhere than in an earlier plan: two lists of contacts side by side, a part of each in memory."""

import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from handbill.planning.fingerprint import Place, Standing, unpacked

END: Standing = (sys.maxsize, Place(None))
"""Behind every contact."""


@dataclass(frozen=True)
class Earlier:
    """A plan that today's is compared with, as it was kept; `made_by` is plan, run or file."""

    made_by: str
    wave: str
    made_at: datetime
    digest: str
    definition: Mapping[str, Any] = field(repr=False)
    contacts: bytes = field(repr=False)


@dataclass
class Moves:
    """Who stands elsewhere than before, counted by both places; None is outside the segments.

    `came_in` and `went_out` are the ids that the segments decided about, ascending; `examples` holds the first contact
    of each pair of places.
    """

    before: int = 0
    after: int = 0
    counts: Counter[tuple[Place | None, Place | None]] = field(default_factory=Counter)
    examples: dict[tuple[Place | None, Place | None], int] = field(default_factory=dict)
    came_in: "array[int]" = field(default_factory=lambda: array("q"))
    went_out: "array[int]" = field(default_factory=lambda: array("q"))


def moves_between(before: bytes, after: bytes) -> Moves:
    """Compares two packed lists of contacts, both a part at a time."""
    found = Moves()
    for contact_id, old, new in _side_by_side(unpacked(before), unpacked(after)):
        was, is_now = is_planned(old), is_planned(new)
        found.before += was
        found.after += is_now
        if old == new or not (was or is_now):
            continue
        found.counts[old, new] += 1
        found.examples.setdefault((old, new), contact_id)
        if old is None:
            found.came_in.append(contact_id)
        elif new is None:
            found.went_out.append(contact_id)
    return found


def newcomers_since(before: bytes, after: bytes) -> "array[int]":
    """The ids that are planned after and were not planned before, ascending."""
    pairs = _side_by_side(unpacked(before), unpacked(after))
    return array("q", (contact_id for contact_id, old, new in pairs if is_planned(new) and not is_planned(old)))


def is_planned(place: Place | None) -> bool:
    """Whether somebody who stands there is planned."""
    return place is not None and place.reason is None


def _side_by_side(
    before: Iterator[Standing], after: Iterator[Standing]
) -> Iterator[tuple[int, Place | None, Place | None]]:
    """Two ascending lists as one; None where a list does not have the contact."""
    old, new = next(before, END), next(after, END)
    while old is not END or new is not END:
        first = min(old[0], new[0])
        yield first, old[1] if old[0] == first else None, new[1] if new[0] == first else None
        old = next(before, END) if old[0] == first else old
        new = next(after, END) if new[0] == first else new
