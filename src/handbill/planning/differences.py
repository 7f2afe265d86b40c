"""What moved between two plans of a campaign: who entered and who left, through which gate, and what was edited."""

import sys
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from handbill.planning.edits import Edit, edits_between
from handbill.planning.fingerprint import Fingerprint, Place, Standing, unpacked
from handbill.planning.phrases import reason_in_words
from handbill.planning.selection import Occasion
from handbill.store.tables import contact, experiment

SELECTED = "selected"
"""The gate of those whom the segments hold now and did not hold before."""
NOT_SELECTED = "not_selected"
"""The gate of those whom the segments no longer hold."""
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


@dataclass(frozen=True)
class Movement:
    """So many contacts entered the planned ones, or left them, through one gate.

    `gate` is the reason that holds now (left) or held before (entered), as a word of `Reason`; `selected` and
    `not_selected` where the segments decided, and then `clause` says which of their clauses. `example` is one of
    these contacts, by the store's id until it is named.
    """

    gate: str
    contacts: int
    detail: str | None = None
    clause: str = ""
    example: str = ""

    def sentence(self, *, entered: bool) -> str:
        """The gate in words."""
        if self.gate in {SELECTED, NOT_SELECTED}:
            words = "in the segments now" if self.gate == SELECTED else "no longer in the segments"
            return f"{words}: {self.clause}" if self.clause else words
        return f"{'no longer ' if entered else ''}{reason_in_words(self.gate, self.detail)}"


@dataclass(frozen=True)
class ArmChange:
    """So many contacts are planned as before, in another arm."""

    before: str
    after: str
    contacts: int


@dataclass(frozen=True)
class Differences:
    """Two plans of a campaign side by side. before + entered - left = after, always; these count planned contacts."""

    made_by: str
    wave: str
    made_at: datetime
    digest: str
    before: int
    after: int
    entered: tuple[Movement, ...] = ()
    left: tuple[Movement, ...] = ()
    arms: tuple[ArmChange, ...] = ()
    edits: tuple[Edit, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nobody moved and nothing was edited."""
        return not (self.entered or self.left or self.arms or self.edits)


def differences_since(
    connection: Connection,
    occasion: Occasion,
    earlier: Earlier,
    definition: Mapping[str, Any],
    fingerprint: Fingerprint,
) -> Differences:
    """What has moved between an earlier plan and the one that the selection on this connection amounts to."""
    moves = moves_between(earlier.contacts, fingerprint.contacts)
    sealed = connection.scalar(select(experiment.c.id).where(experiment.c.campaign == occasion.campaign.name))
    return Differences(
        earlier.made_by,
        earlier.wave,
        earlier.made_at,
        earlier.digest,
        moves.before,
        moves.after,
        _named(connection, movements(moves, entered=True)),
        _named(connection, movements(moves, entered=False)),
        arm_changes(moves),
        edits_between(earlier.definition, definition, sealed=sealed is not None),
    )


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
        was, is_now = _planned(old), _planned(new)
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
    return array("q", (contact_id for contact_id, old, new in pairs if _planned(new) and not _planned(old)))


def movements(moves: Moves, *, entered: bool) -> tuple[Movement, ...]:
    """The gates through which contacts entered, or left; the busiest first. Examples are the store's ids."""
    counts: Counter[tuple[str, str | None]] = Counter()
    examples: dict[tuple[str, str | None], int] = {}
    for pair, contacts in moves.counts.items():
        old, new = pair if entered else pair[::-1]
        if _planned(new) and not _planned(old):
            outside = SELECTED if entered else NOT_SELECTED
            gate = (outside, None) if old is None or old.reason is None else (old.reason, old.detail)
            counts[gate] += contacts
            examples[gate] = min(moves.examples[pair], examples.get(gate, moves.examples[pair]))
    ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0][0], each[0][1] or ""))
    return tuple(Movement(gate, contacts, detail, example=str(examples[gate, detail]))
                 for (gate, detail), contacts in ordered)  # fmt: skip


def arm_changes(moves: Moves) -> tuple[ArmChange, ...]:
    """Who is planned as before, in another arm."""
    return tuple(
        ArmChange(old.arm or "", new.arm or "", contacts)
        for (old, new), contacts in sorted(moves.counts.items(), key=lambda each: -each[1])
        if old is not None and new is not None and _planned(old) and _planned(new)
    )


def _planned(place: Place | None) -> bool:
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


def _named(connection: Connection, movements_: tuple[Movement, ...]) -> tuple[Movement, ...]:
    """The same with the examples' external ids; "" for a contact that was erased since."""
    ids = [int(each.example) for each in movements_]
    rows = connection.execute(select(contact.c.id, contact.c.external_id).where(contact.c.id.in_(ids)))
    names = dict(rows.tuples().all())
    return tuple(replace(each, example=names.get(int(each.example), "")) for each in movements_)
