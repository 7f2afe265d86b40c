"""Who entered a segment and who left it between two moments, by the clause that moved them."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, literal, select

from handbill.contacts.erase import living
from handbill.definitions.project import Project
from handbill.definitions.segment import (
    AggregateClause,
    EventClause,
    FieldClause,
    MailableClause,
    MomentClause,
    Segment,
)
from handbill.planning.attributes import HISTORIED
from handbill.planning.clause_tree import (
    Node,
    Verdicts,
    holds,
    leaves_of,
    tree_of,
    verdict_columns,
    verdicts_in,
)
from handbill.planning.comparisons import Present, moment
from handbill.planning.membership import work_alone
from handbill.store.tables import contact

NEWCOMERS = "added since"


@dataclass(frozen=True)
class Mover:
    """So many contacts entered or left because of a clause; `example` is the external id of one of them."""

    entered: bool
    clause: str
    place: str
    contacts: int
    example: str


@dataclass(frozen=True)
class SegmentDifferences:
    """before + entered - left = after, always. `caveats` say what cannot be known of the earlier moment."""

    slug: str
    since: datetime
    now: datetime
    before: int
    after: int
    movers: tuple[Mover, ...]
    caveats: tuple[str, ...]

    @property
    def entered(self) -> int:
        """Contacts who are in now and were not then."""
        return sum(each.contacts for each in self.movers if each.entered)

    @property
    def left(self) -> int:
        """Contacts who were in then and are not now."""
        return sum(each.contacts for each in self.movers if not each.entered)


def segment_differences(
    connection: Connection, project: Project, segment: Segment, since: datetime, now: datetime
) -> SegmentDifferences:
    """By today's rule at both moments: deeds up to each of them, and fields as the history tells them.

    Whoever was added later was not in. Contacts who are erased by now are in neither count.
    """
    tree = tree_of(project, segment)
    then = verdict_columns(project, tree, Present.at(since, project.timezone, rebuilt=True), "then")
    today = verdict_columns(project, tree, Present.at(now, project.timezone), "now")
    is_new = case((contact.c.created_at > moment(since), literal(1)), else_=literal(0)).label("is_new")
    groups = (is_new, *then, *today)
    everybody = select(func.count(), func.min(contact.c.external_id), *groups).where(living())
    counted = everybody.group_by(*(each.name for each in groups))
    work_alone(connection)
    before = after = 0
    moved: dict[tuple[bool, str, str], tuple[int, str]] = defaultdict(lambda: (0, ""))
    for contacts, example, new, *numbers in connection.execute(counted).tuples():
        old, current = verdicts_in(numbers[: len(then)]), verdicts_in(numbers[len(then) :])
        was, is_in = not new and holds(tree, old), holds(tree, current)
        before += contacts * was
        after += contacts * is_in
        if was != is_in:
            clause, place = (NEWCOMERS, "") if new else decisive(tree, old, current)
            number, first = moved[is_in, clause, place]
            moved[is_in, clause, place] = (number + contacts, min(filter(None, (first, example))))
    movers = [Mover(*why, *each) for why, each in moved.items()]
    movers.sort(key=lambda each: (not each.entered, -each.contacts, each.place, each.clause))
    return SegmentDifferences(segment.slug, since, now, before, after, tuple(movers), tuple(_caveats(project, tree)))


def decisive(tree: Node, old: Verdicts, new: Verdicts) -> tuple[str, str]:
    """The clause with which the answer became what it is now: clauses change one by one in reading order."""
    decided: Node | None = None
    verdicts, answer = old, holds(tree, old)
    for leaf in leaves_of(tree):
        bit = 1 << leaf.leaf
        if (old ^ new) & bit:
            verdicts ^= bit
            if holds(tree, verdicts) != answer:
                answer, decided = not answer, leaf
    if decided is None:
        raise AssertionError("verdicts that differ in nothing give one answer")
    return decided.text, decided.place


def _caveats(project: Project, tree: Node) -> Iterator[str]:
    clauses = [leaf.clause for leaf in leaves_of(tree)]
    fields = {each.name for each in clauses if isinstance(each, FieldClause)}
    unknown = sorted(each for each in fields if project.fields[each].builtin and each not in HISTORIED | {"created_at"})
    if unknown:
        yield f"Taken as they are today, because no history is kept of them: {', '.join(unknown)}."
    if any(isinstance(each, MailableClause) for each in clauses):
        yield "Addresses are taken as they are today; suppressions that were lifted since are not known."
    if any(isinstance(each, EventClause | AggregateClause | MomentClause) for each in clauses):
        yield "Orders and events count by when they happened, also those that were imported later."
    yield "Contacts who were erased since are in neither number."
