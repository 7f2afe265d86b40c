"""What moved between two plans of a campaign: who entered and who left, through which gate, and what was edited."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from handbill.planning.clause_moves import causes_of
from handbill.planning.edits import Edit, edits_between
from handbill.planning.fingerprint import Fingerprint
from handbill.planning.moves import Earlier, Moves, is_planned, moves_between
from handbill.planning.phrases import reason_in_words
from handbill.planning.selection import Occasion
from handbill.store.tables import contact, experiment

SELECTED = "selected"
"""The gate of those whom the segments hold now and did not hold before."""
NOT_SELECTED = "not_selected"
"""The gate of those whom the segments no longer hold."""

Gate = tuple[str, str | None]
"""A reason and its detail."""


@dataclass(frozen=True)
class Movement:
    """So many contacts entered the planned ones, or left them, through one gate.

    `gate` is the reason that holds now (left) or held before (entered), as a word of `Reason`; `selected` and
    `not_selected` where the segments decided, and then `clause` says which of their clauses. `example` is the external
    id of one of these contacts, "" where none is left.
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
        return f"{'left out before: ' if entered else ''}{reason_in_words(self.gate, self.detail)}"


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
        movements(connection, occasion, earlier, moves, entered=True),
        movements(connection, occasion, earlier, moves, entered=False),
        arm_changes(moves),
        edits_between(earlier.definition, definition, sealed=sealed is not None),
    )


def movements(
    connection: Connection, occasion: Occasion, earlier: Earlier, moves: Moves, *, entered: bool
) -> tuple[Movement, ...]:
    """The gates and clauses through which contacts entered, or left; the busiest first."""
    counts: Counter[Gate] = Counter()
    examples: dict[Gate, int] = {}
    for pair, contacts in moves.counts.items():
        old, new = pair if entered else pair[::-1]
        if is_planned(new) and not is_planned(old) and old is not None:
            gate = (old.reason or "", old.detail)
            counts[gate] += contacts
            examples[gate] = min(moves.examples[pair], examples.get(gate, moves.examples[pair]))
    found = [(Movement(reason, contacts, detail), examples[reason, detail])
             for (reason, detail), contacts in counts.items()]  # fmt: skip
    outside = SELECTED if entered else NOT_SELECTED
    causes = causes_of(connection, occasion, earlier, moves, entered=entered)
    found += [(Movement(outside, each.contacts, clause=each.words), each.example) for each in causes]
    names = _names(connection, [example for _, example in found])
    named = (replace(each, example=names.get(example, "")) for each, example in found)
    return tuple(sorted(named, key=lambda each: (-each.contacts, each.gate, each.detail or "", each.clause)))


def arm_changes(moves: Moves) -> tuple[ArmChange, ...]:
    """Who is planned as before, in another arm."""
    return tuple(
        ArmChange(old.arm or "", new.arm or "", contacts)
        for (old, new), contacts in sorted(moves.counts.items(), key=lambda each: -each[1])
        if old is not None and new is not None and is_planned(old) and is_planned(new)
    )


def _names(connection: Connection, ids: list[int]) -> dict[int, str]:
    """External ids; of contacts that were erased there are none."""
    rows = connection.execute(select(contact.c.id, contact.c.external_id).where(contact.c.id.in_(ids)))
    return dict(rows.tuples().all())
