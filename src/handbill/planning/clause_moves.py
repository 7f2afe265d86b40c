"""Which clause of a segment let contacts in since an earlier plan, or no longer holds for them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Integer,
    MetaData,
    Select,
    Table,
    and_,
    case,
    func,
    insert,
    literal,
    not_,
    null,
    or_,
    select,
)

from handbill.definitions.project import Project
from handbill.definitions.segment import Clause, SegmentClause
from handbill.definitions.values import zone
from handbill.planning.comparisons import Present
from handbill.planning.conditions import compile_clause
from handbill.planning.definition import BESIDE, rule_lines
from handbill.planning.moves import Earlier, Moves
from handbill.planning.selection import Occasion, make_anew
from handbill.store.tables import contact
from handbill.store.types import UtcTime

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
    Column("entered", Integer, nullable=False),
    prefixes=["TEMPORARY"],
)
"""The contacts that the segments decided about since the earlier plan."""


@dataclass(frozen=True)
class Cause:
    """So many contacts came in, or went out, because of a clause; `example` is the smallest of their ids."""

    words: str
    contacts: int
    example: int


@dataclass(frozen=True)
class _Leaf:
    """A clause that holds no other; `is_new` when the segment did not have it then, `is_denied` under a `not`."""

    clause: Clause
    words: str
    is_new: bool
    is_denied: bool


def causes_of(
    connection: Connection, occasion: Occasion, earlier: Earlier, moves: Moves, *, entered: bool
) -> list[Cause]:
    """The causes for those whom the segments hold now (entered), or hold no longer; the most frequent first.

    A clause is the cause when it holds now and did not then, or the other way round; the first one counts. What people
    did is taken up to then, and fields as they were then, as far as their history is known.
    """
    ids = moves.came_in if entered else moves.went_out
    if not ids:
        return []
    make_anew(connection, moved)
    for start in range(0, len(ids), BATCH):
        rows = [{"contact_id": each, "entered": int(entered)} for each in ids[start : start + BATCH]]
        connection.execute(insert(moved), rows)
    leaves = list(_leaves(occasion, earlier))
    counted = connection.execute(_by_cause(occasion, earlier, leaves, entered=entered, few=len(ids) <= FEW)).tuples()
    words = {-1: NEW, None: LATER} | {number: leaf.words for number, leaf in enumerate(leaves)}
    found = [Cause(words[number], contacts, example) for number, contacts, example in counted]
    if gone := len(ids) - sum(each.contacts for each in found):
        known = {each.example for each in found}
        found.append(Cause(ERASED, gone, next(each for each in ids if each not in known)))
    return sorted(found, key=lambda each: (-each.contacts, each.words))


def _leaves(occasion: Occasion, earlier: Earlier) -> Iterator[_Leaf]:
    """The clauses of all included segments, and of those that they name, in their order."""
    project, waiting = occasion.project, list(occasion.campaign.audience.include)
    before = (earlier.definition.get(BESIDE) or {}).get("segments") or {}
    seen: set[str] = set()
    while waiting:
        slug = waiting.pop(0)
        if slug in seen:
            continue
        seen.add(slug)
        known = (before.get(slug) or {}).get("rule")
        for text, clause in rule_lines(project.segments[slug].where, zone(project.timezone)):
            if isinstance(clause, SegmentClause):
                waiting.append(clause.segment)
            else:
                words = f"{text} ({_where(project, slug, clause)})"
                is_new = known is not None and text not in known
                yield _Leaf(clause, words, is_new, is_denied=text.count("not: ") % 2 == 1)


def _where(project: Project, slug: str, clause: Clause) -> str:
    file = project.segments[slug].file or slug
    return f"{file}:{clause.place[0]}" if clause.place[0] else file


def _by_cause(occasion: Occasion, earlier: Earlier, leaves: list[_Leaf], *, entered: bool, few: bool) -> Select[Any]:
    """How many for each cause, by the clause's number; -1 are new contacts, null those whom no clause explains."""
    is_new = contact.c.created_at > literal(earlier.made_at, UtcTime)
    present = Present.at(occasion.now, occasion.project.timezone)
    past = Present.at(earlier.made_at, occasion.project.timezone, rebuilt=True)
    if few:
        # With the contact of the statement around it, each condition looks up that contact's rows by their index.
        own: Any = contact.c.id
        present, past = replace(present, contact_id=own), replace(past, contact_id=own)
    whens: list[tuple[ColumnElement[bool], int]] = [(is_new, -1)] if entered else []
    others = []
    for number, leaf in enumerate(leaves):
        holds, held = (compile_clause(occasion.project, leaf.clause, each) for each in (present, past))
        switched = or_(and_(holds, not_(held)), and_(held, not_(holds)))
        decides = holds if entered != leaf.is_denied else not_(holds)
        whens.append((or_(switched, decides) if leaf.is_new else switched, number))
        others.append((decides, number))
    # Not every field has a history: of those who went out, the first clause that does not let them in is the cause.
    whens += [] if entered else others
    cause = case(*whens, else_=None) if whens else null()
    each = select(cause.label("cause"), contact.c.id).join_from(moved, contact, contact.c.id == moved.c.contact_id)
    causes = each.subquery()
    return select(causes.c.cause, func.count(), func.min(causes.c.id)).group_by(causes.c.cause)
