"""How many contacts each clause of a segment admits by itself, leaves over, and keeps out alone."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from handbill.contacts.erase import living
from handbill.definitions.project import Project
from handbill.definitions.segment import All, Segment
from handbill.planning.clause_tree import Node, Verdicts, holds, nodes_of, tree_of, verdict_columns, verdicts_in
from handbill.planning.comparisons import Present
from handbill.planning.membership import work_alone
from handbill.store.tables import contact


@dataclass(frozen=True)
class Step:
    """One clause. `admits` so many by itself.

    `left` are those whom it and all before it in the outermost list admit; None deeper down. `keeps_out` are those who
    would be in the segment if this clause alone held for them.
    """

    depth: int
    clause: str
    place: str
    admits: int
    left: int | None
    keeps_out: int


@dataclass(frozen=True)
class Funnel:
    """A segment's clauses in reading order, with how many contacts it holds out of all."""

    contacts: int
    of: int
    steps: tuple[Step, ...]


def funnel_of(connection: Connection, project: Project, segment: Segment, now: datetime) -> Funnel:
    """Looks once at every contact, and counts by which clauses hold."""
    tree = tree_of(project, segment)
    columns = verdict_columns(project, tree, Present.at(now, project.timezone), "v")
    everybody = select(func.count(), *columns).select_from(contact).where(living())
    counted = everybody.group_by(*(each.name for each in columns))
    found: Counter[Verdicts] = Counter()
    work_alone(connection)
    for contacts, *numbers in connection.execute(counted).tuples():
        found[verdicts_in(numbers)] += contacts
    return Funnel(
        contacts=sum(contacts for verdicts, contacts in found.items() if holds(tree, verdicts)),
        of=found.total(),
        steps=tuple(_step(tree, depth, node, found) for depth, node in nodes_of(tree)),
    )


def _step(tree: Node, depth: int, node: Node, found: Counter[Verdicts]) -> Step:
    admits = sum(contacts for verdicts, contacts in found.items() if holds(node, verdicts))
    keeps_out = sum(
        contacts
        for verdicts, contacts in found.items()
        if not holds(tree, verdicts) and holds(tree, verdicts, {id(node): not holds(node, verdicts)})
    )
    return Step(depth, node.text, node.place, admits, _left(tree, node, found), keeps_out)


def _left(tree: Node, node: Node, found: Counter[Verdicts]) -> int | None:
    if not isinstance(tree.clause, All) or not any(node is each for each in tree.inside):
        return None
    place = next(number for number, each in enumerate(tree.inside) if each is node)
    so_far = tree.inside[: place + 1]
    return sum(contacts for verdicts, contacts in found.items() if all(holds(each, verdicts) for each in so_far))
