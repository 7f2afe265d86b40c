"""How what is known of a segment reads as text: a tree of verdicts, a funnel, and who moved by which clause."""

from collections.abc import Iterator

from handbill.planning.explanation import Explanation
from handbill.planning.funnel import Funnel
from handbill.planning.segment_differences import SegmentDifferences

WIDEST = 68
"""Letters of the column of clauses; longer ones push their values to the right."""


def size_line(slug: str, contacts: int, of: int) -> str:
    """`1,387 of 4,372 contacts (31.7%) are in bought-twice.`"""
    share = f" ({contacts / of:.1%})" if of else ""
    return f"{contacts:,} of {of:,} contacts{share} are in {slug}."


def verdict_lines(explanation: Explanation, depth: int = 0) -> Iterator[str]:
    """`✓ field: country, in: [GB, IE]   GB`, each clause below the one that holds it."""
    flat = list(_flat(explanation, depth))
    width = min(max(len(head) for head, _ in flat), WIDEST)
    return (f"{head:<{width}}  {value}".rstrip() for head, value in flat)


def funnel_lines(funnel: Funnel) -> Iterator[str]:
    """A table: whom each clause admits by itself, how many are left after it, and whom it keeps out alone."""
    heads = [f"{'  ' * each.depth}{each.clause}" for each in funnel.steps]
    width = min(max(len("clause"), *map(len, heads)), WIDEST)
    yield f"{'clause':<{width}}  {'admits':>10}  {'left':>10}  {'keeps out alone':>15}"
    for head, each in zip(heads, funnel.steps, strict=True):
        left = "" if each.left is None else f"{each.left:,}"
        keeps_out = f"{each.keeps_out:,}" if each.depth else ""
        yield f"{head:<{width}}  {each.admits:>10,}  {left:>10}  {keeps_out:>15}".rstrip()


def difference_lines(found: SegmentDifferences) -> Iterator[str]:
    """The size then and now, and each clause with how many it moved."""
    yield f"{found.before:,} contacts then, {found.entered:,} entered, {found.left:,} left, {found.after:,} now."
    for entered, title in ((True, "Entered"), (False, "Left")):
        movers = [each for each in found.movers if each.entered is entered]
        if not movers:
            continue
        yield ""
        yield title
        width = max(len(f"{each.contacts:,}") for each in movers)
        for each in movers:
            place = f"{each.place}, " if each.place else ""
            yield f"  {each.contacts:>{width},}  {each.clause}  ({place}such as {each.example})"
    if found.caveats:
        yield ""
        yield from found.caveats


def _flat(explanation: Explanation, depth: int) -> Iterator[tuple[str, str]]:
    notes = f"({'; '.join(explanation.notes)})" if explanation.notes else ""
    mark = "✓" if explanation.holds else "✗"
    yield f"{'  ' * depth}{mark} {explanation.clause}", " ".join(filter(None, (explanation.value, notes)))
    for each in explanation.inside:
        yield from _flat(each, depth + 1)
