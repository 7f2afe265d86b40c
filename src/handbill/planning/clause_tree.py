"""A segment as a tree whose leaves the database decides, all in one look, and whose branches follow from them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Label, case, literal

from handbill.definitions.clause_text import clause_text
from handbill.definitions.project import Project
from handbill.definitions.segment import All, AnyOf, Clause, Not, Segment, SegmentClause
from handbill.definitions.values import zone
from handbill.planning.comparisons import Present
from handbill.planning.conditions import compile_clause

BITS = 60
"""So many leaves are kept in one number; both databases have integers of 63 bits."""

Verdicts = int
"""Which leaves hold for a contact: bit n stands for leaf n."""


@dataclass(frozen=True)
class Node:
    """A clause, as it is written and where, with what it holds. `leaf` is its number when it holds nothing."""

    clause: Clause
    text: str
    place: str
    inside: tuple["Node", ...] = ()
    leaf: int = -1


def tree_of(project: Project, segment: Segment) -> Node:
    """The segment's clauses; below one that names a segment stand those of that segment."""
    return _node(project, segment, segment.where, iter(range(1_000_000)))


def nodes_of(node: Node, depth: int = 0) -> Iterator[tuple[int, Node]]:
    """The node and all below it in reading order, each with its depth."""
    yield depth, node
    for each in node.inside:
        yield from nodes_of(each, depth + 1)


def leaves_of(node: Node) -> list[Node]:
    """The nodes that hold no other, in reading order, which is that of their numbers."""
    return [each for _, each in nodes_of(node) if each.leaf >= 0]


def holds(node: Node, verdicts: Verdicts, forced: Mapping[int, bool] | None = None) -> bool:
    """Whether the clause holds when the leaves do so. `forced` says it of nodes by identity, whatever is below them."""
    if forced and id(node) in forced:
        return forced[id(node)]
    match node.clause:
        case All():
            return all(holds(each, verdicts, forced) for each in node.inside)
        case AnyOf():
            return any(holds(each, verdicts, forced) for each in node.inside)
        case Not():
            return not holds(node.inside[0], verdicts, forced)
        case SegmentClause():
            return holds(node.inside[0], verdicts, forced)
        case _:
            return bool(verdicts >> node.leaf & 1)


def verdict_columns(project: Project, node: Node, present: Present, name: str) -> list[Label[int]]:
    """Numbers that say for each contact which leaves hold; `verdicts_in` puts them together."""
    conditions = [compile_clause(project, leaf.clause, present) for leaf in leaves_of(node)]
    columns = []
    for start in range(0, len(conditions), BITS):
        bits = [case((each, literal(1 << bit, BigInteger)), else_=literal(0, BigInteger))
                for bit, each in enumerate(conditions[start : start + BITS])]  # fmt: skip
        columns.append(sum(bits[1:], start=bits[0]).label(f"{name}{start}"))
    return columns


def verdicts_in(numbers: Sequence[int]) -> Verdicts:
    """What the columns of `verdict_columns` say together."""
    return sum(number << (place * BITS) for place, number in enumerate(numbers))


def _node(project: Project, segment: Segment, clause: Clause, numbers: Iterator[int]) -> Node:
    inner: tuple[Node, ...] = ()
    match clause:
        case All() | AnyOf():
            inner = tuple(_node(project, segment, each, numbers) for each in clause.clauses)
        case Not():
            inner = (_node(project, segment, clause.clause, numbers),)
        case SegmentClause():
            named = project.segments[clause.segment]
            inner = (_node(project, named, named.where, numbers),)
        case _:
            return Node(clause, *_written(project, segment, clause), leaf=next(numbers))
    return Node(clause, *_written(project, segment, clause), inner)


def _written(project: Project, segment: Segment, clause: Clause) -> tuple[str, str]:
    text = clause_text(clause, zone(project.timezone)).removesuffix(": ")
    line, column = clause.place
    return text, f"{segment.file or segment.slug}:{line}:{column}" if line else segment.file or segment.slug
