"""Which clause of a segment let contacts in since an earlier plan, or no longer holds for them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, Column, Connection, MetaData, Table, case, func, insert, literal, select

from handbill.definitions.segment import AnyOf, Segment, SegmentClause
from handbill.planning.clause_tree import Node, Verdicts, holds, leaves_of, tree_of, verdict_columns, verdicts_in
from handbill.planning.comparisons import Present, moment
from handbill.planning.moves import Earlier, Moves
from handbill.planning.segment_differences import decisive
from handbill.planning.selection import Occasion, make_anew
from handbill.store.tables import contact

BATCH = 10_000
FEW = 20_000
"""So many contacts are looked at one by one; for more, each clause is worked out once for everybody."""

NEW = "new contacts"
LATER = "data that was imported since"
ERASED = "erased or merged"

moved = Table(
    "moved",
    MetaData(),
    Column("contact_id", BigInteger, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
)
"""The contacts that the segments decided about since the earlier plan."""


@dataclass(frozen=True)
class Cause:
    """So many contacts came in, or went out, because of a clause; `example` is the smallest of their ids."""

    words: str
    contacts: int
    example: int


def causes_of(
    connection: Connection, occasion: Occasion, earlier: Earlier, moves: Moves, *, entered: bool
) -> list[Cause]:
    """The causes for those whom the segments hold now (entered), or hold no longer; the most frequent first.

    Today's clauses are worked out then and now; the one whose change changed the answer is the cause. What people did
    is taken up to then, and fields as they were then, as far as their history is known. Where today's rule would have
    answered alike then, the cause of those who went out is the clause that does not let them in.
    """
    ids = moves.came_in if entered else moves.went_out
    if not ids:
        return []
    make_anew(connection, moved)
    for start in range(0, len(ids), BATCH):
        connection.execute(insert(moved), [{"contact_id": each} for each in ids[start : start + BATCH]])
    tree = tree_of(occasion.project, _audience(occasion))
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, ids[-1]))
    for contacts, example, is_new, old, new in _verdicts(connection, occasion, earlier, tree, few=len(ids) <= FEW):
        words = NEW if entered and is_new else _cause(tree, old, new)
        found[words] = found[words][0] + contacts, min(found[words][1], example)
    if gone := len(ids) - sum(contacts for contacts, _ in found.values()):
        known = {example for _, example in found.values()}
        found[ERASED] = gone, next(each for each in ids if each not in known)
    causes = [Cause(words, *each) for words, each in found.items()]
    return sorted(causes, key=lambda each: (-each.contacts, each.words))


def _audience(occasion: Occasion) -> Segment:
    """The included segments as one rule."""
    return Segment("", "", AnyOf(tuple(SegmentClause(slug) for slug in occasion.campaign.audience.include)))


def _verdicts(
    connection: Connection, occasion: Occasion, earlier: Earlier, tree: Node, *, few: bool
) -> Iterator[tuple[int, int, int, Verdicts, Verdicts]]:
    """How many contacts, the first of them, whether they are new, and which clauses held then and hold now."""
    timezone = occasion.project.timezone
    present, past = Present.at(occasion.now, timezone), Present.at(earlier.made_at, timezone, rebuilt=True)
    if few:
        # With the contact of the statement around it, each condition looks up that contact's rows by their index.
        own: Any = contact.c.id
        present, past = replace(present, contact_id=own), replace(past, contact_id=own)
    then, today = (
        verdict_columns(occasion.project, tree, each, name) for each, name in ((past, "then"), (present, "now"))
    )
    is_new = case((contact.c.created_at > moment(earlier.made_at), literal(1)), else_=literal(0)).label("is_new")
    each = select(contact.c.id, is_new, *then, *today)
    rows = each.join_from(moved, contact, contact.c.id == moved.c.contact_id).subquery()
    groups = [rows.c[column.name] for column in (is_new, *then, *today)]
    counted = select(func.count(), func.min(rows.c.id), *groups).group_by(*groups)
    for contacts, example, new, *numbers in connection.execute(counted).tuples():
        yield contacts, example, new, verdicts_in(numbers[: len(then)]), verdicts_in(numbers[len(then) :])


def _cause(tree: Node, old: Verdicts, new: Verdicts) -> str:
    if holds(tree, old) != holds(tree, new):
        return "{} ({})".format(*decisive(tree, old, new))
    if holds(tree, new):
        return LATER
    refusing = next((leaf for leaf in leaves_of(tree) if holds(tree, new ^ (1 << leaf.leaf))), leaves_of(tree)[0])
    return f"{refusing.text} ({refusing.place})"
